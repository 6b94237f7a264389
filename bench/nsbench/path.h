/* SPDX-License-Identifier: Apache-2.0 */
/* A path as it stands: its namespaces, and the relay if it has one. All of it goes when the object does. */
#ifndef NSRELAY_BENCH_NSBENCH_PATH_H
#define NSRELAY_BENCH_NSBENCH_PATH_H

#include <memory>
#include <string>

#include "bench/nsbench/catalogue.h"
#include "bench/nsbench/child.h"
#include "bench/nsbench/group.h"
#include "bench/nsbench/settings.h"

namespace nsbench
{

class Path
{
      public:
	/*
	 * @client_count: 0: one client; else a path of the shape PathSpec.many with so many
	 * Throws Failure when this machine does not have such a path: the reason is for people.
	 */
	Path(const Run &run, const PathSpec &spec, unsigned client_count);
	~Path();
	Path(const Path &) = delete;
	Path &operator=(const Path &) = delete;

	const PathSpec &spec() const
	{
		return spec_;
	}

	/* What the client connects to, and where the server listens: NETNS/ADDRESS:PORT. */
	std::string client_endpoint() const;
	std::string server_endpoint() const;

	/* relay - its processes; nullptr on a path without a relay */
	const Group *relay() const
	{
		return relay_group_.get();
	}

	/* link_features - of the link that the client's bytes leave by */
	std::string link_features() const;

      private:
	class Namespaces
	{
	      public:
		Namespaces(const Run &run, const PathSpec &spec, unsigned client_count);
		~Namespaces();
		struct place place = {};

	      private:
		std::string name_, ledger_dir_;
	};

	const PathSpec &spec_;
	unsigned client_count_;
	Namespaces namespaces_; /* destroyed last */
	std::unique_ptr<Group> relay_group_;
	std::unique_ptr<Child> relay_;
};

} /* namespace nsbench */

#endif
