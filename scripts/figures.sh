#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# Measures this relay beside the public ones and beside a direct veth path, all in one run, round by round:
# what the machine does to one it does to all. Needs root. Makes two namespaces and two groups of processes,
# and removes them at its end.
set -euo pipefail

ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
readonly ROOT
. "$ROOT/bench/figures/lab.sh"
. "$ROOT/bench/figures/relays.sh"
. "$ROOT/bench/figures/sections.sh"

ROUNDS=3       # the median of three throws one outlier out
SECONDS_EACH=4 # of load in a sample
SETTLE=5       # seconds between the last connection's opening and looking at the memory
BUILD=$ROOT/build/release
OUTPUT=""
THREADS=$(nproc)
read -ra SECTIONS <<<"$DEFAULT_SECTIONS"
read -ra RELAYS <<<"$ALL_RELAYS"
FAILURES=0

usage() {
	cat <<-END
		usage: scripts/figures.sh [options]

		  --rounds N          samples of everything ($ROUNDS); the tables give medians
		  --seconds S         of load in each sample ($SECONDS_EACH)
		  --settle S          before the memory of idle connections is read ($SETTLE)
		  --threads N         of the relays that have a number of threads ($THREADS)
		  --only LIST         sections of ${ALL_SECTIONS// /,}
		                      (${DEFAULT_SECTIONS// /,})
		  --relays LIST       of ${ALL_RELAYS// /,} (all)
		  --build-dir DIR     a folder that is built already; without it what is missing is installed
		                      and build/release is built
		  --output FILE       each sample as a line of JSON (build/figures-DATE.jsonl)
	END
}

parse_options() {
	while (($# > 0)); do
		case $1 in
		--help) usage && exit 0 ;;
		--rounds | --seconds | --settle | --threads | --only | --relays | --build-dir | --output)
			(($# > 1)) || die "$1 needs a value"
			set_option "$1" "$2"
			shift 2
			;;
		*) die "unknown option $1; see --help" ;;
		esac
	done
}

set_option() {
	case $1 in
	--rounds | --seconds | --settle | --threads)
		[[ $2 =~ ^[1-9][0-9]{0,2}$ ]] || die "$1 $2: expected a number from 1 to 999"
		;;&
	--rounds) ROUNDS=$2 ;;
	--seconds) SECONDS_EACH=$2 ;;
	--settle) SETTLE=$2 ;;
	--threads) THREADS=$2 ;;
	--only) IFS=, read -ra SECTIONS <<<"$2" ;;
	--relays) IFS=, read -ra RELAYS <<<"$2" ;;
	--build-dir) BUILT=$2 ;;
	--output) OUTPUT=$2 ;;
	esac
}

# build: what --build-dir names was made elsewhere, and its relays may be left out
build() {
	if [[ ${BUILT:-} ]]; then
		BUILD=$(cd "$BUILT" && pwd) || die "--build-dir $BUILT: no such folder"
	else
		"$ROOT/scripts/setup.sh" build figures
		(cd "$ROOT" && cmake --preset release >/dev/null && cmake --build --preset release >/dev/null) ||
			die "the build failed: cmake --preset release && cmake --build --preset release"
	fi
	readonly NSLOAD=$BUILD/nsload NSRELAY=$BUILD/nsrelay NSCTL=$BUILD/nsctl
	[[ -x $NSLOAD ]] || die "there is no $NSLOAD"
}

check() {
	local name tool
	((EUID == 0)) || die "must run as root: it makes namespaces"
	(($(ulimit -Hn) >= FD_LIMIT)) || die "the limit of descriptors is below $FD_LIMIT (ulimit -Hn)"
	for tool in ip ss nsenter sysctl iperf3 taskset; do
		command -v $tool >/dev/null || die "needs $tool"
	done
	for name in "${SECTIONS[@]}"; do
		[[ " $ALL_SECTIONS " == *" $name "* ]] || die "unknown section $name; known are: $ALL_SECTIONS"
	done
	for name in "${RELAYS[@]}"; do
		relay_check "$name"
	done
}

