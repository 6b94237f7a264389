#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# How long does it take to make many namespaces, each with a veth pair to the first one, an address, a default route and its
# loopback up, and to delete them until the kernel has let go of the last one: nsctl against the ways to do it with ip -batch.
#
#     bench/topology/compare.sh NSCTL [NAMESPACES [ROUNDS]]
#
# Everything happens in a network namespace and a /run of the script's own. Needs root. Prints one line for each way and round:
# way, seconds to make, seconds to delete. What was made is checked, each time.
set -eu

# Every way to make has a way to delete beside it, so that all pairs are tried; they do not depend on each other.
WAYS=${WAYS:-nsctl ip_n ip_force ip_exec nsenter ip_parallel}
NSCTL=$(realpath "${1:?usage: compare.sh NSCTL [NAMESPACES [ROUNDS]]}") COUNT=${2:-1000} ROUNDS=${3:-3}
if [ "${COMPARE_INSIDE:-}" != yes ]; then
	COMPARE_INSIDE=yes exec unshare --net --mount --propagation private -- "$0" "$NSCTL" "$COUNT" "$ROUNDS"
fi
umount --lazy /run/netns 2> /dev/null || true
mount -t tmpfs -o mode=0755 compare /run
mkdir /run/work /run/netns
cd /run/work

# ---- what is to be made ----

names() { seq -f 'n%.0f' "$COUNT"; }

names | sed 's/.*/netns add &/' > netns.batch
names | sed 's/.*/link add v& up type veth peer name eth0 netns &/' > links.batch
printf '%s\n' 'address add 10.0.0.2/24 dev eth0' 'link set eth0 up' 'link set lo up' 'route add default via 10.0.0.1' > inner.batch
names | sed 's/.*/netns exec & ip -batch inner.batch/' > exec.batch
names | sed 's/.*/link del v&/' > link-del.batch
names | sed 's/.*/netns del &/' > netns-del.batch
{
	names | sed 's/.*/link set dev v& group 7/'
	echo 'link del group 7'
} > group-del.batch
{
	echo 'namespaces:'
	names | sed 's/.*/  &: { routes: [ { to: default, via: 10.0.0.1 } ] }/'
	echo 'links:'
	names | sed 's/.*/  host\/v&: { veth: &\/eth0 }\n  &\/eth0: { addresses: [10.0.0.2\/24] }/'
} > compare.yaml

# ---- the ways to do it ----

outer() { ip -batch netns.batch && ip -batch links.batch; }

make_nsctl() { "$NSCTL" topology apply compare.yaml --state /run/state > /dev/null; }
make_ip_n() { outer && for n in $(names); do ip -n "$n" -batch inner.batch; done; }
make_ip_force() { ip -force -batch netns.batch && ip -force -batch links.batch && for n in $(names); do ip -n "$n" -force -batch inner.batch; done; }
make_ip_exec() { outer && ip -batch exec.batch; }
make_nsenter() { outer && for n in $(names); do nsenter --net="/run/netns/$n" ip -batch inner.batch; done; }
make_ip_parallel() { outer && names | xargs -P "$(nproc)" -I{} ip -n {} -batch inner.batch; }

delete_nsctl() { "$NSCTL" topology delete compare.yaml --state /run/state > /dev/null; }
delete_ip_n() { ip -batch link-del.batch && ip -batch netns-del.batch; }
delete_ip_force() { ip -force -batch link-del.batch && ip -force -batch netns-del.batch; }
delete_ip_exec() { ip -batch group-del.batch && ip -batch netns-del.batch; }
delete_nsenter() { ip -batch netns-del.batch; }
delete_ip_parallel() { ip -batch group-del.batch && ip -batch netns-del.batch; }

# ---- measuring ----

# The kernel takes namespaces apart in the order of their ends, some at a time. So when one that ended after all others is gone,
# they are at least being taken apart along with it; and when another one after that is gone, they are gone too.
await_burial() {
	for canary in canary1 canary2; do
		ip netns add "$canary"
		ip link add "$canary" type veth peer name eth0 netns "$canary"
		ip netns del "$canary"
		while ip link show "$canary" > /dev/null 2>&1; do sleep 0.002; done
	done
}

check_made() {
	test "$(ip -o link show type veth | grep -c UP)" = "$COUNT"
	test "$(find /run/netns -mindepth 1 | wc -l)" = "$COUNT"
	for n in n1 "n$((COUNT / 2))" "n$COUNT"; do
		ip -n "$n" -o address show dev eth0 | grep -q '10.0.0.2/24'
		ip -n "$n" route show | grep -q '^default via 10.0.0.1'
		ip -n "$n" -o link show lo | grep -q 'LOOPBACK,UP'
	done
}

check_gone() {
	test "$(ip -o link | wc -l)" = 1
	test -z "$(ls /run/netns)"
}

seconds() { # of the commands given
	local begin=$EPOCHREALTIME
	"$@"
	echo "$begin $EPOCHREALTIME" | awk '{ printf "%.3f", $2 - $1 }'
}

delete_for_good() { "delete_$1" && await_burial; }

printf '%-12s %8s %8s   (%s namespaces)\n' way make delete "$COUNT"
for _ in $(seq "$ROUNDS"); do
	for way in $WAYS; do
		made=$(seconds "make_$way")
		check_made
		gone=$(seconds delete_for_good "$way")
		check_gone
		printf '%-12s %8s %8s\n' "$way" "$made" "$gone"
	done
done
