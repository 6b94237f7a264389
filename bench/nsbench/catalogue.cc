/* SPDX-License-Identifier: Apache-2.0 */
#include "bench/nsbench/catalogue.h"

namespace nsbench
{

const std::vector<Load> &loads()
{
	static const std::vector<Load> all = {
	        /* name, kind, size, count, traits */
	        {"bulk_up_x1", LoadKind::BulkUp, 0, 1, QUICK},
	        {"bulk_up_x8", LoadKind::BulkUp, 0, 8, QUICK},
	        {"bulk_down_x1", LoadKind::BulkDown, 0, 1, 0},
	        {"bulk_down_x8", LoadKind::BulkDown, 0, 8, 0},
	        {"ping_64B_x1", LoadKind::Ping, 64, 1, QUICK},
	        {"ping_64B_x16", LoadKind::Ping, 64, 16, 0},
	        {"ping_64B_x64", LoadKind::Ping, 64, 64, QUICK},
	        {"ping_1KiB_x1", LoadKind::Ping, 1024, 1, 0},
	        {"ping_1KiB_x16", LoadKind::Ping, 1024, 16, 0},
	        {"ping_1KiB_x64", LoadKind::Ping, 1024, 64, 0},
	        {"ping_16KiB_x1", LoadKind::Ping, 16384, 1, 0},
	        {"ping_16KiB_x16", LoadKind::Ping, 16384, 16, 0},
	        {"ping_16KiB_x64", LoadKind::Ping, 16384, 64, 0},
	        {"short_x1", LoadKind::Short, 64, 1, 0},
	        {"short_x32", LoadKind::Short, 64, 32, QUICK},
	        {"idle_x1000", LoadKind::Idle, 64, 1000, ONCE},
	        {"idle_x9000", LoadKind::Idle, 64, 9000, ONCE},
	        {"namespaces_x1", LoadKind::Namespaces, 64, 1, QUICK | ONCE},
	        {"namespaces_x10", LoadKind::Namespaces, 64, 10, QUICK | ONCE},
	        {"namespaces_x100", LoadKind::Namespaces, 64, 100, QUICK | ONCE},
	        {"namespaces_x1000", LoadKind::Namespaces, 64, 1000, ONCE},
	};
	return all;
}

static std::string size_text(unsigned size)
{
	return size < 1024 ? std::to_string(size) + " B" : std::to_string(size / 1024) + " KiB";
}

static std::string plural(unsigned count, const char *noun)
{
	return std::to_string(count) + " " + noun + (count == 1 ? "" : "s");
}

std::string load_title(const Load &load)
{
	switch (load.kind) {
	case LoadKind::BulkUp:
		return "bulk, client to server, " + plural(load.count, "stream");
	case LoadKind::BulkDown:
		return "bulk, server to client, " + plural(load.count, "stream");
	case LoadKind::Ping:
		return size_text(load.size) + " request/response, " + plural(load.count, "connection");
	case LoadKind::Short:
		return "connect, request, close, " + plural(load.count, "client");
	case LoadKind::Idle:
		return plural(load.count, "idle connection");
	case LoadKind::Namespaces:
		return size_text(load.size) + " request/response, " +
		       plural(NAMESPACES_CONNECTIONS, "connection") + " from " +
		       plural(load.count, "namespace");
	}
	return load.name;
}

const std::vector<PathSpec> &paths()
{
	constexpr enum shape NONE = SHAPE_COUNT;
	constexpr RelayKind KERNEL = RelayKind::None, OWN = RelayKind::Nsrelay;
	static const std::vector<PathSpec> all = {
	        /* name, title, shape, many, relay, traits; of nsrelay: threads, lane */
	        {"loopback", "one namespace, no crossing", SHAPE_LOOPBACK, NONE, KERNEL, QUICK},
	        {"veth", "a veth pair", SHAPE_VETH, NONE, KERNEL, QUICK},
	        {"veth_bigtcp", "a veth pair with BIG TCP", SHAPE_VETH_BIG, NONE, KERNEL, QUICK},
	        {"bridge", "two veth pairs and a bridge", SHAPE_BRIDGE, SHAPE_STAR, KERNEL, QUICK},
	        {"routed", "routed through a third namespace", SHAPE_ROUTED, NONE, KERNEL, QUICK},
	        {"dnat", "routed, with DNAT", SHAPE_DNAT, NONE, KERNEL, QUICK},
	        {"dnat_masquerade", "routed, with DNAT and masquerade", SHAPE_DNAT_MASQUERADE, NONE, KERNEL,
	         QUICK},
	        {"macvlan", "two macvlans on one link", SHAPE_MACVLAN, NONE, KERNEL, QUICK},
	        {"ipvlan", "two ipvlans on one link", SHAPE_IPVLAN, NONE, KERNEL, QUICK},
	        {"vxlan", "a vxlan tunnel over a veth pair", SHAPE_VXLAN, NONE, KERNEL, QUICK},
	        {"nsrelay", "nsrelay, sockets inside both namespaces", SHAPE_VETH, SHAPE_FLEET, OWN, QUICK, 2,
	         "auto"},
	        {"nsrelay_1thread", "the same, one thread", SHAPE_VETH, SHAPE_FLEET, OWN, 0, 1, "auto"},
	        {"nsrelay_interactive", "the same, interactive lane forced", SHAPE_VETH, NONE, OWN, 0, 2,
	         "interactive"},
	        {"nsrelay_bulk", "the same, bulk lane forced", SHAPE_VETH, NONE, OWN, 0, 2, "bulk"},
	        {"nsrelay_bigtcp", "nsrelay, BIG TCP on both loopbacks", SHAPE_LOOPBACK_BIG, NONE, OWN, QUICK,
	         2, "auto"},
	        {"nsrelay_veth", "nsrelay in the client's namespace, over a veth pair", SHAPE_VETH, NONE, OWN,
	         QUICK | OVER_LINK, 2, "auto"},
	        {"haproxy_splice", "HAProxy, splicing, 1 MiB pipes", SHAPE_VETH, NONE,
	         RelayKind::HaproxySplice, QUICK | PEER},
	        {"haproxy_copy", "HAProxy, copying", SHAPE_VETH, NONE, RelayKind::HaproxyCopy, QUICK | PEER},
	        {"nginx", "nginx stream, 128 KiB buffers", SHAPE_VETH, NONE, RelayKind::Nginx, QUICK | PEER},
	        {"socat", "socat, a process for each connection", SHAPE_VETH, NONE, RelayKind::Socat,
	         QUICK | PEER},
	        {"socket_proxyd", "systemd-socket-proxyd", SHAPE_VETH, NONE, RelayKind::SocketProxyd,
	         QUICK | PEER},
	        {"pasta", "pasta", SHAPE_VETH, NONE, RelayKind::Pasta, QUICK | PEER},
	        {"docker_proxy", "docker-proxy", SHAPE_VETH, NONE, RelayKind::DockerProxy, QUICK | PEER},
	};
	return all;
}

const char *reference_of(LoadKind kind)
{
	return kind == LoadKind::Namespaces ? "bridge" : "veth";
}

std::string benchmark_name(const PathSpec &path, const Load &load)
{
	return std::string(path.name) + "/" + load.name;
}

} /* namespace nsbench */