header() {
	local name
	printf '%s, Linux %s, %s cpus, %s; %s rounds of %s s, relays with %s threads\n' "$(date -u +%FT%RZ)" \
		"$(uname -r)" "$(nproc)" "$CONGESTION on all sockets" "$ROUNDS" "$SECONDS_EACH" "$THREADS"
	[[ $MEMORY_ROOT ]] || echo "no memory controller: what is charged to a cgroup is left out"
	for name in "${RELAYS[@]}"; do
		printf '  %-15s  %s\n' "$name" "$(relay_version "$name")"
	done
}

# record SECTION RELAY ROUND: the sample's lines go to the tables and, as JSON, to the output
record() {
	awk -v OFS='\t' -v head="$1 $2 $3" '{ split(head, h, " "); print h[1], h[2], h[3], $1, $2 }' "$WORK/sample" \
		>>"$WORK/samples.tsv"
	awk -v section="$1" -v relay="$2" -v round="$3" -v raw="$(cat "$WORK/load.json" 2>/dev/null)" '
		BEGIN { printf "{\"section\":\"%s\",\"relay\":\"%s\",\"round\":%d", section, relay, round }
		{ printf ",\"%s\":%s", $1, $2 }
		END { printf "%s}\n", raw ? ",\"load\":" raw : "" }' "$WORK/sample" >>"$OUTPUT"
}

record_failure() {
	local why
	# shellcheck disable=SC1003 # it is a backslash that is meant
	why=$(tr -cs '[:alnum:][:punct:]' ' ' <"$WORK/sample" | tr -d '"\\')
	FAILURES=$((FAILURES + 1))
	printf '%s\t%s\t%s\tfailed\t%s\n' "$1" "$2" "$3" "$why" >>"$WORK/samples.tsv"
	printf '{"section":"%s","relay":"%s","round":%d,"failed":"%s"}\n' "$1" "$2" "$3" "$why" >>"$OUTPUT"
}

# progress TEXT: on a terminal only
progress() {
	[[ ! -t 2 ]] || printf '\r%-60s\r' "$1" >&2
}

# sample SECTION RELAY ROUND THREADS
sample() {
	progress "$1, round $3 of $ROUNDS: $2"
	rm -f "$WORK/load.json"
	if relay_start "$2" "$(section_target "$1")" "$4" >"$WORK/sample" && "measure_$1" "$2" >"$WORK/sample"; then
		record "$1" "$2" "$3"
	else
		record_failure "$1" "$2" "$3"
	fi
	relay_stop
}

# is_measured SECTION RELAY: what differs in one thing from nsrelay is measured where that matters
is_measured() {
	case $1,$2 in
	idle,direct | latency,nsrelay-1t | idle,nsrelay-1t | limit,nsrelay-1t) false ;;
	bulk*,nsrelay-bigtcp | threaded*,nsrelay-bigtcp) true ;;
	bulk*,nsrelay-mirror* | half*,nsrelay-mirror* | messages,nsrelay-mirror*) true ;;
	*,nsrelay-bigtcp | *,nsrelay-mirror*) false ;;
	*) true ;;
	esac
}

# relays_of SECTION ROUND: there and back again, so that no relay always runs behind the same one
relays_of() {
	local name
	for name in "${RELAYS[@]}"; do
		! is_measured "$1" "$name" || echo "$name"
	done | if (($2 % 2)); then cat; else tac; fi
}

run_section() {
	local round relay threads=$THREADS
	if [[ $1 == latency ]]; then
		PIN=(taskset -c 0) threads=1
	fi
	"section_setup_$1" >&2 || die "$1: the server did not start: $(cat "$WORK/server.log")"
	for ((round = 1; round <= ROUNDS; round++)); do
		for relay in $(relays_of "$1" $round); do
			sample "$1" "$relay" $round "$threads"
		done
	done
	lab_end load
	PIN=()
}

main() {
	local section
	parse_options "$@"
	build
	check
	[[ $OUTPUT ]] || OUTPUT=$ROOT/build/figures-$(date -u +%Y%m%dT%H%M%S).jsonl
	mkdir -p "$(dirname "$OUTPUT")"
	: >"$OUTPUT"
	lab_up
	header
	for section in "${SECTIONS[@]}"; do
		run_section "$section"
	done
	progress ""
	awk -f "$ROOT/bench/figures/report.awk" "$WORK/samples.tsv"
	printf '\nall samples: %s\n' "$OUTPUT"
	((FAILURES == 0)) || die "$FAILURES samples failed"
}

main "$@"
