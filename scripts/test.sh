#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# Everything that must be green: the tests as built by gcc, once more under the sanitizers, a build by clang, the static
# checks, and a short run of the fuzz targets. Installs what is missing. Run it as root: without the privilege to make
# namespaces many tests are skipped. Its last line is the sum of it all.
set -euo pipefail
export LC_ALL=C

ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
readonly ROOT
readonly RESULTS=$ROOT/build/test-results
readonly FUZZ_SECONDS=30 # all targets together: a look whether they still run
readonly ALL_PARTS="release asan tsan tidy fuzz"
read -ra PARTS <<<"$ALL_PARTS"
PASSED=0 FAILED=0 SKIPPED=0
NOTES=() # what failed and what was skipped
JOBS=$(nproc)

usage() {
	cat <<-END
		usage: scripts/test.sh [--quick | --only PART]

		  --quick       the release build and its tests only
		  --only PART   one of ${ALL_PARTS// /, }
	END
}

die() {
	printf 'test: %s\n' "$*" >&2
	exit 2
}

failed() {
	FAILED=$((FAILED + 1))
	NOTES+=("failed  $1")
}

# step TEXT COMMAND...: says nothing of what the command prints, unless it fails. Counts only then: it is no test.
step() {
	local text=$1 began=$SECONDS
	shift
	printf '%-40s ' "$text"
	if "$@" </dev/null >"$RESULTS/step.log" 2>&1; then
		printf 'ok %6d s\n' $((SECONDS - began))
	else
		printf 'FAILED\n'
		cat "$RESULTS/step.log"
		failed "$text"
		return 1
	fi
}

# configure OPTION...: of cmake's, which is heard only when it fails
configure() {
	cmake "$@" >"$RESULTS/configure.log" 2>&1 || {
		cat "$RESULTS/configure.log"
		return 1
	}
}

build() {
	configure --preset "$1" && cmake --build --preset "$1" -- --quiet
}

# The sanitizers' shadow memory leaves no room for addresses as random as vm.mmap_rnd_bits above 28 makes them.
fixed_addresses() {
	if setarch -R true 2>/dev/null; then
		setarch -R "$@"
	else
		"$@"
	fi
}

# run_ctest PRESET OPTION...: its whole output goes into the results, to be counted
run_ctest() {
	local preset=$1 wrap=()
	shift
	[[ $preset == release ]] || wrap=(fixed_addresses)
	"${wrap[@]}" ctest --preset "$preset" --parallel "$JOBS" --no-tests=error --output-junit "$RESULTS/$preset.xml" \
		--test-output-size-passed 10000000 --test-output-size-failed 10000000 "$@" </dev/null
}

# count_tests PRESET STATUS: adds up what ctest has written, and its exit status
count_tests() {
	local word rest passed failed skipped before=$FAILED
	while read -r word rest; do
		case $word in
		total)
			read -r passed failed skipped <<<"$rest"
			PASSED=$((PASSED + passed)) FAILED=$((FAILED + failed)) SKIPPED=$((SKIPPED + skipped))
			;;
		failed | skipped) NOTES+=("$(printf '%-7s' "$word") $1: $rest") ;;
		esac
	done < <(awk -f scripts/count-tests.awk "$RESULTS/$1.xml")
	(($2 == 0 || FAILED > before)) || failed "$1: ctest"
}

# suite PRESET CTEST_OPTION...
suite() {
	local preset=$1 status=0
	step "build $preset" build "$preset" || return 0
	rm -f "$RESULTS/$preset.xml"
	run_ctest "$@" || status=$?
	count_tests "$preset" $status
}

part_release() {
	suite release
}

part_asan() {
	suite asan --label-regex '^(unit|integration)$'
}

part_tsan() {
	suite tsan --label-regex '^(unit|integration)$'
}

# clang_tidy: every file that is built, one a process, as version 14 carries over state from one file to the next
clang_tidy() {
	sed -n 's/^ *"file": "\(.*\)",\?$/\1/p' build/clang/compile_commands.json | sort -u |
		xargs --max-args=1 --max-procs="$JOBS" clang-tidy --quiet -p build/clang 2>&1 |
		sed '/^[0-9]* warnings* generated\.$/d' # of those that are off
}

# ours PATTERN...: the files of the tree with such a name
ours() {
	local pattern names=(-false)
	for pattern; do
		names+=(-o -path "$pattern")
	done
	find . \( -path ./build -o -path ./.git \) -prune -o -type f \( "${names[@]}" \) -print
}

shell_scripts() {
	ours '*.sh' './.ci/run' | xargs grep -lx '#!/bin/bash' | xargs shellcheck --external-sources
}

licence_headers() {
	! ours '*.[ch]' '*.cc' '*.sh' '*.awk' '*.py' '*.cmake' '*/CMakeLists.txt' '*.service' './.ci/run' |
		xargs grep -L 'SPDX-License-Identifier: Apache-2.0' | grep .
}

part_tidy() {
	step "licence headers" licence_headers || true
	step "shell scripts" shell_scripts || true
	step "build clang" build clang || return 0
	step "clang-tidy" clang_tidy || true
}

build_fuzz() {
	configure --preset clang -B build/fuzz -D NSRELAY_FUZZ=ON -D NSRELAY_BENCH=OFF &&
		cmake --build build/fuzz --target "$@" -- --quiet
}

# fuzz TARGET SECONDS: what it finds goes to build/fuzz
fuzz() {
	mkdir -p "build/fuzz/found_$1"
	fixed_addresses "build/fuzz/$1" -max_total_time="$2" -timeout=10 -artifact_prefix="build/fuzz/$1-" \
		"build/fuzz/found_$1" "tests/fuzz/corpus_${1#fuzz_}"
}

part_fuzz() {
	local target targets
	mapfile -t targets < <(ours './tests/fuzz/fuzz_*.c' | sed 's|.*/||; s|\.c$||' | sort)
	((${#targets[@]} > 0)) || return 0
	step "build fuzz targets" build_fuzz "${targets[@]}" || return 0
	for target in "${targets[@]}"; do
		step "$target" fuzz "$target" $((FUZZ_SECONDS / ${#targets[@]})) || true
	done
}

parse_options() {
	while (($# > 0)); do
		case $1 in
		--help) usage && exit 0 ;;
		--quick) PARTS=(release) ;;
		--only)
			[[ " $ALL_PARTS " == *" ${2:-} "* ]] || die "--only ${2:-}: expected one of $ALL_PARTS"
			PARTS=("$2")
			shift
			;;
		*) die "unknown option $1; see --help" ;;
		esac
		shift
	done
}

main() {
	local part
	parse_options "$@"
	trap 'exit 130' INT
	trap 'exit 143' TERM
	cd "$ROOT"
	mkdir -p "$RESULTS"
	scripts/setup.sh build test demo
	for part in "${PARTS[@]}"; do
		"part_$part"
	done
	printf '\n'
	((${#NOTES[@]} == 0)) || printf '%s\n' "${NOTES[@]}"
	printf '%d passed, %d failed, %d skipped\n' $PASSED $FAILED $SKIPPED
	((FAILED == 0))
}

main "$@"
