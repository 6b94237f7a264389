# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# What is measured. section_setup_X starts the server, measure_X RELAY takes one sample: it prints METRIC
# VALUE lines on success; on failure it says why on its standard output and is false.

readonly DEFAULT_SECTIONS="bulk1 bulk8 messages latency short idle limit"
# Bulk once more: by generators with two threads, and at about half of what two processors relay
readonly ALL_SECTIONS="$DEFAULT_SECTIONS threaded1 threaded8 half1"
readonly HALF_RATE=15G
readonly PONG_PORT=9001 IPERF_PORT=9002 BULK_PORT=9003
readonly IDLE_CONNECTIONS=5000
readonly IDLE_CONNECTIONS_FEW=3000 # for relays that keep pipes for each and so stop at 3,330
readonly LIMIT_CONNECTIONS=9500 # two descriptors each and a few hundred more, under 20,000

serve_pong() {
	lab_spawn load "$WORK/server.log" "" "$NSLOAD" pong --congestion "$CONGESTION" \
		--listen "$SERVER/0.0.0.0:$PONG_PORT"
	lab_await_up "the server" lab_listens "$SERVER" $PONG_PORT
}

serve_iperf() {
	lab_spawn load "$WORK/server.log" "$SERVER" iperf3 -s -p $IPERF_PORT
	lab_await_up "the server" lab_listens "$SERVER" $IPERF_PORT
}

# json KEY FILE: the number of a key in one-line JSON of ours
json() {
	sed -n "s/.*\"$1\":\([0-9.]*\).*/\1/p" "$2"
}

# iperf_sum KEY FILE: a number of what the receiver counted over all streams
iperf_sum() {
	awk -v key="\"$1\":" '/"sum_received":/ { found = 1 } found && $1 == key { print $2 + 0; exit }' "$2"
}

# per CPU_US COUNT SCALE: CPU microseconds per COUNT, times SCALE
per() {
	awk -v cpu="$1" -v count="$2" -v scale="$3" \
		'BEGIN { printf "%.4f\n", (count > 0 ? cpu / count * scale : 0) }'
}

# counted RELAY COUNT NAME SCALE: the relay's CPU time since CPU_START for each of COUNT; none for direct
counted() {
	[[ $1 == direct ]] || echo "$3 $(per $(($(relay_cpu_us) - CPU_START)) "$2" "$4")"
}

load() { # [OPTION...]: the load generator to its end, output and errors in load.json
	"${PIN[@]}" "$NSLOAD" "$@" --congestion "$CONGESTION" >"$WORK/load.json" 2>"$WORK/load.err" </dev/null || {
		cat "$WORK/load.err"
		return 1
	}
}

# mirrored RELAY: percent of what was to be copied, from the records of its connections
mirrored() {
	[[ $1 != nsrelay-mirror* ]] || awk '
		match($0, / mirrored=[0-9]+/) { copied += substr($0, RSTART + 10, RLENGTH - 10) }
		match($0, / mirror_skipped=[0-9]+/) { skipped += substr($0, RSTART + 16, RLENGTH - 16) }
		END { printf "mirrored %.1f\n", (copied ? 100 * copied / (copied + skipped) : 0) }' "$WORK/relay.log"
}

# measure_iperf RELAY STREAMS [OPTION...]
measure_iperf() {
	local address port relay=$1 streams=$2
	shift 2
	read -r address port < <(relay_address "$relay" $IPERF_PORT)
	CPU_START=$(relay_cpu_us)
	timeout $((SECONDS_EACH + 10)) nsenter "--net=/run/netns/$CLIENT" iperf3 -J -c "$address" \
		-p "$port" -P "$streams" -t "$SECONDS_EACH" -C "$CONGESTION" "$@" >"$WORK/iperf.json" 2>&1 </dev/null || {
		sed -n 's/.*"error":[[:space:]]*//p' "$WORK/iperf.json"
		return 1
	}
	echo "gbit_per_s $(iperf_sum bits_per_second "$WORK/iperf.json" | awk '{ print $1 / 1e9 }')"
	counted "$relay" "$(iperf_sum bytes "$WORK/iperf.json")" cpu_s_per_gb 1e3 # us per byte * 1e9 / 1e6
	sleep .2                                                                  # the server takes a moment
	mirrored "$relay"
}

# measure_threaded RELAY STREAMS: by two threads a side, the receiver made anew each time
measure_threaded() {
	local address port receiver
	lab_spawn load "$WORK/receiver.json" "" "$NSLOAD" bulk-recv --congestion "$CONGESTION" --connections "$2" \
		--seconds $((SECONDS_EACH + 10)) --listen "$SERVER/0.0.0.0:$BULK_PORT"
	receiver=$SPAWNED
	lab_await_up "the receiver" grep -q ready "$WORK/receiver.json" || return 1
	read -r address port < <(relay_address "$1" $BULK_PORT)
	CPU_START=$(relay_cpu_us)
	load bulk-send --connections "$2" --seconds "$SECONDS_EACH" --connect "$CLIENT/$address:$port" || {
		lab_end load # the receiver still waits
		return 1
	}
	wait "$receiver" || {
		cat "$WORK/receiver.json"
		return 1
	}
	grep gbit "$WORK/receiver.json" >"$WORK/load.json"
	echo "gbit_per_s $(json gbit_per_s "$WORK/load.json")"
	counted "$1" "$(json bytes "$WORK/load.json")" cpu_s_per_gb 1e3
}

