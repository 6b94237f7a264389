#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# examples/containers/demo.sh with each runtime, what its containers do where no daemon is, and that it leaves nothing behind.
# usage: test_containers.sh DEMO BUILD_DIR; exit status 77: nothing of it can run here
set -u

readonly DEMO=$1 BUILD=$2
readonly SKIPPED=77
readonly PATIENCE=400 # turns of 50 ms
SCRATCH=$(mktemp -d)
readonly SCRATCH
readonly OUTPUT=$SCRATCH/output
readonly MARK=NSRELAY_TEST_CONTAINERS=$$ # in the environment of all that the demo starts, but of containers
FAILURES=0
trap 'rm -rf "$SCRATCH"' EXIT

failed() {
	echo "  $*"
	FAILURES=$((FAILURES + 1))
}

# demo ARGUMENT...: in the background, its id in DEMO_PID; SIGINT is not ignored, as it is for what a shell has put there
demo() {
	env --default-signal=INT "$MARK" setsid "$DEMO" --build-dir "$BUILD" "$@" >"$OUTPUT" 2>&1 </dev/null &
	DEMO_PID=$!
}

expect_output() {
	grep -qE "$1" "$OUTPUT" || failed "no $1 in what it printed:" "$(<"$OUTPUT")"
}

await_output() {
	local turn
	for ((turn = 0; turn < PATIENCE; turn++)); do
		! grep -qE "$1" "$OUTPUT" || return 0
		sleep .05
	done
	failed "waited in vain for $1; it printed:" "$(<"$OUTPUT")"
}

processes() {
	grep -lsz "^$MARK\$" /proc/[0-9]*/environ | sed 's|/environ||'
}

cgroups() {
	find /sys/fs/cgroup -depth -type d \( -path "*/nsrelay-demo-$DEMO_PID" -o -path "*/nsrelay-demo-$DEMO_PID/*" \)
}

expect_nothing_left() {
	local thing
	for thing in $(processes); do
		failed "still runs: $(xargs -0 <"$thing/cmdline")"
		kill -s KILL "${thing##*/}" 2>/dev/null
	done
	# Containers are in these as long as they live.
	for thing in $(cgroups); do
		failed "left behind: $thing"
		rmdir "$thing"
	done
	! ip link show pods0 >"$OUTPUT" 2>&1 || failed "there is a bridge of the demo"
}

# expect_end STATUS: of the demo; returns 77 when that was its own
expect_end() {
	local status=0
	wait "$DEMO_PID" || status=$?
	((status != SKIPPED)) || return $SKIPPED
	((status == $1)) || failed "exit status $status, not $1; it printed:" "$(<"$OUTPUT")"
}

# relays_between RUNTIME OPTION...: no byte goes any other way, and the server sees who it is that asks
relays_between() {
	local runtime=$1
	shift
	demo "$@"
	expect_end 0 || return
	expect_output "^two containers of $runtime:"
	expect_output '^  server    is asked by 10\.88\.0\.3$'
	expect_output '^  outbound  10\.88\.0\.3:[0-9]+ to 10\.88\.0\.2:80: 29 bytes up, [1-9][0-9]* down$'
	expect_output '^  inbound   10\.88\.0\.3:[0-9]+ to 10\.88\.0\.2:80: 29 bytes up, [1-9][0-9]* down$'
	expect_nothing_left
}

containers_of_containerd_call_each_other_through_it() {
	relays_between containerd
}

containers_of_podman_call_each_other_through_it() {
	relays_between podman --podman
}

# One more container where the daemon cannot be reached, by both settings.
# shellcheck disable=SC2016 # the demo's shell expands it
readonly WITHOUT_DAEMON='
	mv /run/nsrelay/control.sock /run/nsrelay/away
	for word in fail proceed; do
		sed -i "s/\"deadline_ms\": [0-9]*/\"deadline_ms\": 100/; s/\"onFailure\": \"[a-z]*\"/\"onFailure\": \"$word\"/" /etc/cni/net.d/*
		ctr run --rm --cni --cgroup "$NSRELAY_DEMO_CGROUP/$word" --rootfs /run/rootfs "$word" /bin/true && did="starts" || did="does not start"
		echo "onFailure $word: it $did"
	done
	mv /run/nsrelay/away /run/nsrelay/control.sock'

without_the_daemon_a_container_starts_only_if_it_may() {
	demo bash -c "$WITHOUT_DAEMON"
	expect_end 0 || return
	expect_output '^ctr: plugin type="nsrelay-cni" failed \(add\): .*/run/nsrelay/control\.sock'
	expect_output '^onFailure fail: it does not start$'
	expect_output '^onFailure proceed: it starts$'
	expect_nothing_left
}

# A container that starts while there is no daemon, but soon will be.
# shellcheck disable=SC2016 # the demo's shell expands it
readonly NEW_DAEMON='
	kill -s KILL $(pidof nsrelay)
	ctr run --rm --cni --cgroup "$NSRELAY_DEMO_CGROUP/late" --rootfs /run/rootfs late \
		/bin/sh -c "printf \"GET /cgi-bin/who HTTP/1.0\r\n\r\n\" | nc -w 5 10.88.0.2 80" </dev/null &
	until pidof nsrelay-cni >/dev/null; do sleep .05; done
	nsrelay run --config "$1" >/run/logs/again 2>&1 &
	wait %1
	echo "the late one ended with $?"
	until [[ $(grep -cE "msg=closed relay=(in|out)bound client=\[::ffff:10\.88\.0\.4\]" /run/logs/again) == 2 ]]; do sleep .05; done
	echo "both relays had it"'

the_daemon_may_be_killed_while_containers_run_and_start() {
	demo bash -c "$NEW_DAEMON" bash "$(dirname "$DEMO")/../enrolment.yaml"
	expect_end 0 || return
	expect_output '^10\.88\.0\.4$'
	expect_output '^the late one ended with 0$'
	expect_output '^both relays had it$'
	expect_nothing_left
}

interrupted_it_leaves_nothing() {
	demo sh -c 'echo waiting && exec sleep 600'
	await_output '^(waiting|skipped.*)$'
	kill -s INT -- "-$DEMO_PID"
	expect_end 130 || return
	expect_nothing_left
}

# claim NAME: reports as cmocka does
claim() {
	local before=$FAILURES status=0
	echo "[ RUN      ] $1"
	"$1" || status=$?
	if ((FAILURES > before)); then
		echo "[  FAILED  ] $1"
	elif ((status == SKIPPED)); then
		grep '^skipped' "$OUTPUT"
		echo "[  SKIPPED ] $1"
	else
		RAN=yes
		echo "[       OK ] $1"
	fi
}

main() {
	claim containers_of_containerd_call_each_other_through_it
	claim containers_of_podman_call_each_other_through_it
	claim without_the_daemon_a_container_starts_only_if_it_may
	claim the_daemon_may_be_killed_while_containers_run_and_start
	claim interrupted_it_leaves_nothing
	((FAILURES == 0)) || exit 1
	[[ ${RAN:-} ]] || exit $SKIPPED
}

main "$@"
