/* SPDX-License-Identifier: Apache-2.0 */
#include "bench/nsbench/relay.h"

#include "bench/nsbench/failure.h"
#include "bench/nsbench/files.h"
#include "bench/nsbench/tools.h"

namespace nsbench
{

enum {
	START_PATIENCE_MS = 10000,
	START_POLL_MS = 10,
	SETTLE_MS = 300, /* after it listens: its start is not to be counted */
	IDLE_ANY = 9000,
	IDLE_WITH_PIPES = 3000,     /* six descriptors a connection: it stops at 3,330 of them */
	IDLE_WITH_PROCESSES = 1000, /* one for each connection */
};

/* What a relay is started with. */
struct Order {
	const Run &run;
	const PathSpec &path;
	const struct place &place;
	unsigned client_count;
	std::string base; /* of the files it may write: scratch folder and the path's name */
};

static std::string listen_at(const std::string &netns)
{
	return netns + "/127.0.0.1:" + std::to_string(RELAY_PORT);
}

static std::string server_port()
{
	return std::to_string(PLACE_SERVER_PORT);
}

/* ---- nsrelay ---- */

/* fleet_file - a relay with a listener in each of many namespaces */
static std::string fleet_file(const Order &order)
{
	std::string text = "threads: " + std::to_string(order.path.threads) +
	                   "\nrelays:\n  - name: fleet\n    to: \"" + std::string(order.place.server) +
	                   "/127.0.0.1:" + server_port() +
	                   "\"\n    tcp: { congestion: " + order.run.congestion + " }\n    listen:\n";
	for (unsigned i = 0; i < order.client_count; i++)
		text += "      - \"" + listen_at(order.place.client + std::to_string(i)) + "\"\n";
	std::string path = order.base + ".yaml";
	file_write(path, text);
	return path;
}

static Command nsrelay_command(const Order &order)
{
	const struct place &place = order.place;
	Command command;
	if (order.client_count > 0) {
		command.argv = {order.run.nsrelay, "run", "-c", fleet_file(order)};
		return command;
	}
	std::string to = (order.path.traits & OVER_LINK) ? std::string(place.client) + "/" + place.address
	                                                 : std::string(place.server) + "/127.0.0.1";
	command.argv = {order.run.nsrelay,
	                "run",
	                "--threads",
	                std::to_string(order.path.threads),
	                "--lane",
	                order.path.lane,
	                "--congestion",
	                order.run.congestion,
	                "--listen",
	                listen_at(place.client),
	                "--to",
	                to + ":" + server_port()};
	return command;
}

/* ---- relays that enter namespaces themselves ---- */

/*
 * haproxy_command - maxpipes: by default it sets descriptors aside for a quarter as many pipes as
 * connections, and would then have to stop at 7,900 of these
 */
static Command haproxy_command(const Order &order, bool splices)
{
	std::string text =
	        "global\n    nbthread 2\n    maxconn 9900\n    maxpipes 64\n    tune.pipesize 1048576\n"
	        "defaults\n    mode tcp\n    timeout connect 5s\n    timeout client 1h\n    timeout server "
	        "1h\n"
	        "listen relay\n    bind 127.0.0.1:" +
	        std::to_string(RELAY_PORT) + " namespace " + order.place.client +
	        "\n    server target 127.0.0.1:" + server_port() + " namespace " + order.place.server + "\n";
	if (splices)
		text += "    option splice-request\n    option splice-response\n";
	std::string path = order.base + ".cfg";
	file_write(path, text);
	Command command;
	command.argv = {"haproxy", "-db", "-f", path};
	if (!splices)
		command.argv.insert(command.argv.begin() + 1, "-dS");
	return command;
}

static Command haproxy_splice_command(const Order &order)
{
	return haproxy_command(order, true);
}

static Command haproxy_copy_command(const Order &order)
{
	return haproxy_command(order, false);
}

/* ---- relays that run in the server's namespace, with a listening socket that was made in the client's ----
 */

static Command with_socket(const Order &order, const std::vector<std::string> &argv)
{
	Command command;
	command.netns = order.place.server;
	command.argv = {order.run.nsload,
	                "listen-exec",
	                "--congestion",
	                order.run.congestion,
	                "--listen",
	                listen_at(order.place.client),
	                "--"};
	command.argv.insert(command.argv.end(), argv.begin(), argv.end());
	return command;
}

static Command nginx_command(const Order &order)
{
	std::string path = order.base + ".conf";
	file_write(path, "load_module /usr/lib/nginx/modules/ngx_stream_module.so;\n"
	                 "daemon off;\nuser root;\nworker_processes 2;\nerror_log stderr warn;\n"
	                 "pid " + order.base +
	                         ".pid;\n"
	                         "events { worker_connections 20000; }\n"
	                         "stream { server {\n    listen 127.0.0.1:" +
	                         std::to_string(RELAY_PORT) +
	                         ";\n"
	                         "    proxy_pass 127.0.0.1:" +
	                         server_port() +
	                         ";\n"
	                         "    proxy_buffer_size 128k;\n    proxy_connect_timeout 5s;\n    "
	                         "proxy_timeout 1h;\n} }\n");
	return with_socket(order, {"nginx", "-e", "stderr", "-p", order.run.scratch, "-c", path});
}

static Command socat_command(const Order &order)
{
	return with_socket(order, {"socat", "-b", "131072", "ACCEPT-FD:3,fork,nodelay",
	                           "TCP4:127.0.0.1:" + server_port() + ",nodelay"});
}

static Command socket_proxyd_command(const Order &order)
{
	return with_socket(order, {tool_find("systemd-socket-proxyd"), "--connections-max=20000",
	                           "127.0.0.1:" + server_port()});
}

static Command pasta_command(const Order &order)
{
	Command command;
	command.netns = order.place.client;
	command.argv = {"pasta",     "-f",
	                "-q",        "--runas",
	                "0",         "--netns-only",
	                "--netns",   std::string("/run/netns/") + order.place.server,
	                "-i",        order.place.link,
	                "-I",        "pasta0",
	                "--no-dhcp", "--no-dhcpv6",
	                "--no-ndp",  "--no-ra",
	                "-t",        "127.0.0.1/" + std::to_string(RELAY_PORT) + ":" + server_port(),
	                "-T",        "none",
	                "-u",        "none",
	                "-U",        "none"};
	return command;
}

/* ---- the table ---- */

struct Kind {
	RelayKind kind;
	const char *program;
	Command (*command)(const Order &);
	std::vector<const char *> version; /* the options that make it tell */
	unsigned idle_max;
	bool (*can_do)(); /* may it be given a listening socket of another namespace, or make one? NULL: it
	                     may */
};

/* socat_can_do - since 1.8, which has both ACCEPT-FD and an option for namespaces */
static bool socat_can_do()
{
	return tool_output({"socat", "-h"}).find("ACCEPT-FD") != std::string::npos;
}

static bool never()
{
	return false;
}

static const Kind *find(RelayKind kind)
{
	static const std::vector<Kind> kinds = {
	        {RelayKind::Nsrelay, "nsrelay", nsrelay_command, {"version"}, IDLE_ANY, nullptr},
	        {RelayKind::HaproxySplice, "haproxy", haproxy_splice_command, {"-v"}, IDLE_ANY, nullptr},
	        {RelayKind::HaproxyCopy, "haproxy", haproxy_copy_command, {"-v"}, IDLE_ANY, nullptr},
	        {RelayKind::Nginx, "nginx", nginx_command, {"-v"}, IDLE_ANY, nullptr},
	        {RelayKind::Socat, "socat", socat_command, {"-V"}, IDLE_WITH_PROCESSES, socat_can_do},
	        {RelayKind::SocketProxyd,
	         "systemd-socket-proxyd",
	         socket_proxyd_command,
	         {"--version"},
	         IDLE_WITH_PIPES,
	         nullptr},
	        {RelayKind::Pasta, "pasta", pasta_command, {"--version"}, IDLE_WITH_PIPES, nullptr},
	        {RelayKind::DockerProxy, "docker-proxy", nullptr, {"--version"}, 0, never},
	};
	for (const Kind &row : kinds)
		if (row.kind == kind)
			return &row;
	return nullptr;
}

static std::string program_of(const Run &run, const Kind &kind)
{
	return kind.kind == RelayKind::Nsrelay ? run.nsrelay : tool_find(kind.program);
}

std::string relay_obstacle(const Run &run, RelayKind kind)
{
	const Kind *row = find(kind);
	if (!row)
		return "";
	if (program_of(run, *row).empty())
		return std::string(row->program) + " is not installed";
	if (row->can_do && !row->can_do())
		return "cannot do it: it can neither listen in another namespace nor be given a socket that "
		       "does";
	return "";
}

std::string relay_version(const Run &run, RelayKind kind)
{
	const Kind *row = find(kind);
	std::vector<std::string> argv = {program_of(run, *row)};
	argv.insert(argv.end(), row->version.begin(), row->version.end());
	std::string text = tool_output(argv);
	return text.substr(0, text.find('\n'));
}

unsigned relay_idle_max(RelayKind kind)
{
	const Kind *row = find(kind);
	return row ? row->idle_max : static_cast<unsigned>(IDLE_ANY);
}

/* ---- starting ---- */

/* listens - in the last namespace, which is opened last */
static bool listens(const Order &order)
{
	std::string netns = order.place.client;
	if (order.client_count > 0)
		netns += std::to_string(order.client_count - 1);
	return place_listens(netns.c_str(), RELAY_PORT) == 1;
}

/* last_words - of its log, for the error */
static std::string last_words(const std::string &log)
{
	std::string text = file_read(log);
	while (!text.empty() && text.back() == '\n')
		text.pop_back();
	return text.substr(text.find_last_of('\n') + 1);
}

std::unique_ptr<Child> relay_start(const Run &run, const PathSpec &path, const struct place &place,
                                   unsigned client_count, const Group &group)
{
	Order order = {run, path, place, client_count, run.scratch + "/" + path.name};
	Command command = find(path.relay)->command(order);
	command.cpus = run.settings.pin.relay;
	command.log = order.base + ".log";
	auto relay = std::make_unique<Child>(command, group);
	for (int waited_ms = 0; !listens(order); waited_ms += START_POLL_MS) {
		if (relay->has_ended() || waited_ms >= START_PATIENCE_MS)
			throw Failure("it did not start: " + last_words(command.log));
		interrupt_sleep(START_POLL_MS);
	}
	interrupt_sleep(SETTLE_MS);
	return relay;
}

} /* namespace nsbench */
