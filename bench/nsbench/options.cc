/* SPDX-License-Identifier: Apache-2.0 */
#include "bench/nsbench/options.h"

#include <cstdlib>
#include <ctime>
#include <sstream>

#include "bench/nsbench/failure.h"
#include "bench/nsbench/machine.h"

namespace nsbench
{

std::string options_help()
{
	return "usage: nsbench run [options]                  measure; needs root\n"
	       "       nsbench report RESULTS.json [--out DIR]  write the reports of it once more\n"
	       "       nsbench compare BEFORE.json AFTER.json [--fail]\n"
	       "                                              what got better or worse beyond the noise; "
	       "with --fail exit\n"
	       "                                              status 1 when something got worse\n"
	       "       nsbench list                           every path and every load\n"
	       "\n"
	       "  --quick             a few loads, briefly: under two minutes\n"
	       "  --full              everything, at length: some hours\n"
	       "  --only REGEX...     benchmarks PATH/LOAD whose whole name matches one: 'veth/ping.*' "
	       "'nsrelay.*/short_x32'\n"
	       "  --peers             every public relay that is installed, too\n"
	       "  --pin[=C,S,R]       client, server and relay on these processors; without numbers all on "
	       "the first one\n"
	       "  --rounds N          samples of each benchmark (3; --full: 5)\n"
	       "  --seconds S         of load in a sample (1; --quick: 0.3, --full: 3)\n"
	       "  --tolerate PERCENT  of the machine that others may use before a sample is taken again (5)\n"
	       "  --out DIR           where results.json, results.md and index.html go (nsbench-TIME)\n";
}

/* A command line that is being read. */
class Reader
{
      public:
	Reader(int argc, char **argv) : words_(argv + 1, argv + argc)
	{
	}

	bool more() const
	{
		return at_ < words_.size();
	}

	std::string next()
	{
		return words_[at_++];
	}

	/* value - of option @name; a second one of a list begins with no dash */
	std::string value(const std::string &name)
	{
		if (!more())
			throw Failure(name + " needs a value");
		return next();
	}

	bool more_values() const
	{
		return more() && words_[at_][0] != '-';
	}

      private:
	std::vector<std::string> words_;
	size_t at_ = 0;
};

static double parse_number(const std::string &name, const std::string &text, double min, double max)
{
	char *end;
	double number = std::strtod(text.c_str(), &end);
	if (text.empty() || *end || !(number >= min && number <= max)) {
		std::ostringstream message;
		message << name << " " << text << ": expected a number from " << min << " to " << max;
		throw Failure(message.str());
	}
	return number;
}

static std::regex parse_regex(const std::string &text)
{
	try {
		return std::regex(text);
	} catch (const std::regex_error &error) {
		throw Failure("--only " + text + ": not a regular expression: " + error.what());
	}
}

/* parse_pin - "0,1,1"; "": the first processor for all three */
static void parse_pin(const std::string &text, Settings *ret)
{
	std::vector<int> cpus;
	std::istringstream list(text);
	for (std::string cpu; std::getline(list, cpu, ',');)
		cpus.push_back(static_cast<int>(parse_number("--pin", cpu, 0, machine_processors() - 1)));
	if (text.empty())
		cpus.assign(3, machine_first_cpu());
	if (cpus.size() != 3)
		throw Failure("--pin=" + text +
		              ": expected three processors: of the client, the server and the relay");
	ret->pin.client = {cpus[0]};
	ret->pin.server = {cpus[1]};
	ret->pin.relay = {cpus[2]};
}

static void set_extent(Extent extent, Settings *ret)
{
	ret->extent = extent;
	ret->seconds = extent == Extent::Quick ? .3 : 3;
	ret->rounds = extent == Extent::Quick ? 3 : 5;
}

/* read_option - false when it is none of these */
static bool read_run_option(const std::string &word, Reader *reader, Settings *ret)
{
	if (word == "--peers")
		ret->peers = true;
	else if (word == "--pin")
		parse_pin("", ret);
	else if (word.rfind("--pin=", 0) == 0)
		parse_pin(word.substr(6), ret);
	else if (word == "--rounds")
		ret->rounds = static_cast<int>(parse_number(word, reader->value(word), 1, 1000));
	else if (word == "--seconds")
		ret->seconds = parse_number(word, reader->value(word), .01, 600);
	else if (word == "--tolerate")
		ret->tolerance = parse_number(word, reader->value(word), 0, 100) / 100;
	else if (word == "--only")
		do
			ret->only.push_back(parse_regex(reader->value(word)));
		while (reader->more_values());
	else
		return false;
	return true;
}

/* read_extent - before any other option, so that those may change what it chooses */
static void read_extent(int argc, char **argv, Settings *ret)
{
	for (int i = 2; i < argc; i++) {
		std::string word = argv[i];
		if (word == "--quick" || word == "--full")
			set_extent(word == "--quick" ? Extent::Quick : Extent::Full, ret);
	}
}

static Verb verb_of(const std::string &word)
{
	static const std::pair<const char *, Verb> verbs[] = {
	        {"run", Verb::Run},   {"report", Verb::Report}, {"compare", Verb::Compare},
	        {"list", Verb::List}, {"help", Verb::Help},     {"--help", Verb::Help}};
	for (const auto &[name, verb] : verbs)
		if (word == name)
			return verb;
	throw Failure("unknown verb " + word + "; see nsbench --help");
}

static void read_word(const std::string &word, Reader *reader, Options *ret)
{
	bool is_run = ret->verb == Verb::Run;
	if (word == "--help")
		*ret = Options(); /* of which the verb is help */
	else if (word == "--out" && (is_run || ret->verb == Verb::Report))
		ret->settings.out = reader->value(word);
	else if (word == "--fail" && ret->verb == Verb::Compare)
		ret->fail = true;
	else if (is_run &&
	         (word == "--quick" || word == "--full" || read_run_option(word, reader, &ret->settings)))
		return;
	else if (word[0] == '-' || is_run || ret->verb == Verb::List)
		throw Failure("unknown option " + word + "; see nsbench --help");
	else
		ret->files.push_back(word);
}

static std::string default_out()
{
	char text[64];
	time_t now = time(nullptr);
	strftime(text, sizeof(text), "nsbench-%Y%m%dT%H%M%S", localtime(&now));
	return text;
}

Options options_parse(int argc, char **argv)
{
	Options options;
	Reader reader(argc, argv);
	options.verb = reader.more() ? verb_of(reader.next())
	                             : throw Failure("what to do? see nsbench --help");
	if (options.verb == Verb::Run)
		read_extent(argc, argv, &options.settings);
	while (reader.more() && options.verb != Verb::Help)
		read_word(reader.next(), &reader, &options);
	size_t wanted = options.verb == Verb::Report ? 1 : options.verb == Verb::Compare ? 2 : 0;
	if (options.files.size() != wanted)
		throw Failure(wanted == 1 ? "report needs one file of results"
		                          : "compare needs two files of results");
	if (options.verb == Verb::Run && options.settings.out.empty())
		options.settings.out = default_out();
	return options;
}

} /* namespace nsbench */
