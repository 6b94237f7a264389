/* SPDX-License-Identifier: Apache-2.0 */
#include "bench/nsbench/sample.h"

#include <algorithm>
#include <cmath>
#include <optional>

#include <nlohmann/json.hpp>

#include "bench/load/clock.h"
#include "bench/nsbench/failure.h"
#include "bench/nsbench/machine.h"
#include "bench/nsbench/metrics.h"
#include "bench/nsbench/others.h"
#include "bench/nsbench/relay.h"

namespace nsbench
{

using Json = nlohmann::json;

enum {
	READY_PATIENCE_MS = 10000,
	START_PATIENCE_MS = 15000, /* longer than nsload's own */
	GRACE_MS = 20000,          /* beyond the load's duration, for what is still under way */
	IDLE_SETTLE_MS = 2000,     /* between the last connection's opening and looking at the memory */
	VERIFY_SIZE = 16384,       /* bytes of a message: longer than a segment */
	VERIFY_CONNECTIONS = 4,
};
static constexpr double VERIFY_SECONDS = .05;
/* Each process that wakes up at all may be counted a tick too long, proc(5): five of .01 s. */
static constexpr double TELLABLE_S = .05;

/* ---- what it costs ---- */

double Sample::disturbance() const
{
	double most = std::max(others, stolen);
	return most * all_s < TELLABLE_S ? 0 : most;
}

/* A meter runs from its making to stop(). */
class Meter
{
      public:
	Meter(const Path &path, const Group &loads)
	    : path_(path), loads_(loads), others_(others_now(ours())), machine_(machine_time()),
	      relay_s_(relay_s()), ours_s_(ours_s()), start_ns_(clock_now_ns())
	{
	}

	void stop(Sample *ret)
	{
		double elapsed_s = clock_seconds_since(start_ns_);
		MachineTime machine = machine_time();
		if (relay_s_)
			relay_spent_s_ = *relay_s() - *relay_s_;
		/* A kernel that looks at ticks who is running misses loads that sleep between them; one that
		   accounts interrupts apart leaves them out of what our groups used. */
		machine_spent_s_ = std::max(machine.busy_s - machine_.busy_s, ours_s() - ours_s_);
		ret->all_s = elapsed_s * machine_processors();
		ret->stolen = (machine.stolen_s - machine_.stolen_s) / ret->all_s;
		if (!loads_.counts())
			return; /* who is not ours cannot be told */
		Others others = others_between(others_, others_now(ours()));
		ret->others = others.seconds / ret->all_s;
		ret->busiest = others.busiest;
	}

	/* divide - the time spent for each of @count, in units of 1 / @scale seconds */
	void divide(double count, double scale, const std::string &suffix, Sample *ret) const
	{
		if (count <= 0)
			return;
		if (relay_spent_s_)
			ret->figures["relay_cpu_" + suffix] = *relay_spent_s_ / count * scale;
		ret->figures["machine_cpu_" + suffix] = machine_spent_s_ / count * scale;
	}

      private:
	std::vector<pid_t> ours() const
	{
		std::vector<pid_t> pids = loads_.pids();
		if (path_.relay())
			for (pid_t pid : path_.relay()->pids())
				pids.push_back(pid);
		return pids;
	}

	std::optional<double> relay_s() const
	{
		return path_.relay() ? path_.relay()->cpu_s() : std::nullopt;
	}

	double ours_s() const
	{
		return loads_.cpu_s().value_or(0) + relay_s().value_or(0);
	}

