# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# How each relay is started: from 127.0.0.1:RELAY_PORT in the client's namespace to 127.0.0.1:TARGET in the
# server's. relay_start NAME TARGET THREADS; relay_stop. One runs at a time, in a cgroup of its own.

readonly RELAY_PORT=9000 MIRROR_PORT=9100
readonly BIG_SIZE=262144 # gso_max_size; 65536 is what the kernel gives
readonly ALL_RELAYS="direct nsrelay nsrelay-1t nsrelay-bigtcp nsrelay-mirror nsrelay-mirror-all haproxy-splice haproxy-copy nginx socket-proxyd pasta"

# relay_binary NAME: the program that must be there; nothing for the direct path
relay_binary() {
	case $1 in
	direct) ;;
	nsrelay*) echo "$NSRELAY" ;;
	haproxy-*) echo haproxy ;;
	nginx) echo nginx ;;
	socket-proxyd) echo /usr/lib/systemd/systemd-socket-proxyd ;;
	pasta) echo pasta ;;
	*) die "unknown relay $1; known are: $ALL_RELAYS" ;;
	esac
}

relay_check() {
	local binary
	binary=$(relay_binary "$1")
	[[ -z $binary ]] || command -v "$binary" >/dev/null ||
		die "$1: there is no $binary (leave it out: --relays LIST)"
}

relay_version() {
	case $1 in
	direct) echo "veth pair, MTU 1500" ;;
	nsrelay-1t) echo "nsrelay with one thread" ;;
	nsrelay-bigtcp) echo "nsrelay with BIG TCP ($BIG_SIZE bytes) on both loopback devices; the direct path is without" ;;
	nsrelay-mirror) echo "nsrelay, what goes up copied to socat in the server's namespace" ;;
	nsrelay-mirror-all) echo "the same with when_busy: copy" ;;
	nsrelay) "$NSRELAY" version 2>&1 | head -n 1 ;;
	haproxy-*) haproxy -v | head -n 1 ;;
	nginx) nginx -v 2>&1 ;;
	socket-proxyd) /usr/lib/systemd/systemd-socket-proxyd --version | head -n 1 ;;
	pasta) dpkg-query -W passt 2>/dev/null || pasta --version | head -n 1 ;;
	esac
}

start_nsrelay() {
	lab_spawn relay "$WORK/relay.log" "" "$NSRELAY" run --threads "$2" --congestion "$CONGESTION" \
		--listen "$CLIENT/127.0.0.1:$RELAY_PORT" --to "$SERVER/127.0.0.1:$1"
	lab_await_up "nsrelay" grep -qw ready "$WORK/relay.log"
}

start_nsrelay-1t() {
	start_nsrelay "$1" 1
}

# start_mirrored TARGET THREADS WHEN_BUSY: the receiver is a part of the load
start_mirrored() {
	cat >"$WORK/mirror.yaml" <<-END
		threads: $2
		relays:
		  - name: mirrored
		    listen: "$CLIENT/127.0.0.1:$RELAY_PORT"
		    to: "$SERVER/127.0.0.1:$1"
		    tcp: { congestion: $CONGESTION }
		    mirror: { to: "$SERVER/127.0.0.1:$MIRROR_PORT", direction: up, when_busy: $3 }
	END
	lab_listens "$SERVER" $MIRROR_PORT || lab_spawn load "$WORK/receiver.log" "$SERVER" socat -u -b 1048576 \
		"tcp-listen:$MIRROR_PORT,bind=127.0.0.1,fork,reuseaddr" open:/dev/null
	lab_await_up "the mirror's receiver" lab_listens "$SERVER" $MIRROR_PORT || return 1
	lab_spawn relay "$WORK/relay.log" "" "$NSRELAY" run -c "$WORK/mirror.yaml"
	lab_await_up "nsrelay" grep -qw ready "$WORK/relay.log"
}

start_nsrelay-mirror() {
	start_mirrored "$1" "$2" yield
}

start_nsrelay-mirror-all() {
	start_mirrored "$1" "$2" copy
}

# By nsctl, for ip(8) has no word for IPv4's sizes before 6.3; relay_stop sets them back.
start_nsrelay-bigtcp() {
	cat >"$WORK/bigtcp.yaml" <<-END
		name: $LAB
		namespaces:
		  $CLIENT: { existing: true, loopback: { gso_max_size: $BIG_SIZE } }
		  $SERVER: { existing: true, loopback: { gso_max_size: $BIG_SIZE } }
	END
	"$NSCTL" topology apply "$WORK/bigtcp.yaml" >/dev/null 2>"$WORK/relay.log" && start_nsrelay "$@"
}

# relay_end_bigtcp: nothing without it
relay_end_bigtcp() {
	[[ -e $WORK/bigtcp.yaml ]] || return 0
	"$NSCTL" topology delete "$WORK/bigtcp.yaml" >/dev/null || echo "figures: BIG TCP stays on" >&2
	rm -f "$WORK/bigtcp.yaml"
}

# haproxy_config TARGET THREADS: the lines that both ways of forwarding share. maxpipes: by default it sets
# descriptors aside for a quarter as many pipes as connections, and would then have to stop at 7,900 of these.
haproxy_config() {
	cat <<-END
		global
		    nbthread $2
		    maxconn 9900
		    maxpipes 64
		    tune.pipesize 1048576
		defaults
		    mode tcp
		    timeout connect 5s
		    timeout client 1h
		    timeout server 1h
		listen relay
		    bind 127.0.0.1:$RELAY_PORT namespace $CLIENT
		    server target 127.0.0.1:$1 namespace $SERVER
	END
}

