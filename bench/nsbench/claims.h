/* SPDX-License-Identifier: Apache-2.0 */
/* Two things that are often said, put to the test by what has been measured. */
#ifndef NSRELAY_BENCH_NSBENCH_CLAIMS_H
#define NSRELAY_BENCH_NSBENCH_CLAIMS_H

#include <string>
#include <vector>

#include "bench/nsbench/results.h"

namespace nsbench
{

/* ---- "veth and bridge cost less than 5 %" ---- */

enum class Answer { Holds, Fails, Undecided };

/* What crossing @path costs in throughput, as a share of what @base carries in the same round; below 0: it
 * carries more. */
struct Cost {
	std::string path, base, load;
	Spread share;
	Answer answer;
};

/* claim_answer - is it below @limit? Undecided when the range between the quartiles has the limit in it. */
Answer claim_answer(const Spread &share, double limit);

/* claim_costs - of veth and bridge against loopback, and of bridge against veth, in every load that has a
 * rate */
std::vector<Cost> claim_costs(const Results &results);

/* claim_sentence - the answer to the claim, over all costs */
std::string claim_sentence(const std::vector<Cost> &costs);

/* ---- T = B/(1+D) ---- */

/* One path under one load: what it carries, and how long a single small message takes on it and back. */
struct ModelPoint {
	std::string path;
	double measured; /* T, in the unit of the load's rate */
	double delay_us; /* p50 of ping_64B_x1 */
	double literal;  /* T as the formula says, with nothing to be fitted */
	double fitted;   /* with B and the scale of D as they fit best */
};

/*
 * The formula says nothing of the unit of D. Read literally: B is what the reference carries, and D how much
 * longer a message takes than there, in times of the reference's. Fitted: 1/T = 1/B + k * delay, by least
 * squares.
 */
struct Model {
	std::string load, rate;
	std::vector<ModelPoint> points;
	double literal_explained, fitted_explained; /* R squared */
	double literal_error, fitted_error;         /* median of |predicted / measured - 1| */
};

/* model_fit - for each load that at least four paths were measured with */
std::vector<Model> model_fit(const Results &results);

std::string model_sentence(const Model &model);

} /* namespace nsbench */

#endif
