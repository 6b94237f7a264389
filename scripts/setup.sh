#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# Installs what is missing of the packages that building, testing, the demo or the figures need, on a Debian 12 and as
# root. What is there already is left alone; with nothing missing it needs neither root nor a network. The list of
# packages below is the only one.
set -euo pipefail

declare -A PACKAGES=(
	[build]="cmake ninja-build gcc g++ libc6-dev pkg-config
		liburing-dev libmnl-dev libcap-dev libfyaml-dev libjansson-dev libncurses-dev libseccomp-dev libmicrohttpd-dev libcmocka-dev
		libbenchmark-dev nlohmann-json3-dev scdoc systemtap-sdt-dev"
	[test]="clang clang-tidy libclang-rt-14-dev shellcheck iproute2 nftables strace procps valgrind tcpdump syslog-ng-core prometheus
		bpftrace fish man-db mandoc zsh busybox-static containerd containernetworking-plugins podman runc"
	[demo]="iproute2 curl netcat-openbsd iperf3 python3"
	[figures]="iproute2 iperf3 procps haproxy nginx-light libnginx-mod-stream passt socat systemd"
)
readonly PACKAGES
readonly POLICY=/usr/sbin/policy-rc.d
readonly LOCK_PATIENCE_S=300 # another apt-get may be at work, as just after a machine's first start

LOG=""

usage() {
	echo "usage: scripts/setup.sh [build] [test] [demo] [figures]    (build, if none is named)"
}

# die TEXT: and what apt-get said, if it was asked
die() {
	printf 'setup: %s\n' "$1" >&2
	[[ ! -s $LOG ]] || tail -n 20 "$LOG" | sed 's/^/    /' >&2
	exit 1
}

# wanted GROUP...: their packages, one a line
wanted() {
	local group
	for group; do
		[[ ${PACKAGES[$group]+there} ]] || die "unknown group $group; known are: build, test, demo, figures"
		tr -s ' \t\n' '\n' <<<"${PACKAGES[$group]}"
	done | sort -u
}

# installed: those of the packages on standard input that are, one a line
installed() {
	# shellcheck disable=SC2016 # dpkg-query expands it
	xargs dpkg-query --show --showformat='${db:Status-Status} ${Package}\n' 2>/dev/null |
		sed -n 's/^installed //p' | sort -u
}

# A package's service must not start: this machine only lends its tools. See invoke-rc.d(8).
forbid_services() {
	[[ ! -e $POLICY ]] || return 0
	printf '#!/bin/sh\nexit 101\n' >"$POLICY"
	chmod +x "$POLICY"
	FORBIDDEN=yes
}

clean_up() {
	[[ ! ${FORBIDDEN:-} ]] || rm -f "$POLICY"
	[[ ! $LOG ]] || rm -f "$LOG"
}

# A list that could not be fetched is no failure as long as the packages can be.
install() {
	local apt=(apt-get -qq -o "DPkg::Lock::Timeout=$LOCK_PATIENCE_S")
	export DEBIAN_FRONTEND=noninteractive
	"${apt[@]}" update || true
	"${apt[@]}" install --yes --no-install-recommends "$@"
}

main() {
	local list missing
	[[ ${1:-} != --help ]] || { usage && exit 0; }
	(($# > 0)) || set -- build
	list=$(wanted "$@")
	if ! command -v apt-get >/dev/null; then
		printf 'setup: no apt-get here; taken to be installed: %s\n' "${list//$'\n'/ }" >&2
		exit 0
	fi
	mapfile -t missing < <(comm -23 <(echo "$list") <(installed <<<"$list"))
	((${#missing[@]} > 0)) || exit 0
	((EUID == 0)) || die "not installed, and to install them takes root: ${missing[*]}"
	trap clean_up EXIT
	trap 'exit 130' INT
	trap 'exit 143' TERM
	LOG=$(mktemp)
	echo "Installing ${missing[*]}"
	forbid_services
	install "${missing[@]}" </dev/null >"$LOG" 2>&1 || die "cannot install ${missing[*]}; apt-get said:"
}

main "$@"
