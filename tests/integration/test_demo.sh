#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# scripts/demo.sh shows what it should, and leaves nothing behind, however it ends.
# usage: test_demo.sh DEMO BUILD_DIR; exit status 77: skipped, for want of privilege
set -u

readonly DEMO=$1 BUILD=$2
readonly SKIPPED=77
readonly MARK=NSRELAY_TEST_DEMO=$$ # in the environment of all that the demo starts
readonly SCRATCH=/run/test
readonly OUTPUT=$SCRATCH/output
readonly PATIENCE=600              # turns of 50 ms
FAILURES=0

# Everything the demo names is in /run. With one of our own, nobody sees its names, and what it left is what is there.
hide_run() {
	exec unshare --mount --propagation private -- "$0" "$@"
}

failed() {
	echo "  $*"
	FAILURES=$((FAILURES + 1))
}

processes() {
	grep -lsz "^$MARK\$" /proc/[0-9]*/environ | sed 's|/environ||'
}

expect_nothing_left() {
	local process
	for process in $(processes); do
		failed "still runs: $(xargs -0 <"$process/cmdline")"
		kill -s KILL "${process##*/}" 2>/dev/null
	done
	find /run -mindepth 1 ! -path /run/netns ! -path "$SCRATCH*" -printf '  left behind: %p\n' | grep . &&
		failed "there are files of the demo"
}

# demo OPTION...: in the background, its id in DEMO_PID; as from a terminal, where it leads a process group and SIGINT is
# not ignored, as it is for what a shell has put into the background
demo() {
	env --default-signal=INT "$MARK" setsid "$DEMO" --build-dir "$BUILD" "$@" >"$OUTPUT" 2>&1 </dev/null &
	DEMO_PID=$!
}

# expect_status STATUS: of the demo
expect_status() {
	local status=0
	wait "$DEMO_PID" || status=$?
	((status == $1)) || failed "exit status $status, not $1; it printed:" "$(<"$OUTPUT")"
}

expect_output() {
	grep -qE "$1" "$OUTPUT" || failed "no $1 in what it printed:" "$(<"$OUTPUT")"
}

await_output() {
	local turn
	for ((turn = 0; turn < PATIENCE; turn++)); do
		grep -qE "$1" "$OUTPUT" && return
		sleep .05
	done
	failed "waited in vain for $1; it printed:" "$(<"$OUTPUT")"
}

it_relays_http_and_hello_and_measures() {
	demo
	expect_status 0
	expect_output '^ +HTTP 200$'
	expect_output '^ +ns1 +Hello from ns2$'
	expect_output '^ +nsrelay +[0-9]+\.[0-9] +[0-9]+\.[0-9]+ +[0-9]+\.[0-9]+$'
	expect_nothing_left
}

# interrupted SIGNAL TARGET STATUS OUTPUT: once it has printed that
interrupted() {
	demo
	await_output "$4"
	kill -s "$1" -- "$2$DEMO_PID"
	expect_status "$3"
	expect_nothing_left
}

interrupted_at_its_start_it_leaves_nothing() {
	interrupted INT - 130 'network namespaces'
}

interrupted_while_relaying_it_leaves_nothing() {
	interrupted INT - 130 'nc listens'
}

interrupted_while_measuring_it_leaves_nothing() {
	interrupted INT - 130 'Throughput'
}

terminated_while_measuring_it_leaves_nothing() {
	interrupted TERM '' 143 'Throughput'
}

a_failing_step_ends_it_with_what_the_tool_said() {
	local tools=$SCRATCH/tools
	mkdir $tools
	printf '#!/bin/sh\necho the tool says why >&2\nexit 9\n' >$tools/curl
	chmod +x $tools/curl
	PATH=$tools:$PATH demo
	expect_status 1
	expect_output 'curl failed in ns1'
	expect_output 'the tool says why'
	expect_nothing_left
}

kept_it_goes_on_until_it_is_removed() {
	demo --keep
	expect_status 0
	nsenter "--net=/run/netns/nsrelay-demo-$DEMO_PID-ns1" curl --noproxy '*' -fsS http://127.0.0.1/ >"$OUTPUT" 2>&1
	expect_output '^Hello over HTTP from ns2$'
	"$DEMO" --remove >"$OUTPUT" 2>&1 || failed "it cannot be removed:" "$(<"$OUTPUT")"
	expect_nothing_left
}

# claim NAME: reports as cmocka does
claim() {
	local before=$FAILURES
	echo "[ RUN      ] $1"
	"$1"
	if ((FAILURES == before)); then
		echo "[       OK ] $1"
	else
		echo "[  FAILED  ] $1"
	fi
}

main() {
	if ((EUID != 0)); then
		echo "skipped: it takes root to make network namespaces"
		exit $SKIPPED
	fi
	[[ ${NSRELAY_TEST_DEMO_HIDDEN:-} ]] || NSRELAY_TEST_DEMO_HIDDEN=yes hide_run "$@"
	mount -t tmpfs -o mode=755 tmpfs /run || exit 1
	mkdir $SCRATCH
	claim it_relays_http_and_hello_and_measures
	claim interrupted_at_its_start_it_leaves_nothing
	claim interrupted_while_relaying_it_leaves_nothing
	claim interrupted_while_measuring_it_leaves_nothing
	claim terminated_while_measuring_it_leaves_nothing
	claim a_failing_step_ends_it_with_what_the_tool_said
	claim kept_it_goes_on_until_it_is_removed
	((FAILURES == 0))
}

main "$@"
