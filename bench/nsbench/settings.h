/* SPDX-License-Identifier: Apache-2.0 */
/* What the command line asks for, and what one run has in common. */
#ifndef NSRELAY_BENCH_NSBENCH_SETTINGS_H
#define NSRELAY_BENCH_NSBENCH_SETTINGS_H

#include <regex>
#include <string>
#include <vector>

namespace nsbench
{

enum class Extent { Quick, Normal, Full };

struct Settings {
	Extent extent = Extent::Normal;
	double seconds = 1; /* of load in a sample */
	int rounds = 3;     /* samples of each benchmark */
	std::vector<std::regex>
	        only; /* a benchmark is measured when its whole name matches one; empty: all */
	bool peers = false;
	struct {
		std::vector<int> client, server, relay; /* processors; empty: any */
	} pin;
	double tolerance =
	        .05;     /* share of the processors that others may use before a sample is taken again */
	std::string out; /* folder for the results */
};

/* What all paths and loads of one run share. */
struct Run {
	Settings settings;
	std::string name;    /* how everything it makes begins: "nsb-PID" */
	std::string scratch; /* a folder for configuration and logs of relays */
	std::string ledger_dir;
	std::string congestion;
	std::string nsload, nsrelay; /* programs; nsrelay may be "" */
};

} /* namespace nsbench */

#endif