start_haproxy-splice() {
	{
		haproxy_config "$@"
		echo "    option splice-request"
		echo "    option splice-response"
	} >"$WORK/haproxy.cfg"
	lab_spawn relay "$WORK/relay.log" "" haproxy -db -f "$WORK/haproxy.cfg"
}

start_haproxy-copy() {
	haproxy_config "$@" >"$WORK/haproxy.cfg"
	lab_spawn relay "$WORK/relay.log" "" haproxy -dS -db -f "$WORK/haproxy.cfg"
}

# What follows enters no namespaces: it runs in the server's, with a listening socket made in the client's.
start_nginx() {
	cat >"$WORK/nginx.conf" <<-END
		load_module /usr/lib/nginx/modules/ngx_stream_module.so;
		daemon off;
		user root;
		worker_processes $2;
		pid $WORK/nginx.pid;
		error_log stderr warn;
		events { worker_connections $FD_LIMIT; }
		stream {
		    server {
		        listen 127.0.0.1:$RELAY_PORT;
		        proxy_pass 127.0.0.1:$1;
		        proxy_buffer_size 128k;
		        proxy_connect_timeout 5s;
		        proxy_timeout 1h;
		    }
		}
	END
	lab_spawn relay "$WORK/relay.log" "$SERVER" "$NSLOAD" listen-exec --congestion "$CONGESTION" \
		--listen "$CLIENT/127.0.0.1:$RELAY_PORT" -- nginx -e stderr -p "$WORK" -c "$WORK/nginx.conf"
}

start_socket-proxyd() {
	lab_spawn relay "$WORK/relay.log" "$SERVER" "$NSLOAD" listen-exec --congestion "$CONGESTION" \
		--listen "$CLIENT/127.0.0.1:$RELAY_PORT" -- \
		/usr/lib/systemd/systemd-socket-proxyd --connections-max=$FD_LIMIT "127.0.0.1:$1"
}

start_pasta() {
	lab_spawn relay "$WORK/relay.log" "$CLIENT" pasta -f -q --runas 0 --netns-only \
		--netns "/run/netns/$SERVER" -i veth0 -I pasta0 --no-dhcp --no-dhcpv6 --no-ndp --no-ra \
		-t "127.0.0.1/$RELAY_PORT:$1" -T none -u none -U none
}

# relay_start NAME TARGET THREADS: true once it listens and has settled; says why not on standard output
relay_start() {
	[[ $1 != direct ]] || return 0
	lab_cgroup_make relay
	if ! "start_$1" "$2" "$3" || ! lab_await_up "$1" lab_listens "$CLIENT" $RELAY_PORT; then
		tail -n 3 "$WORK/relay.log"
		return 1
	fi
	sleep .3 # its start is not to be counted
}

relay_stop() {
	lab_cgroup_end relay
	relay_end_bigtcp
}

# relay_address NAME PORT: what the client connects to
relay_address() {
	if [[ $1 == direct ]]; then
		echo "$DIRECT_SERVER $2"
	else
		echo "127.0.0.1 $RELAY_PORT"
	fi
}

# The relay's use of the machine, all its processes together. The direct path uses none of its own.

relay_cpu_us() {
	awk '$1 == "usage_usec" { print $2 }' "$CPU_ROOT/$LAB-relay/cpu.stat" 2>/dev/null || echo 0
}

# relay_proc PATTERN: the files below /proc/PID of each of its processes, see proc(5)
relay_proc() {
	local pid
	for pid in $(lab_pids relay); do
		# shellcheck disable=SC2086 # a pattern
		cat /proc/"$pid"/$1 2>/dev/null || true
	done
}

# Anonymous memory resident (RssAnon), bytes. Pages that processes share after a fork count in each.
relay_anonymous() {
	relay_proc status | awk '$1 == "RssAnon:" { sum += $2 } END { print sum * 1024 }'
}

# Charged to the memory cgroup, bytes, less the page cache of files: anonymous and shared memory, slab, page
# tables, thread stacks, pipes. (Version 1 leaves socket buffers out; those of idle connections are empty.)
relay_charged() {
	local dir=$MEMORY_ROOT/$LAB-relay
	if [[ ! $MEMORY_ROOT ]]; then
		return
	elif [[ $MEMORY_ROOT == "$CPU_ROOT" ]]; then
		awk -v total="$(<"$dir/memory.current")" '$1 == "file" { total -= $2 } $1 == "shmem" { total += $2 }
			END { printf "%d\n", total }' "$dir/memory.stat"
	else
		awk -v total="$(<"$dir/memory.usage_in_bytes")" '$1 == "cache" { total -= $2 }
			$1 == "shmem" { total += $2 } END { printf "%d\n", total }' "$dir/memory.stat"
	fi
}

relay_threads() {
	local pid
	for pid in $(lab_pids relay); do
		ls "/proc/$pid/task" 2>/dev/null || true
	done | wc -l
}

# relay_cpus: the cpus its threads may run on, each list once; one may have left the cpu it was started on
relay_cpus() {
	relay_proc 'task/*/status' | awk '$1 == "Cpus_allowed_list:" { print $2 }' | sort -u
}
