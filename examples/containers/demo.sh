#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# Two containers on a bridge, one of which asks the other, by its address, who it is. Neither knows of nsrelay; yet all they
# say goes through it, and the one that is asked sees the other's own address. README.md tells how.
#
# The demo needs no image and no network, and changes nothing of the machine's: bridge, daemons and containers are in a
# mount, a process and a network namespace of its own, and end with these, however it ends.
set -euo pipefail
export LC_ALL=C

HERE=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
readonly HERE
readonly ROOTFS=/run/rootfs LOGS=/run/logs # in the demo's own /run
readonly SKIPPED=77
readonly PATIENCE=200 # turns of 50 ms for anything to come up or to end

RUNTIME=containerd
BUILD=""
COMMAND=()

usage() {
	cat <<-END
		usage: examples/containers/demo.sh [--podman] [--build-dir DIR] [COMMAND...]

		  --podman          podman runs the containers; without it containerd does
		  --build-dir DIR   nsrelay, nsctl and nsrelay-cni are in there; without it they are what is installed
		  COMMAND           run it before the server ends, to look around: bash

		The exit status is 77 where this machine cannot run such containers.
	END
}

# fail TEXT [LOG...]
fail() {
	printf 'demo: %s\n' "$1" >&2
	shift
	[[ $# == 0 ]] || sed 's/^/    /' "$@" >&2
	exit 1
}

# skip TEXT [LOG]
skip() {
	printf 'skipped: %s\n' "$1"
	[[ ! -s ${2:-} ]] || sed 's/^/    /' "$2"
	exit $SKIPPED
}

# await COMMAND...: until it succeeds
await() {
	local turn
	for ((turn = 0; turn < PATIENCE; turn++)); do
		"$@" >/dev/null 2>&1 && return 0
		sleep .05
	done
	return 1
}

# ---- outside: the machine ----

need() {
	local tool
	for tool; do
		type -P "$tool" >/dev/null || skip "there is no $tool"
	done
}

# look_around: can it be tried here, and with which programs?
look_around() {
	((EUID == 0)) || skip "it takes root to run containers"
	unshare --mount --net --pid --fork true || skip "no namespaces can be made here"
	need busybox ip setpriv unshare
	[[ $RUNTIME != containerd ]] || need containerd ctr runc
	[[ $RUNTIME != podman ]] || need podman
	[[ ! $BUILD ]] || export PATH=$BUILD:$PATH
	type -P nsrelay nsctl >/dev/null || fail "there is no nsrelay; where it was built is told by --build-dir"
	PLUGIN=${BUILD:-$(dirname "$(type -P nsrelay)")/../libexec/cni}/nsrelay-cni
	[[ -x $PLUGIN ]] || fail "there is no $PLUGIN"
}

cgroups() {
	find /sys/fs/cgroup -depth -type d \( -path "*$NSRELAY_DEMO_CGROUP" -o -path "*$NSRELAY_DEMO_CGROUP/*" \) "$@"
}

remove_cgroups() {
	cgroups -exec rmdir {} +
	[[ ! $(cgroups) ]]
}

# Processes and mounts end with their namespaces; cgroups are in none.
clean_up() {
	trap '' HUP INT PIPE TERM
	[[ ! $(jobs -pr) ]] || kill -s KILL "$INSIDE"
	wait
	await remove_cgroups || echo "demo: cannot remove the cgroups $NSRELAY_DEMO_CGROUP" >&2
}

# In the background, as the shell heeds no signal while it waits for any other.
go_inside() {
	export NSRELAY_DEMO_CGROUP=/nsrelay-demo-$$
	setpriv --pdeathsig KILL -- unshare --mount --net --pid --fork --kill-child --mount-proc --propagation private -- \
		"$HERE/demo.sh" "$@" <&0 &
	INSIDE=$!
	trap clean_up EXIT
	trap 'exit 129' HUP
	trap 'exit 130' INT
	trap 'exit 141' PIPE
	trap 'exit 143' TERM
	wait "$INSIDE"
}

# ---- inside: a machine of the demo's own ----

# overlay FOLDER: what is written there from now on is the demo's, and gone with it
overlay() {
	local own=/run/overlay$1
	mkdir -p "$own/upper" "$own/work"
	mount -t overlay -o "lowerdir=$1,upperdir=$own/upper,workdir=$own/work" overlay "$1" 2>"$LOGS/mount" ||
		skip "there can be no overlay here:" "$LOGS/mount"
}

make_machine() {
	mount -t tmpfs -o mode=755 tmpfs /run
	mkdir $LOGS /run/nsrelay
	overlay /etc
	overlay /opt
	overlay /var/lib
	ip link set lo up
}

# make_rootfs: busybox by a few of its names, and the page that the server has
make_rootfs() {
	local name
	mkdir -p $ROOTFS/{bin,dev,etc,proc,sys,tmp,www/cgi-bin}
	cp "$(type -P busybox)" $ROOTFS/bin/busybox
	for name in httpd ip nc printf sed sh sleep true; do
		ln -s busybox $ROOTFS/bin/$name
	done
	# shellcheck disable=SC2016 # the server's shell expands it
	printf '#!/bin/sh\nprintf "\\n%%s\\n" "$REMOTE_ADDR"\n' >$ROOTFS/www/cgi-bin/who
	chmod +x $ROOTFS/www/cgi-bin/who
	chroot $ROOTFS /bin/true 2>$LOGS/chroot || skip "busybox is not linked statically:" $LOGS/chroot
}

# The network is that of ../cni.conflist: bridge, host-local, and nsrelay-cni behind them.
install_network() {
	mkdir -p /etc/cni/net.d /opt/cni/bin
	[[ ! -d /usr/lib/cni ]] || ln -sf /usr/lib/cni/* /opt/cni/bin/
	[[ -x /opt/cni/bin/bridge && -x /opt/cni/bin/host-local ]] || skip "there are no containernetworking-plugins"
	ln -sf "$PLUGIN" /opt/cni/bin/nsrelay-cni
	rm -f /etc/cni/net.d/*
	cp "$HERE/../cni.conflist" /etc/cni/net.d/
}

start_nsrelay() {
	nsrelay run --config "$HERE/../enrolment.yaml" >$LOGS/nsrelay 2>&1 &
	await grep -qw ready $LOGS/nsrelay || fail "nsrelay did not get ready:" $LOGS/nsrelay
}

# ---- containerd ----

start_containerd() {
	export CONTAINERD_ADDRESS=/run/containerd.sock
	cat >/run/containerd.toml <<-END
		version = 2
		root = "/run/containerd/root"
		state = "/run/containerd/state"
		disabled_plugins = ["io.containerd.grpc.v1.cri"]
		[grpc]
		address = "$CONTAINERD_ADDRESS"
	END
	containerd --config /run/containerd.toml >$LOGS/containerd 2>&1 &
	await ctr version || skip "containerd does not run here:" $LOGS/containerd
}

# run_with_containerd NAME NETWORK COMMAND...: until it ends; NETWORK is pods, or none
run_with_containerd() {
	local name=$1 with=()
	[[ $2 == none ]] || with=(--cni)
	shift 2
	ctr run --rm "${with[@]}" --cgroup "$NSRELAY_DEMO_CGROUP/$name" --rootfs $ROOTFS "$name" "$@"
}

end_with_containerd() {
	ctr task kill --signal SIGKILL "$1"
}

# ---- podman ----

start_podman() {
	export CONTAINERS_CONF=/run/containers.conf
	cat >$CONTAINERS_CONF <<-END
		[network]
		network_backend = "cni"
		cni_plugin_dirs = ["/opt/cni/bin"]
		[engine]
		cgroup_manager = "cgroupfs"
		events_logger = "none"
	END
}

podman_here() {
	podman --root /run/podman/root --runroot /run/podman/run --storage-driver vfs "$@"
}

run_with_podman() {
	local name=$1 network=$2
	shift 2
	podman_here run --rm --name "$name" --network "$network" --cgroup-parent "$NSRELAY_DEMO_CGROUP" --rootfs $ROOTFS "$@"
}

end_with_podman() {
	podman_here kill "$1"
}

# ---- the show ----

container() {
	"run_with_$RUNTIME" "$@" </dev/null
}

try_container() {
	container probe none /bin/true >$LOGS/probe 2>&1 || skip "$RUNTIME cannot run a container here:" $LOGS/probe
}

ended() {
	! kill -0 "$1"
}

# await_end JOB TEXT LOG: of a container that ends by itself
await_end() {
	if ! await ended "$1" || ! wait "$1"; then
		fail "$2" "$3" $LOGS/nsrelay
	fi
}

# in a container: prints its address
readonly PRINT_ADDRESS='ip -4 -o address show dev eth0 | sed "s|.* inet ||; s|/.*||"'

start_server() {
	container server pods /bin/sh -c "httpd -p 0.0.0.0:80 -h /www && $PRINT_ADDRESS && exec sleep 3600" >$LOGS/server 2>&1 &
	SERVER_JOB=$!
	await grep -qx '[0-9.]*' $LOGS/server || fail "the server does not start:" $LOGS/server $LOGS/nsrelay
	SERVER=$(<$LOGS/server)
	printf '  server    %s  $ httpd -p 80\n' "$SERVER"
}

ask_server() {
	container client pods /bin/sh -c "$PRINT_ADDRESS && printf 'GET /cgi-bin/who HTTP/1.0\r\n\r\n' | nc -w 5 $SERVER 80" \
		>$LOGS/client 2>&1 &
	await_end $! "the client gets no answer:" $LOGS/client
	CLIENT=$(head -n 1 $LOGS/client)
	SEEN=$(tail -n 1 $LOGS/client)
	printf '  client    %s  $ nc %s 80\n' "$CLIENT" "$SERVER"
	printf '  server    is asked by %s\n' "$SEEN"
	[[ $SEEN == "$CLIENT" ]] || fail "the server does not see the client's address:" $LOGS/client
}

# record RELAY: prints what it has relayed between the two
record() {
	local any='([0-9.]+)' v6='(\[::ffff:)?'
	sed -nE "s/.* msg=closed relay=$1 client=$v6($CLIENT)\]?:$any destination=($SERVER:80) .* bytes_up=$any bytes_down=$any .*/\2:\3 to \4: \5 bytes up, \6 down/p" \
		$LOGS/nsrelay | grep .
}

show_records() {
	local relay
	printf 'what nsrelay has brought from one to the other, out of the client and into the server:\n'
	for relay in outbound inbound; do
		await record $relay || fail "nothing went through the relay $relay:" $LOGS/nsrelay
		printf '  %-8s  %s\n' $relay "$(record $relay)"
	done
}

end_server() {
	"end_with_$RUNTIME" server >/dev/null
	await ended "$SERVER_JOB" || fail "the server does not end:" $LOGS/server
	[[ $(nsctl enrolled) == "no enrolments" ]] || fail "a container has ended, and is enrolled:" <(nsctl enrolled)
}

show() {
	make_machine
	make_rootfs
	install_network
	"start_$RUNTIME"
	try_container
	start_nsrelay
	printf 'two containers of %s:\n' $RUNTIME
	start_server
	ask_server
	show_records
	[[ ${#COMMAND[@]} == 0 ]] || "${COMMAND[@]}" || true
	end_server
}

parse_options() {
	while (($# > 0)); do
		case $1 in
		--help) usage && exit 0 ;;
		--podman) RUNTIME=podman ;;
		--build-dir)
			BUILD=$(cd "${2:-}" && pwd) || fail "--build-dir needs a folder"
			shift
			;;
		-*) fail "unknown option $1; see --help" ;;
		*)
			COMMAND=("$@")
			break
			;;
		esac
		shift
	done
}

main() {
	parse_options "$@"
	look_around
	if [[ ${NSRELAY_DEMO_CGROUP:-} ]]; then
		show
	else
		go_inside "$@"
	fi
}

main "$@"
