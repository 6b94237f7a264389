/* SPDX-License-Identifier: Apache-2.0 */
#include "bench/nsbench/path.h"

#include "bench/nsbench/failure.h"
#include "bench/nsbench/files.h"
#include "bench/nsbench/relay.h"

namespace nsbench
{

/* ---- namespaces ---- */

/* full_name - "nsb-4711-veth"; with many clients "nsb-4711-many", of which there is one at a time */
static std::string full_name(const Run &run, const PathSpec &spec, unsigned client_count)
{
	return run.name + "-" + (client_count > 0 ? "many" : spec.name);
}

Path::Namespaces::Namespaces(const Run &run, const PathSpec &spec, unsigned client_count)
    : name_(full_name(run, spec, client_count)), ledger_dir_(run.ledger_dir)
{
	struct err err = {};
	struct place_order order = {};
	order.name = name_.c_str();
	order.shape = client_count > 0 ? spec.many : spec.shape;
	order.client_count = client_count > 0 ? client_count : 1;
	order.congestion = run.congestion.c_str();
	order.ledger_dir = ledger_dir_.c_str();
	if (place_make(&order, &place, &err) < 0)
		throw Failure(err);
}

Path::Namespaces::~Namespaces()
{
	struct err err = {};
	if (place_remove(name_.c_str(), ledger_dir_.c_str(), &err) < 0)
		fprintf(stderr, "nsbench: cannot remove %s: %s\n", name_.c_str(), err.text);
}

/* ---- the path ---- */

/* check_neighbours - the table of neighbours, which all namespaces share, has to hold every client twice:
 * arp(7) */
static void check_neighbours(unsigned client_count)
{
	std::string room = file_line("/proc/sys/net/ipv4/neigh/default/gc_thresh3");
	if (!room.empty() && 2 * client_count > std::stoul(room))
		throw Failure("cannot do it here: it takes " + std::to_string(2 * client_count) +
		              " entries in the table of neighbours, which all namespaces share and which has "
		              "room for " +
		              room + " (net.ipv4.neigh.default.gc_thresh3)");
}

/* check_obstacle - before anything is made for it */
static const PathSpec &check_obstacle(const Run &run, const PathSpec &spec, unsigned client_count)
{
	if (spec.many == SHAPE_STAR)
		check_neighbours(client_count);
	std::string obstacle = relay_obstacle(run, spec.relay);
	if (!obstacle.empty())
		throw Failure(obstacle);
	return spec;
}

Path::Path(const Run &run, const PathSpec &spec, unsigned client_count)
    : spec_(check_obstacle(run, spec, client_count)), client_count_(client_count),
      namespaces_(run, spec, client_count)
{
	if (spec.relay == RelayKind::None)
		return;
	relay_group_ = std::make_unique<Group>(full_name(run, spec, client_count));
	relay_ = relay_start(run, spec, namespaces_.place, client_count, *relay_group_);
}

Path::~Path() = default;

std::string Path::client_endpoint() const
{
	const struct place &place = namespaces_.place;
	if (relay_)
		return std::string(place.client) + "/127.0.0.1:" + std::to_string(RELAY_PORT);
	return std::string(place.client) + "/" + place.address + ":" + std::to_string(PLACE_SERVER_PORT);
}

std::string Path::server_endpoint() const
{
	return std::string(namespaces_.place.server) + "/0.0.0.0:" + std::to_string(PLACE_SERVER_PORT);
}

std::string Path::link_features() const
{
	const struct place &place = namespaces_.place;
	std::string netns = place.client;
	char text[256] = "";
	if (client_count_ > 0)
		netns += "0";
	place_link_features(netns.c_str(), relay_ ? "lo" : place.link, text, sizeof(text));
	return text;
}

} /* namespace nsbench */
