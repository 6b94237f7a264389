# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# The lab: two namespaces with a loopback device each and a veth pair between them for the direct path; two
# groups of processes, what is measured and what makes the load, each in cgroups of its own. Nothing of the
# machine's own network is touched, and lab_down leaves nothing behind: whatever runs in the lab's cgroups was
# started here.

readonly DIRECT_CLIENT=10.9.0.1 DIRECT_SERVER=10.9.0.2 # seen by nobody but the two namespaces
readonly FD_LIMIT=20000

LAB="" CLIENT="" SERVER="" WORK="" CONGESTION=""
CPU_ROOT=""    # where cgroup v2 is mounted; its cpu.stat needs no controller
MEMORY_ROOT="" # the hierarchy that has the memory controller, v2 or v1; empty: none
PIN=()         # put before every command started: taskset, or nothing

die() {
	printf 'figures: %s\n' "$*" >&2
	exit 1
}

lab_find_cgroups() {
	local v1
	CPU_ROOT=$(awk '$3 == "cgroup2" { print $2; exit }' /proc/mounts)
	[[ $CPU_ROOT ]] || die "cgroup v2 is not mounted; it is needed to count CPU time"
	v1=$(awk '$3 == "cgroup" && $4 ~ /(^|,)memory(,|$)/ { print $2; exit }' /proc/mounts)
	if grep -qw memory "$CPU_ROOT/cgroup.subtree_control"; then
		MEMORY_ROOT=$CPU_ROOT
	elif [[ $v1 ]]; then
		MEMORY_ROOT=$v1
	fi
}

# lab_cgroup_dirs GROUP: its directory in each hierarchy used
lab_cgroup_dirs() {
	echo "$CPU_ROOT/$LAB-$1"
	if [[ $MEMORY_ROOT && $MEMORY_ROOT != "$CPU_ROOT" ]]; then
		echo "$MEMORY_ROOT/$LAB-$1"
	fi
}

lab_cgroup_make() {
	local dir
	for dir in $(lab_cgroup_dirs "$1"); do
		mkdir "$dir" || die "cannot make the cgroup $dir"
	done
}

lab_pids() {
	cat "$CPU_ROOT/$LAB-$1/cgroup.procs" 2>/dev/null || true
}

# lab_kill GROUP SIGNAL: to every process of the group, by its id
lab_kill() {
	local pid
	for pid in $(lab_pids "$1"); do
		kill -s "$2" "$pid" 2>/dev/null || true
	done
}

# lab_await COMMAND...: until it succeeds; false after 5 s
lab_await() {
	local turn
	for ((turn = 0; turn < 100; turn++)); do
		"$@" >/dev/null 2>&1 && return 0
		sleep .05
	done
	return 1
}

lab_ended() {
	[[ -z $(lab_pids "$1") ]]
}

# lab_end GROUP: ends its processes
lab_end() {
	lab_kill "$1" TERM
	if ! lab_await lab_ended "$1"; then
		lab_kill "$1" KILL
		lab_await lab_ended "$1" || echo "figures: cannot end $(lab_pids "$1")" >&2
	fi
}

# lab_cgroup_end GROUP: ends its processes and removes it
lab_cgroup_end() {
	local dir
	lab_end "$1"
	for dir in $(lab_cgroup_dirs "$1"); do # a process holds its cgroup for a moment after it has left the list
		[[ ! -d $dir ]] || lab_await rmdir "$dir" || echo "figures: cannot remove $dir" >&2
	done
}

# lab_spawn GROUP LOG NETNS COMMAND...: in the background, its id in SPAWNED; NETNS "" is the machine's own
lab_spawn() {
	local group=$1 log=$2 netns=$3 enter=()
	shift 3
	: >"$log" # at once: the next to look must not find what an earlier process wrote
	[[ -z $netns ]] || enter=(nsenter "--net=/run/netns/$netns" --)
	(
		for dir in $(lab_cgroup_dirs "$group"); do
			echo "$BASHPID" >"$dir/cgroup.procs" || exit
		done
		ulimit -n $FD_LIMIT
		exec "${enter[@]}" "${PIN[@]}" "$@"
	) </dev/null >>"$log" 2>&1 &
	SPAWNED=$!
}

# lab_await_up WHAT COMMAND...: lab_await that says what did not come
lab_await_up() {
	local what=$1
	shift
	lab_await "$@" && return 0
	echo "$what did not come up within 5 s"
	return 1
}

# lab_listens NETNS PORT
lab_listens() {
	nsenter "--net=/run/netns/$1" ss -Hltn "sport = :$2" | grep -q .
}

lab_netns_make() {
	local netns=$1
	ip netns add "$netns"
	ip -n "$netns" link set lo up
	# Short connections leave their ports in TIME_WAIT: enough ports, and taken over after a second (ip-sysctl).
	nsenter "--net=/run/netns/$netns" sysctl -qw \
		net.ipv4.tcp_tw_reuse=1 "net.ipv4.ip_local_port_range=10000 65535"
}

# lab_set_congestion: the best one that a namespace may have as its default, which is what relays get that
# have no such option. cubic is refused where the machine does not list it in tcp_allowed_congestion_control.
lab_set_congestion() {
	local name
	for name in cubic reno; do
		CONGESTION=$name
		nsenter "--net=/run/netns/$CLIENT" sysctl -qw "net.ipv4.tcp_congestion_control=$name" 2>/dev/null &&
			nsenter "--net=/run/netns/$SERVER" sysctl -qw "net.ipv4.tcp_congestion_control=$name" &&
			return
	done
	die "cannot set the congestion control of the namespaces"
}

lab_up() {
	LAB=nsfig-$$ CLIENT=nsfig-$$-c SERVER=nsfig-$$-s
	trap lab_down EXIT
	trap 'exit 130' INT
	trap 'exit 143' TERM
	WORK=$(mktemp -d)
	lab_find_cgroups
	lab_cgroup_make load
	lab_netns_make "$CLIENT"
	lab_netns_make "$SERVER"
	lab_set_congestion
	ip link add name veth0 netns "$CLIENT" type veth peer name veth0 netns "$SERVER"
	ip -n "$CLIENT" address add $DIRECT_CLIENT/24 dev veth0
	ip -n "$SERVER" address add $DIRECT_SERVER/24 dev veth0
	ip -n "$CLIENT" link set veth0 up
	ip -n "$SERVER" link set veth0 up
	ip -n "$CLIENT" route add default via $DIRECT_SERVER # pasta looks for one
}

lab_down() {
	local netns
	trap '' INT TERM
	# shellcheck disable=SC2046 # ids, one a line
	kill $(jobs -p) 2>/dev/null || true # one that is not in its cgroup yet
	relay_stop
	lab_cgroup_end load
	for netns in "$CLIENT" "$SERVER"; do
		[[ ! -e /run/netns/$netns ]] || ip netns delete "$netns"
	done
	rm -rf "$WORK"
}
