# SPDX-License-Identifier: Apache-2.0
# Makes tables of the samples: lines SECTION RELAY ROUND METRIC VALUE, separated by tabs. A cell is the median
# over the rounds and (smallest..largest). "x direct" is the median of each round's own ratio to the direct
# path, which drifts of the machine between rounds do not touch.

function describe(section, title, columns) {
	titles[section] = title
	layouts[section] = columns
}

BEGIN {
	FS = "\t"
	describe("bulk1", "bulk, 1 stream (iperf3)", layout_of_bulk())
	describe("bulk8", "bulk, 8 streams (iperf3)", layout_of_bulk())
	describe("half1", "bulk, 1 stream at a rate of about half (iperf3)", layout_of_bulk())
	describe("threaded1", "bulk, 1 stream (nsload)", layout_of_bulk())
	describe("threaded8", "bulk, 8 streams (nsload, 2 threads a side)", layout_of_bulk())
	describe("messages", "64-byte request/response, 64 connections", \
		"ops_per_s=ops/s ratio=x_direct cpu_us_per_op=relay_CPU_us/op p50_us=p50_us p99_us=p99_us")
	describe("latency", "64-byte request/response, 1 connection, everything on one cpu", \
		"p50_us=p50_us ratio=x_direct cpu_us_per_op=relay_CPU_us/op p99_us=p99_us")
	describe("short", "short connections (connect, 1 request, close), 32 clients", \
		"connections_per_s=connections/s ratio=x_direct cpu_us_per_connection=relay_CPU_us_each p50_us=p50_us")
	describe("idle", "idle connections: KiB of memory each (added by them; all of the relay's), threads", \
		"held=held anonymous_added_kib=anonymous,_added anonymous_kib=anonymous,_all " \
		"charged_added_kib=cgroup,_added charged_kib=cgroup,_all threads_start=threads_before " \
		"threads=threads_with_them")
	describe("limit", "idle connections held under a limit of 20,000 descriptors (9,500 tried)", \
		"held=held threads=threads")
}

function layout_of_bulk() {
	return "gbit_per_s=Gbit/s ratio=x_direct cpu_s_per_gb=relay_CPU_s/GB mirrored=mirrored_%"
}

function remember(list, key, item) {
	if (!((key, item) in seen)) {
		seen[key, item] = 1
		list[key] = list[key] " " item
	}
}

{
	remember(sections, "all", $1)
	remember(relays, $1, $2)
	if ($4 == "failed")
		failed[$1, $2] = $5
	else
		add($1 SUBSEP $2, $4, $3, $5)
}

function add(key, metric, round, value) {
	values[key, metric, ++count[key, metric]] = value
	by_round[key, metric, round] = value
	if (round > rounds)
		rounds = round
}

# add_ratios - of the section's first metric, round by round
function add_ratios(section, relay, metric,    round, own, direct) {
	for (round = 1; round <= rounds; round++) {
		own = section SUBSEP relay SUBSEP metric SUBSEP round
		direct = section SUBSEP "direct" SUBSEP metric SUBSEP round
		if ((own in by_round) && (direct in by_round) && by_round[direct] > 0)
			add(section SUBSEP relay, "ratio", round, by_round[own] / by_round[direct])
	}
}

function number(value) {
	return sprintf(value >= 1000 ? "%.0f" : value >= 100 ? "%.1f" : value == int(value) ? "%d" : "%.3f", value)
}

function cell(key, metric,    n, i, j, swap, sorted) {
	n = count[key, metric]
	if (n == 0)
		return "-"
	for (i = 1; i <= n; i++)
		sorted[i] = values[key, metric, i] + 0
	for (i = 1; i <= n; i++)
		for (j = i + 1; j <= n; j++)
			if (sorted[j] < sorted[i]) {
				swap = sorted[i]
				sorted[i] = sorted[j]
				sorted[j] = swap
			}
	swap = n % 2 ? sorted[(n + 1) / 2] : (sorted[n / 2] + sorted[n / 2 + 1]) / 2
	if (sorted[1] == sorted[n])
		return number(swap)
	return number(swap) " (" number(sorted[1]) ".." number(sorted[n]) ")"
}

# print_section - first all cells, then as wide as the widest of each column
function print_section(section,    columns, names, n, m, r, i, parts, cells, width) {
	n = split(layouts[section], columns, " ")
	m = split("- " relays[section], names, " ") # row 1 is the head
	for (r = 1; r <= m; r++) {
		cells[r, 0] = r == 1 ? "relay" : names[r]
		for (i = 1; i <= n; i++) {
			split(columns[i], parts, "=")
			if (r > 1 && i == 1)
				add_ratios(section, names[r], parts[1])
			cells[r, i] = r == 1 ? parts[2] : cell(section SUBSEP names[r], parts[1])
			gsub("_", " ", cells[r, i])
		}
		for (i = 0; i <= n; i++)
			if (length(cells[r, i]) > width[i])
				width[i] = length(cells[r, i])
	}
	print "\n" titles[section]
	for (r = 1; r <= m; r++) {
		for (i = 0; i <= n; i++)
			printf "  %-" width[i] "s", cells[r, i]
		print ""
		if ((section, names[r]) in failed)
			print "    failed: " failed[section, names[r]]
	}
}

END {
	total = split(sections["all"], order, " ")
	for (s = 1; s <= total; s++)
		print_section(order[s])
}
