/* SPDX-License-Identifier: Apache-2.0 */
#include "app/manual/programs.h"

#include <string.h>

#include "app/nsctl/nsctl_options.h"
#include "app/nsctl/topology_file.h"
#include "app/nsrelay/config_file.h"
#include "app/nsrelay/options.h"

const struct manual *programs_find(const char *name)
{
	static const struct manual *const all[] = {&options_manual, &nsctl_manual};
	for (size_t i = 0; i < ARRAY_COUNT(all); i++)
		if (strcmp(all[i]->program, name) == 0)
			return all[i];
	return NULL;
}

const struct schema *programs_find_file(const char *name)
{
	static const struct {
		const char *name;
		const struct schema *schema;
	} all[] = {{"nsrelay.yaml", &config_file_schema}, {"nstopology.yaml", &topology_file_schema}};
	for (size_t i = 0; i < ARRAY_COUNT(all); i++)
		if (strcmp(all[i].name, name) == 0)
			return all[i].schema;
	return NULL;
}
