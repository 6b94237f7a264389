/* SPDX-License-Identifier: Apache-2.0 */
#include "relay/probes.h"

#define ROW(name, when, ...) [PROBE_##name] = {#name, when, {__VA_ARGS__}},
const struct probe_info probes[PROBE_COUNT] = {PROBE_TABLE(ROW)};
#undef ROW
