#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# Shows what nsrelay is for: two network namespaces with no link between them, and TCP from each into the other. Needs
# root; installs what is missing. However it ends, nothing of it is left but build/.
set -euo pipefail
export LC_ALL=C

ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
readonly ROOT
readonly NAME=nsrelay-demo-$$
readonly WORK=/run/$NAME         # nobody but root can have made it
readonly KEPT=/run/nsrelay-demo  # what --keep left, for --remove: a line for each thing, see THINGS
readonly NS1=$NAME-ns1 NS2=$NAME-ns2
readonly VETH1=$NAME-veth1 VETH2=$NAME-veth2 # two more, which do have a link: what to compare with
readonly ROUNDS=2 SECONDS_EACH=3
readonly PATIENCE=200 # turns of 50 ms for anything to come up or to end

BUILD=""  # the folder with nsrelay in it
KEEP=""
THINGS=() # made so far and to be removed, last one first: the arguments of remove_...

usage() {
	cat <<-END
		usage: scripts/demo.sh [--keep] [--build-dir DIR]
		       scripts/demo.sh --remove

		  --keep            leave it running at the end, and say what to try
		  --remove          remove what --keep left
		  --build-dir DIR   a folder that is built already; without it build/release is built
	END
}

# fail TEXT [LOG]: and what the tool printed
fail() {
	printf 'demo: %s\n' "$1" >&2
	[[ ! -s ${2:-} ]] || sed 's/^/    /' "$2" >&2
	exit 1
}

# ---- what is made, and its end ----

# await COMMAND...: until it succeeds
await() {
	local turn
	for ((turn = 0; turn < PATIENCE; turn++)); do
		"$@" && return 0
		sleep .05
	done
	return 1
}

# look_up PID: sets STARTED to when it was started (field 22 of proc(5)'s stat), or to nothing once it has ended; tells
# another process apart that has the number by now. Starts no process, as that would die of the Ctrl-C that we survive.
look_up() {
	local stat fields
	STARTED=""
	{ read -r stat <"/proc/$1/stat"; } 2>/dev/null || return 0
	read -ra fields <<<"${stat##*) }"
	STARTED=${fields[19]}
}

# members PGID: proc(5)'s stat from the third field on, for each process of the group that has not ended
members() {
	{ cat /proc/[0-9]*/stat 2>/dev/null || true; } | # one of another's may end before it is read
		awk -v group="$1" '{ pid = $1; sub(/.*\) /, "") } (pid == group || $3 == group) && $1 != "Z"'
}

ended() {
	[[ ! $(members "$1") ]]
}

# end PID SIGNALLED: ends the process group PID, beginning with a SIGTERM to SIGNALLED
end() {
	kill -s TERM -- "$2" 2>/dev/null || true
	await ended "$1" && return
	kill -s KILL -- "-$1" 2>/dev/null || true
	await ended "$1" || echo "demo: cannot end process $1" >&2
}

# same_process PID STARTED: or one that has left its group behind
same_process() {
	look_up "$1"
	[[ ! $STARTED || $STARTED == "${2:-}" ]]
}

# remove_process PID STARTED: it ends its children itself
remove_process() {
	! same_process "$@" || end "$1" "$1"
}

# remove_group PID STARTED: a process that does not
remove_group() {
	! same_process "$@" || end "$1" "-$1"
}

remove_netns() {
	[[ ! -e /run/netns/$1 ]] || ip netns delete "$1"
}

remove_folder() {
	rm -rf "$1"
}

