#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# What `cmake --install` lays down, looked at in a folder of its own: is all there, does it run, do those who read it find
# no fault?
#
#     test_install.sh BUILD PREFIX    PREFIX is the one that BUILD was configured with
set -euo pipefail
export LC_ALL=C

readonly BUILD=$1 PREFIX=$2
FAILURES=0
ROOT=$(mktemp -d)
readonly ROOT
trap 'rm -rf "$ROOT"' EXIT

# check TEXT COMMAND...
check() {
	local text=$1
	shift
	if "$@" >"$ROOT/said" 2>&1; then
		printf 'ok      %s\n' "$text"
	else
		printf 'FAILED  %s\n' "$text"
		sed 's/^/        /' "$ROOT/said"
		FAILURES=$((FAILURES + 1))
	fi
}

# check_with TOOL TEXT COMMAND...: where there is that tool
check_with() {
	local tool=$1
	shift
	if command -v "$tool" >/dev/null; then
		check "$@"
	else
		printf 'skipped %s: there is no %s\n' "$1" "$tool"
	fi
}

is_there() {
	[[ -s $ROOT$PREFIX/$1 ]]
}

# bash_offers WORD LINE: does bash, with the completion of the line's program, offer that?
bash_offers() {
	PATH=$ROOT$PREFIX/sbin:$PATH bash -c '
		source "$1/share/bash-completion/completions/${3%% *}"
		COMP_LINE=$3 COMP_POINT=${#3} COMP_CWORD=1
		read -ra COMP_WORDS <<<"$3"
		"_${3%% *}"
		[[ " ${COMPREPLY[*]} " == *" $2 "* ]]' bash "$ROOT$PREFIX" "$1" "$2"
}

# unit_is_of_this: does the service start the very program that was installed?
unit_is_of_this() {
	local program
	program=$(sed -n 's/^ExecStart=\([^ ]*\).*/\1/p' "$ROOT$PREFIX/lib/systemd/system/nsrelay.service")
	[[ -x $ROOT$program ]]
}

# systemd-analyze looks for the programs it names, which are below $ROOT.
unit_has_no_mistake() {
	sed "s|^ExecStart=|&$ROOT|" "$ROOT$PREFIX/lib/systemd/system/nsrelay.service" >"$ROOT/nsrelay.service"
	systemd-analyze verify --man=no "$ROOT/nsrelay.service"
}

# examples_are_right: does the program that was installed take the examples that were?
examples_are_right() {
	local file
	for file in "$ROOT$PREFIX"/share/doc/*/examples/*.yaml; do
		"$ROOT$PREFIX/sbin/nsrelay" check -c "$file" || return 1
	done
}

DESTDIR=$ROOT cmake --install "$BUILD" >"$ROOT/log" || {
	cat "$ROOT/log"
	exit 1
}
for file in sbin/nsrelay sbin/nsctl lib/systemd/system/nsrelay.service lib/sysusers.d/nsrelay.conf; do
	check "$file is there" is_there "$file"
done
check "nsrelay runs" "$ROOT$PREFIX/sbin/nsrelay" version
check "nsctl runs" "$ROOT$PREFIX/sbin/nsctl" version
check "the service starts this nsrelay" unit_is_of_this
check_with systemd-analyze "systemd finds no mistake in it" unit_has_no_mistake
check "the examples are right" examples_are_right
for program in nsrelay nsctl; do
	check "bash completes $program" bash_offers help "$program he"
	check "zsh's completion of $program is there" is_there "share/zsh/site-functions/_$program"
	check "fish's completion of $program is there" is_there "share/fish/vendor_completions.d/$program.fish"
done
for page in nsrelay.1 nsctl.1 nsrelay.yaml.5 nstopology.yaml.5; do
	check_with scdoc "the page $page is there" is_there "share/man/man${page##*.}/$page"
done
if grep -qx 'NSRELAY_CNI:BOOL=ON' "$BUILD/CMakeCache.txt"; then
	check "nsrelay-cni runs" env CNI_COMMAND=VERSION "$ROOT$PREFIX/libexec/cni/nsrelay-cni" </dev/null
	check_with scdoc "the page nsrelay-cni.8 is there" is_there share/man/man8/nsrelay-cni.8
fi
check_with scdoc "man finds a page" man -w -M "$ROOT$PREFIX/share/man" 5 nsrelay.yaml
((FAILURES == 0))
