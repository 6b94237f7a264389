/* SPDX-License-Identifier: Apache-2.0 */
#include "bench/nsbench/options.h"

#include "bench/nsbench/failure.h"
#include "tests/unit/bench/unit.hpp"

using namespace nsbench;

static Options parse(std::vector<std::string> words)
{
	std::vector<char *> argv;
	words.insert(words.begin(), "nsbench");
	for (std::string &word : words)
		argv.push_back(word.data());
	argv.push_back(nullptr);
	return options_parse(static_cast<int>(words.size()), argv.data());
}

/* refusal - what the error says */
static std::string refusal(const std::vector<std::string> &words)
{
	try {
		parse(words);
	} catch (const Failure &failure) {
		return failure.what();
	}
	return "accepted";
}

static void only_takes_all_words_up_to_the_next_option(void **)
{
	Options options = parse({"run", "--only", "veth/.*", "bridge/.*", "--peers"});
	assert_int_equal(options.settings.only.size(), 2);
	assert_true(options.settings.peers);
}

static void what_an_extent_chooses_can_be_changed_before_and_behind_it(void **)
{
	assert_int_equal(parse({"run", "--rounds", "7", "--quick"}).settings.rounds, 7);
	assert_int_equal(parse({"run", "--quick", "--rounds", "7"}).settings.rounds, 7);
	assert_true(parse({"run", "--full"}).settings.extent == Extent::Full);
}

static void pin_without_numbers_puts_all_on_one_processor(void **)
{
	Settings settings = parse({"run", "--pin"}).settings;
	assert_int_equal(settings.pin.client.size(), 1);
	assert_int_equal(settings.pin.client[0], settings.pin.relay[0]);
	assert_int_equal(parse({"run", "--pin=0,0,0"}).settings.pin.server[0], 0);
	assert_has(refusal({"run", "--pin=0,0"}), "three processors");
	assert_has(refusal({"run", "--pin=0,0,100000"}), "expected a number");
}

static void help_is_given_behind_a_verb_too(void **)
{
	assert_true(parse({"--help"}).verb == Verb::Help);
	assert_true(parse({"run", "--quick", "--help", "--nonsense"}).verb == Verb::Help);
	assert_true(parse({"compare", "--help"}).verb == Verb::Help);
}

static void mistakes_say_what_was_expected(void **)
{
	assert_has(refusal({"ran"}), "unknown verb ran");
	assert_has(refusal({"run", "--quik"}), "unknown option --quik");
	assert_has(refusal({"run", "--rounds", "0"}), "expected a number from 1");
	assert_has(refusal({"run", "--rounds"}), "needs a value");
	assert_has(refusal({"run", "--only", "("}), "not a regular expression");
	assert_has(refusal({"compare", "a.json"}), "two files");
	assert_has(refusal({"report"}), "one file");
	assert_has(refusal({"report", "a.json", "--quick"}), "unknown option --quick");
}

int main()
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(only_takes_all_words_up_to_the_next_option),
	        cmocka_unit_test(what_an_extent_chooses_can_be_changed_before_and_behind_it),
	        cmocka_unit_test(pin_without_numbers_puts_all_on_one_processor),
	        cmocka_unit_test(help_is_given_behind_a_verb_too),
	        cmocka_unit_test(mistakes_say_what_was_expected),
	};
	return cmocka_run_group_tests(tests, nullptr, nullptr);
}