	const Path &path_;
	const Group &loads_;
	Processes others_;
	MachineTime machine_;
	std::optional<double> relay_s_, relay_spent_s_;
	double ours_s_, machine_spent_s_ = 0;
	uint64_t start_ns_;
};

/* ---- generators ---- */

/* nsload - its command line, with what all of them get */
static Command nsload(const Run &run, std::vector<std::string> options, const std::vector<int> &cpus)
{
	Command command;
	command.argv = std::move(options);
	command.argv.insert(command.argv.begin(), run.nsload);
	command.argv.insert(command.argv.end(), {"--congestion", run.congestion});
	command.cpus = cpus;
	return command;
}

static Command server(const Run &run, const Path &path, const std::string &mode,
                      std::vector<std::string> options)
{
	options.insert(options.begin(), {mode, "--listen", path.server_endpoint()});
	return nsload(run, std::move(options), run.settings.pin.server);
}

static Command client(const Run &run, const Path &path, const std::string &mode,
                      std::vector<std::string> options)
{
	options.insert(options.begin(), {mode, "--connect", path.client_endpoint()});
	return nsload(run, std::move(options), run.settings.pin.client);
}

/* A server that is ready. */
class Server : public Child
{
      public:
	Server(const Command &command, const Group &loads) : Child(command, loads)
	{
		if (read_line(READY_PATIENCE_MS) != "ready")
			throw Failure("the server is not ready");
	}
};

static int patience_ms(double seconds)
{
	return static_cast<int>(seconds * 1000) + GRACE_MS;
}

/* result_of - the line of JSON that a generator prints before it ends */
static Json result_of(Child *child, double seconds)
{
	std::string line = child->read_line(patience_ms(seconds));
	child->await(GRACE_MS);
	return Json::parse(line);
}

/* take_latencies - those percentiles that at least one of @count operations lies beyond; the maximum is told
 * anyway */
static void take_latencies(const Json &result, double count, Sample *ret)
{
	for (const Quantile &quantile : quantiles())
		if (count * (1 - quantile.fraction) >= 1)
			ret->figures[quantile.name] = result.at(quantile.name).get<double>();
	ret->figures["max_us"] = result.at("max_us").get<double>();
}

/* ---- loads ---- */

static Sample take_bulk(const Run &run, const Path &path, const Load &load, const Group &loads)
{
	bool up = load.kind == LoadKind::BulkUp;
	double seconds = run.settings.seconds;
	std::vector<std::string> count = {"--connections", std::to_string(load.count)}, sending = count;
	sending.insert(sending.end(), {"--seconds", std::to_string(seconds)});
	Server far(server(run, path, up ? "bulk-recv" : "bulk-send", up ? count : sending), loads);
	Sample sample;
	Meter meter(path, loads);
	Child near(client(run, path, up ? "bulk-send" : "bulk-recv", up ? sending : count), loads);
	Json result = result_of(up ? static_cast<Child *>(&far) : &near, seconds);
	(up ? &near : static_cast<Child *>(&far))->await(GRACE_MS);
	meter.stop(&sample);
	sample.seconds = result["seconds"];
	sample.figures["gbit_per_s"] = result["gbit_per_s"];
	meter.divide(result["bytes"].get<double>() / 1e9, 1, "s_per_gb", &sample);
	return sample;
}

static std::vector<std::string> timed(const Run &run, const Load &load, unsigned connections)
{
	return {"--size",        std::to_string(load.size),
	        "--connections", std::to_string(connections),
	        "--seconds",     std::to_string(run.settings.seconds)};
}

static Server pong(const Run &run, const Path &path, const Load &load, const Group &loads)
{
	return Server(server(run, path, "pong", {"--size", std::to_string(load.size)}), loads);
}

/* take_rate - what ping and short have in common: operations of some kind, and how long each took */
static void take_rate(const Json &result, const char *count, const char *rate, const char *cpu,
                      const Meter &meter, Sample *ret)
{
	ret->seconds = result["seconds"];
	ret->figures[rate] = result[rate];
	take_latencies(result, result[count], ret);
	meter.divide(result[count], 1e6, cpu, ret);
}

static Sample take_ping(const Run &run, const Path &path, const Load &load, const Group &loads)
{
	bool is_spread = load.kind == LoadKind::Namespaces;
	std::vector<std::string> options = timed(
	        run, load, is_spread ? static_cast<unsigned>(NAMESPACES_CONNECTIONS) : load.count);
	if (is_spread)
		options.insert(options.end(), {"--namespaces", std::to_string(load.count)});
	Server far = pong(run, path, load, loads);
	Child near(client(run, path, "ping", options), loads);
	near.read_line(START_PATIENCE_MS); /* "started": opening the connections is not to be counted */
	Sample sample;
	Meter meter(path, loads);
	Json result = result_of(&near, run.settings.seconds);
	meter.stop(&sample);
	take_rate(result, "ops", "ops_per_s", "us_per_op", meter, &sample);
	return sample;
}

static Sample take_short(const Run &run, const Path &path, const Load &load, const Group &loads)
{
	Server far = pong(run, path, load, loads);
	Sample sample;
	Meter meter(path, loads);
	Child near(client(run, path, "short", timed(run, load, load.count)), loads);
	Json result = result_of(&near, run.settings.seconds);
	meter.stop(&sample);
	take_rate(result, "connections", "connections_per_s", "us_per_connection", meter, &sample);
	return sample;
}

/* Memory before and with idle connections, bytes. */
struct Memory {
	double anonymous = 0, slab;
	double charged = NAN; /* not to be had */