remove_things() {
	local index thing
	set +e
	for ((index = ${#THINGS[@]} - 1; index >= 0; index--)); do
		read -ra thing <<<"${THINGS[index]}"
		"remove_${thing[0]}" "${thing[@]:1}"
	done
}

clean_up() {
	trap '' HUP INT PIPE TERM
	# A signal may have come between the start of a process and its entry.
	[[ ! ${!:-} || " ${THINGS[*]} " == *" $! "* ]] || note group "$!"
	remove_things
}

note() {
	look_up "$2"
	THINGS+=("$1 $2 $STARTED")
}

# launch KIND LOG COMMAND...: in the background, as a group of its own that only clean_up ends
launch() {
	local kind=$1 log=$WORK/$2
	shift 2
	: >"$log"
	setsid "$@" </dev/null >"$log" 2>&1 &
	note "$kind" $!
}

# start NETNS LOG COMMAND...
start() {
	local netns=$1 log=$2
	shift 2
	launch process "$log" nsenter "--net=/run/netns/$netns" -- "$@"
}

# run NETNS LOG COMMAND...: to its end. In the background too, as the shell heeds no signal while it waits for any other.
run() {
	start "$@"
	wait $! || fail "$3 failed in $(short "$1"):" "$WORK/$2"
}

listens() {
	nsenter "--net=/run/netns/$1" ss -Hltn "sport = :$2" | grep -q .
}

await_listener() {
	await listens "$1" "$2" || fail "nothing listens on port $2 in $(short "$1"):" "$WORK/$3"
}

netns() {
	THINGS+=("netns $1")
	ip netns add "$1"
	ip -n "$1" link set lo up
}

# relay LOG LISTEN TO
relay() {
	launch process "$1" "$BUILD/nsrelay" run --listen "$2" --to "$3"
	await grep -qw ready "$WORK/$1" || fail "nsrelay did not get ready:" "$WORK/$1"
}

# ---- the parts of the show ----

# short TEXT: with the names of the namespaces as one would give them
short() {
	echo "${1//$NAME-/}"
}

show() {
	printf '  %-4s $ %s\n' "$1" "$(short "$2")"
}

build() {
	"$ROOT/scripts/setup.sh" build demo
	if [[ ! $BUILD ]]; then
		BUILD=$ROOT/build/release
		echo "Building ..."
		# shellcheck disable=SC2016 # the inner shell expands it
		launch group build.log sh -c 'cd "$1" && cmake --preset release &&
			cmake --build --preset release --target nsrelay -- --quiet' sh "$ROOT"
		wait $! || fail "the build failed:" "$WORK/build.log"
	fi
	[[ -x $BUILD/nsrelay ]] || fail "there is no $BUILD/nsrelay"
}

make_namespaces() {
	netns "$NS1"
	netns "$NS2"
	printf '\nTwo network namespaces, ns1 and ns2, each with a loopback device and nothing else.\n'
}

show_http() {
	printf '\nAn HTTP server in ns2 is asked from ns1:\n'
	mkdir "$WORK/www"
	echo "Hello over HTTP from ns2" >"$WORK/www/index.html"
	start "$NS2" http.log python3 -I -m http.server --bind 127.0.0.1 --directory "$WORK/www" 80
	await_listener "$NS2" 80 http.log
	relay relay-http.log "$NS1/127.0.0.1:80" "$NS2/127.0.0.1:80"
	show "" "nsrelay run --listen $NS1/127.0.0.1:80 --to $NS2/127.0.0.1:80 &"
	show ns1 "curl http://127.0.0.1/"
	run "$NS1" curl.log curl --noproxy '*' --silent --show-error --fail --max-time 10 \
		--write-out 'HTTP %{http_code}\n' http://127.0.0.1/
	sed 's/^/       /' "$WORK/curl.log"
}

show_hello() {
	printf '\nnc listens in ns1, and hears from ns2:\n'
	start "$NS1" listener.log nc.openbsd -l 127.0.0.1 8080
	local listener=$!
	await_listener "$NS1" 8080 listener.log
	relay relay-hello.log "$NS2/127.0.0.1:8080" "$NS1/127.0.0.1:8080"
	show "" "nsrelay run --listen $NS2/127.0.0.1:8080 --to $NS1/127.0.0.1:8080 &"
	show ns1 "nc -l 127.0.0.1 8080 &"
	show ns2 "echo Hello from ns2 | nc -N 127.0.0.1 8080"
	# shellcheck disable=SC2016 # the inner shell expands it
	run "$NS2" nc.log sh -c 'echo Hello from ns2 | nc.openbsd -N -w 10 127.0.0.1 8080'
	wait $listener || fail "nc failed in ns1:" "$WORK/listener.log"
	grep -qx "Hello from ns2" "$WORK/listener.log" || fail "nc in ns1 did not hear it; it printed:" "$WORK/listener.log"
	sed 's/^/  ns1    /' "$WORK/listener.log"
}

# group_ticks PGID: CPU time of its processes with all their threads
group_ticks() {
	members "$1" | awk '{ utime += $12; stime += $13 } END { print utime + stime }'
}

# expect_no_error: a relay that died and was restarted has hardly shown in what was relayed
expect_no_error() {
	local log
	for log in "$WORK"/relay-*.log; do
		! grep -q 'level=error' "$log" || fail "nsrelay reported an error:" "$log"
	done
}

# measure PATH NETNS ADDRESS RELAY: one sample, as a line of samples: path, bits a second, bytes, CPU ticks of the relay
measure() {
	local before
	before=$(group_ticks "$4")
	run "$2" iperf3.json iperf3 --client "$3" --time $SECONDS_EACH --congestion cubic --json
	expect_no_error
	awk -v path="$1" -v ticks=$(($(group_ticks "$4") - before)) -F '[:,]' '
		/"sum_received"/ { found = 1 }
		found && /"bytes"/ { bytes = $2 }
		found && /"bits_per_second"/ { print path, $2, bytes, ticks; figure = 1; exit }
		END { exit !figure }' "$WORK/iperf3.json" >>"$WORK/samples" ||
		fail "iperf3 gave no figure:" "$WORK/iperf3.json"
}

make_veth_pair() {
	netns "$VETH1"
	netns "$VETH2"
	ip link add name veth0 netns "$VETH1" type veth peer name veth0 netns "$VETH2"
	ip -n "$VETH1" address add 10.0.0.1/24 dev veth0
	ip -n "$VETH2" address add 10.0.0.2/24 dev veth0
	ip -n "$VETH1" link set veth0 up
	ip -n "$VETH2" link set veth0 up
}

table() {
	awk -v hz="$(getconf CLK_TCK)" '
		function row(path, cpu) {
			printf "  %-22s %7.1f %7.2f %14s\n", path, rate[path] / count[path] / 1e9,
			       rate[path] / rate["veth"], cpu
		}
		{ rate[$1] += $2; bytes[$1] += $3; ticks[$1] += $4; count[$1]++ }
		END {
			printf "  %-22s %7s %7s %14s\n", "path", "Gbit/s", "ratio", "relay s/GB"
			row("veth", "-")
			row("nsrelay", sprintf("%.3f", ticks["nsrelay"] / hz / (bytes["nsrelay"] / 1e9)))
		}' "$WORK/samples"
}

show_throughput() {
	local round relay
	printf '\nThroughput of one connection, iperf3, cubic; %d rounds of %d s, by turns; veth: between two\n' \
		$ROUNDS $SECONDS_EACH
	printf 'other namespaces, over a veth pair; relay: CPU seconds of nsrelay for each GB:\n'
	make_veth_pair
	start "$NS2" iperf3-ns2.log iperf3 --server --bind 127.0.0.1
	start "$VETH2" iperf3-veth.log iperf3 --server --bind 10.0.0.2
	relay relay-iperf3.log "$NS1/127.0.0.1:5201" "$NS2/127.0.0.1:5201"
	relay=$!
	await_listener "$NS2" 5201 iperf3-ns2.log
	await_listener "$VETH2" 5201 iperf3-veth.log
	for ((round = 0; round < ROUNDS; round++)); do
		measure veth "$VETH1" 10.0.0.2 "$relay"
		measure nsrelay "$NS1" 127.0.0.1 "$relay"
	done
	table
}

keep() {
	trap '' HUP INT PIPE TERM
	printf '%s\n' "${THINGS[@]}" >"$KEPT"
	trap - EXIT
	cat <<-END

		It goes on running. Try:
		  ip netns exec $NS1 curl http://127.0.0.1/
		  ip netns exec $NS1 iperf3 -c 127.0.0.1 -C cubic
		  ip netns exec $NS1 nc -l 127.0.0.1 8080 & echo Hello | ip netns exec $NS2 nc -N 127.0.0.1 8080
		Its logs are in $WORK. To remove it all:
		  $ROOT/scripts/demo.sh --remove
	END
}

remove_kept() {
	[[ -e $KEPT ]] || fail "there is nothing to remove: no $KEPT"
	trap '' HUP INT PIPE TERM
	mapfile -t THINGS <"$KEPT"
	remove_things
	rm "$KEPT"
}

parse_options() {
	while (($# > 0)); do
		case $1 in
		--help) usage && exit 0 ;;
		--keep) KEEP=yes ;;
		--remove) remove_kept && exit 0 ;;
		--build-dir)
			BUILD=$(cd "${2:-}" && pwd) || fail "--build-dir needs a folder"
			shift
			;;
		*) fail "unknown option $1; see --help" ;;
		esac
		shift
	done
}

main() {
	((EUID == 0)) || fail "must run as root: it makes network namespaces"
	parse_options "$@"
	[[ ! $KEEP || ! -e $KEPT ]] || fail "one that was kept is still there; remove it by: scripts/demo.sh --remove"
	trap clean_up EXIT
	trap 'exit 129' HUP
	trap 'exit 130' INT
	trap 'exit 141' PIPE
	trap 'exit 143' TERM
	THINGS+=("folder $WORK")
	mkdir -m 700 "$WORK"
	build
	make_namespaces
	show_http
	show_hello
	show_throughput
	[[ ! $KEEP ]] || keep
}

main "$@"