# measure_ping RELAY CONNECTIONS
measure_ping() {
	local address port
	read -r address port < <(relay_address "$1" $PONG_PORT)
	CPU_START=$(relay_cpu_us)
	load ping --connections "$2" --seconds "$SECONDS_EACH" --connect "$CLIENT/$address:$port" || return 1
	echo "ops_per_s $(json ops_per_s "$WORK/load.json")"
	echo "p50_us $(json p50_us "$WORK/load.json")"
	echo "p99_us $(json p99_us "$WORK/load.json")"
	counted "$1" "$(json ops "$WORK/load.json")" cpu_us_per_op 1
}

measure_short() {
	local address port
	read -r address port < <(relay_address "$1" $PONG_PORT)
	CPU_START=$(relay_cpu_us)
	load short --clients 32 --seconds "$SECONDS_EACH" --connect "$CLIENT/$address:$port" || return 1
	echo "connections_per_s $(json connections_per_s "$WORK/load.json")"
	echo "p50_us $(json p50_us "$WORK/load.json")"
	counted "$1" "$(json connections "$WORK/load.json")" cpu_us_per_connection 1
}

# hold RELAY COUNT: open that many and hold them until drop; how many there are is in HELD
hold() {
	local address port
	read -r address port < <(relay_address "$1" $PONG_PORT)
	rm -f "$WORK/load.out"
	mkfifo "$WORK/hold"
	"$NSLOAD" idle --congestion "$CONGESTION" --connections "$2" --connect "$CLIENT/$address:$port" \
		<"$WORK/hold" >"$WORK/load.out" 2>"$WORK/load.err" &
	HOLDER=$!
	exec {HOLD_FD}>"$WORK/hold"
	until grep -qs ready "$WORK/load.out"; do
		kill -0 "$HOLDER" 2>/dev/null || return 1 # it has said why in load.err
		sleep .05
	done
	grep '^{' "$WORK/load.out" >"$WORK/load.json"
	HELD=$(json held "$WORK/load.json")
}

drop() {
	exec {HOLD_FD}>&-
	wait "$HOLDER" || cat "$WORK/load.err"
	rm -f "$WORK/hold"
}

idle_connections() {
	case $1 in
	socket-proxyd | pasta) echo $IDLE_CONNECTIONS_FEW ;;
	*) echo $IDLE_CONNECTIONS ;;
	esac
}

# kib_each BYTES: KiB per idle connection
kib_each() {
	awk -v bytes="$1" -v count="$HELD" 'BEGIN { printf "%.3f\n", bytes / count / 1024 }'
}

measure_idle() {
	local anonymous charged threads anonymous_start charged_start threads_start count
	count=$(idle_connections "$1")
	sleep 1 # let it come to rest
	anonymous_start=$(relay_anonymous) charged_start=$(relay_charged) threads_start=$(relay_threads)
	hold "$1" "$count" || {
		drop
		return 1
	}
	sleep "$SETTLE"
	anonymous=$(relay_anonymous) charged=$(relay_charged) threads=$(relay_threads)
	drop
	if ((HELD < count)); then
		echo "it held $HELD of $count connections"
		return 1
	fi
	echo "held $HELD"
	echo "anonymous_added_kib $(kib_each $((anonymous - anonymous_start)))"
	echo "anonymous_kib $(kib_each "$anonymous")"
	if [[ $charged ]]; then
		echo "charged_added_kib $(kib_each $((charged - charged_start)))"
		echo "charged_kib $(kib_each "$charged")"
	fi
	echo "threads_start $threads_start"
	echo "threads $threads"
}

# relay_fd_limit: the highest limit of any of its processes, for a privileged one may have raised its own
relay_fd_limit() {
	relay_proc limits | awk '/^Max open files/ && $4 > max { max = $4 } END { print max + 0 }'
}

measure_limit() {
	local limit threads
	hold "$1" $LIMIT_CONNECTIONS || {
		drop
		return 1
	}
	threads=$(relay_threads) limit=$(relay_fd_limit)
	drop
	echo "held $HELD"
	[[ $1 == direct ]] || echo "threads $threads"
	if ((limit > FD_LIMIT)); then
		echo "it has raised its limit to $limit"
		return 1
	fi
}

section_setup_bulk1() { serve_iperf; }
section_setup_bulk8() { serve_iperf; }
section_setup_half1() { serve_iperf; }
section_setup_threaded1() { :; }
section_setup_threaded8() { :; }
section_setup_messages() { serve_pong; }
section_setup_latency() { serve_pong; }
section_setup_short() { serve_pong; }
section_setup_idle() { serve_pong; }
section_setup_limit() { serve_pong; }

section_target() {
	case $1 in
	bulk* | half*) echo $IPERF_PORT ;;
	threaded*) echo $BULK_PORT ;;
	*) echo $PONG_PORT ;;
	esac
}

measure_bulk1() { measure_iperf "$1" 1; }
measure_bulk8() { measure_iperf "$1" 8; }
measure_half1() { measure_iperf "$1" 1 -b $HALF_RATE; }
measure_threaded1() { measure_threaded "$1" 1; }
measure_threaded8() { measure_threaded "$1" 8; }
measure_messages() { measure_ping "$1" 64; }

# On one cpu, as the whole section is. A relay that has left it would not be comparable.
measure_latency() {
	local cpus
	cpus=$(relay_cpus)
	if [[ $1 != direct && $cpus != 0 ]]; then
		echo "it runs on cpus $cpus"
		return 1
	fi
	measure_ping "$1" 1
}