	explicit Memory(const Group *relay) : slab(static_cast<double>(machine_slab_size()))
	{
		if (!relay)
			return;
		anonymous = static_cast<double>(relay->anonymous_size());
		if (auto size = relay->charged_size())
			charged = static_cast<double>(*size);
	}
};

static void take_memory(const Memory &before, const Memory &with, double count, const Group *relay,
                        Sample *ret)
{
	double kib = 1024 * count;
	ret->figures["held"] = count;
	ret->figures["machine_slab_kib"] = (with.slab - before.slab) / kib;
	if (!relay)
		return;
	double user = with.anonymous - before.anonymous;
	ret->figures["relay_user_kib"] = user / kib;
	double charged = with.charged - before.charged;
	if (std::isfinite(charged))
		ret->figures["relay_kernel_kib"] = (charged - user) / kib;
}

static Sample take_idle(const Run &run, const Path &path, const Load &load, const Group &loads)
{
	unsigned most = relay_idle_max(path.spec().relay), count = load.count;
	if (count > most)
		throw Failure("holds at most " + std::to_string(most) +
		              " connections under the usual limit of descriptors");
	Server far = pong(run, path, load, loads);
	interrupt_sleep(IDLE_SETTLE_MS);
	Sample sample;
	Memory before(path.relay());
	Meter meter(path, loads);
	Child near(client(run, path, "idle", {"--connections", std::to_string(count)}), loads);
	Json result = Json::parse(near.read_line(GRACE_MS));
	interrupt_sleep(IDLE_SETTLE_MS);
	take_memory(before, Memory(path.relay()), result["held"], path.relay(), &sample);
	meter.stop(&sample);
	near.close_input();
	near.await(GRACE_MS);
	sample.seconds = IDLE_SETTLE_MS / 1e3;
	if (result["held"] < count)
		throw Failure("held " + result["held"].dump() + " of " + std::to_string(count) +
		              " connections: " + result["last_failure"].get<std::string>());
	return sample;
}

static Sample take(const Run &run, const Path &path, const Load &load, const Group &loads)
{
	switch (load.kind) {
	case LoadKind::BulkUp:
	case LoadKind::BulkDown:
		return take_bulk(run, path, load, loads);
	case LoadKind::Idle:
		return take_idle(run, path, load, loads);
	case LoadKind::Short:
		return take_short(run, path, load, loads);
	case LoadKind::Ping:
	case LoadKind::Namespaces:
		break;
	}
	return take_ping(run, path, load, loads);
}

Sample sample_take(const Run &run, const Path &path, const Load &load, const Group &loads)
{
	try {
		return take(run, path, load, loads);
	} catch (const Json::exception &error) { /* an nsload of another version */
		throw Failure(run.nsload + " did not tell what was expected: " + error.what());
	}
}

/* ---- verifying ---- */

static std::vector<std::string> verify_options(const std::string &key, unsigned value, bool lasts)
{
	std::vector<std::string> options = {"--verify", key, std::to_string(value)};
	if (lasts)
		options.insert(options.end(), {"--seconds", std::to_string(VERIFY_SECONDS)});
	return options;
}

static void verify_bulk(const Run &run, const Path &path, bool up, const Group &loads)
{
	Server far(server(run, path, up ? "bulk-recv" : "bulk-send",
	                  verify_options("--connections", VERIFY_CONNECTIONS, !up)),
	           loads);
	Child near(client(run, path, up ? "bulk-send" : "bulk-recv",
	                  verify_options("--connections", VERIFY_CONNECTIONS, up)),
	           loads);
	result_of(up ? static_cast<Child *>(&far) : &near, VERIFY_SECONDS);
}

void sample_verify(const Run &run, const Path &path, const Group &loads)
{
	verify_bulk(run, path, true, loads);
	verify_bulk(run, path, false, loads);
	Server far(server(run, path, "pong", verify_options("--size", VERIFY_SIZE, false)), loads);
	Child near(client(run, path, "ping", verify_options("--size", VERIFY_SIZE, true)), loads);
	near.read_line(START_PATIENCE_MS);
	result_of(&near, VERIFY_SECONDS);
}

} /* namespace nsbench */
