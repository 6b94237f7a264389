/* SPDX-License-Identifier: Apache-2.0 */
#include "bench/nsbench/text.h"

#include <cmath>
#include <cstdio>

namespace nsbench
{

std::string number(double value)
{
	char text[64];
	double size = std::fabs(value);
	int decimals = size >= 1000 ? 0 : size >= 100 ? 1 : size >= 1 ? 2 : 3;
	if (value == std::floor(value) && size < 1e15)
		decimals = 0;
	snprintf(text, sizeof(text), "%.*f", decimals, value);
	return text;
}

std::string percent(double share)
{
	char text[64];
	snprintf(text, sizeof(text), "%.1f %%", share * 100);
	return text;
}

std::string spread_text(const Spread &spread)
{
	if (spread.count < 2 || spread.q1 == spread.q3)
		return number(spread.median);
	return number(spread.median) + " (" + number(spread.q1) + ".." + number(spread.q3) + ")";
}

} /* namespace nsbench */
