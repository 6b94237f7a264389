#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# The generators measure what others measure: bulk on one stream within 10 % of iperf3, and ping-pong within 15 % of sockperf,
# on the same veth pair and the same processors, turn by turn. On demand only: it wants a quiet machine.
# usage: validate_nsload.sh NSLOAD; exit status 77: skipped, for want of root or of both tools
set -euo pipefail

readonly NSLOAD=$1 SECONDS_EACH=2 ROUNDS=9 SKIPPED=77
readonly CONGESTION=reno # which every namespace may use
readonly SERVER=10.9.0.2
FAILURES=0 SERVER_PID=""
# Left to the scheduler, client and server share a processor in some rounds and not in others.
readonly CLIENT_CPU=0 SERVER_CPU=$(($(nproc --all) - 1))

skip() {
	echo "skipped: $*"
	exit $SKIPPED
}

# inside: a network namespace of our own, and one more for the server, which ends with its only process
enter() {
	((EUID == 0)) || skip "making namespaces takes root"
	[[ ${INSIDE:-} ]] || INSIDE=yes exec unshare --net --mount --pid --fork --mount-proc --propagation private -- "$0" "$@"
	unshare --net sleep infinity &
	SERVER_PID=$!
	until [[ $(readlink /proc/$SERVER_PID/ns/net) != $(readlink /proc/self/ns/net) ]]; do sleep .01; done
	ip link add veth0 type veth peer name veth0 netns $SERVER_PID
	ip address add 10.9.0.1/24 dev veth0
	ip link set veth0 up
	at_server ip address add $SERVER/24 dev veth0
	at_server ip link set veth0 up
}

at_client() {
	taskset -c $CLIENT_CPU "$@"
}

at_server() {
	nsenter "--net=/proc/$SERVER_PID/ns/net" -- taskset -c $SERVER_CPU "$@"
}

# listens PORT: until somebody does
listens() {
	until at_server ss -Hltn "sport = :$1" | grep -q .; do sleep .02; done
}

json() {
	sed -n "s/.*\"$1\":\([0-9.]*\).*/\1/p"
}

# serve PORT COMMAND...: in the server's namespace; its id in SERVING
serve() {
	local port=$1
	shift
	at_server "$@" >/dev/null 2>&1 &
	SERVING=$!
	listens "$port"
}

stop_serving() {
	kill "$SERVING" 2>/dev/null || true
	wait "$SERVING" 2>/dev/null || true
}

bulk_ours() {
	at_server "$NSLOAD" bulk-recv --listen "/$SERVER:9001" --congestion $CONGESTION >"$WORK/bulk" &
	listens 9001
	at_client "$NSLOAD" bulk-send --connect "/$SERVER:9001" --congestion $CONGESTION --seconds $SECONDS_EACH
	wait $!
	json gbit_per_s <"$WORK/bulk"
}

bulk_theirs() {
	serve 9002 iperf3 -s -1 -p 9002
	at_client iperf3 -J -c $SERVER -p 9002 -t $SECONDS_EACH -C $CONGESTION >"$WORK/iperf"
	stop_serving
	awk '/"sum_received":/ { found = 1 } found && $1 == "\"bits_per_second\":" { print $2 / 1e9; exit }' "$WORK/iperf"
}

ping_ours() {
	serve 9003 "$NSLOAD" pong --listen "/$SERVER:9003" --congestion $CONGESTION
	at_client "$NSLOAD" ping --connect "/$SERVER:9003" --congestion $CONGESTION --connections 1 --seconds $SECONDS_EACH |
		json p50_us
	stop_serving
}

# sockperf tells the half of a round
ping_theirs() {
	serve 9004 sockperf server --tcp -i $SERVER -p 9004
	at_client sockperf ping-pong --tcp -i $SERVER -p 9004 -m 64 -t $SECONDS_EACH 2>/dev/null |
		awk '/percentile 50.000/ { print $NF * 2 }'
	stop_serving
}

# best COLUMN END: of all rounds; END is tail for the largest, head for the smallest
best() {
	awk -v column="$1" '{ print $column }' "$WORK/pairs" | sort -g | "$2" -n 1
}

# compare WHAT TOOL LIMIT_PERCENT END: by each one's best round. Bulk loses packets in some rounds, by chance, and with them
# up to half of its rate.
compare() {
	local round off
	command -v "$2" >/dev/null || {
		echo "$1: skipped, there is no $2"
		return
	}
	COMPARED=yes
	for ((round = 0; round < ROUNDS; round++)); do
		echo "$("$1_ours") $("$1_theirs")"
	done >"$WORK/pairs"
	off=$(awk -v ours="$(best 1 "$4")" -v theirs="$(best 2 "$4")" 'BEGIN { print (ours / theirs - 1) * 100 }')
	printf '%s: nsload against %s %+.1f %%, wanted within %d %%; rounds: %s\n' "$1" "$2" "$off" "$3" \
		"$(tr '\n' ',' <"$WORK/pairs")"
	awk -v off="$off" -v limit="$3" 'BEGIN { exit off > limit || off < -limit }' || FAILURES=$((FAILURES + 1))
}

enter "$@"
WORK=$(mktemp -d)
trap 'rm -rf "$WORK"' EXIT
compare bulk iperf3 10 tail
compare ping sockperf 15 head
[[ ${COMPARED:-} ]] || skip "there is neither iperf3 nor sockperf"
((FAILURES == 0))
