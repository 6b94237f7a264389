/* SPDX-License-Identifier: Apache-2.0 */
/* What there is to be measured: every path and every load, as tables. */
#ifndef NSRELAY_BENCH_NSBENCH_CATALOGUE_H
#define NSRELAY_BENCH_NSBENCH_CATALOGUE_H

#include <string>
#include <vector>

#include "bench/nsbench/place.h"

namespace nsbench
{

/* What may be said of a path or a load. */
enum Trait : unsigned {
	QUICK = 1 << 0,     /* is a part of --quick */
	ONCE = 1 << 1,      /* of a load: one sample is enough, for it takes long and varies little */
	PEER = 1 << 2,      /* of a path: somebody else's program, only with --peers */
	OVER_LINK = 1 << 3, /* of a relay: it calls the server by the link, from the client's namespace */
};

/* ---- loads ---- */

enum class LoadKind {
	BulkUp,     /* streams from the client to the server */
	BulkDown,   /* the other way */
	Ping,       /* one message at a time on each connection, answered by one of the same size */
	Short,      /* connect, ask once, close */
	Idle,       /* connections that do nothing */
	Namespaces, /* Ping from many namespaces, by the same number of connections in all */
};

struct Load {
	std::string name; /* "ping_64B_x16" */
	LoadKind kind;
	unsigned size;   /* Ping, Namespaces: bytes of a message */
	unsigned count;  /* connections; of Namespaces: namespaces */
	unsigned traits; /* QUICK, ONCE */
};

const std::vector<Load> &loads();

/* load_title - "64 B request/response, 16 connections", for people */
std::string load_title(const Load &load);

/* The number of connections of LoadKind::Namespaces, whatever the number of namespaces: only that is to
 * grow. */
enum { NAMESPACES_CONNECTIONS = 1000 };

/* ---- paths ---- */

/* Programs that carry bytes from one namespace to another, as relay.cc knows to start them. */
enum class RelayKind {
	None,
	Nsrelay,
	HaproxySplice,
	HaproxyCopy,
	Nginx,
	Socat,
	SocketProxyd,
	Pasta,
	DockerProxy
};

struct PathSpec {
	const char *name;
	const char *title;
	enum shape shape;
	enum shape many; /* that of LoadKind::Namespaces; SHAPE_COUNT: not measured there */
	RelayKind relay;
	unsigned traits;      /* QUICK, PEER, OVER_LINK */
	unsigned threads = 0; /* nsrelay's own settings */
	const char *lane = nullptr;
};

const std::vector<PathSpec> &paths();

/* reference_of - the path whose figures those of the others are divided by */
const char *reference_of(LoadKind kind);

/* benchmark_name - "veth/ping_64B_x16" */
std::string benchmark_name(const PathSpec &path, const Load &load);

} /* namespace nsbench */

#endif
