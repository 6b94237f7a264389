/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/integration/app/nsctlproc.h"

#include <libfyaml.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/check.h"

enum { ARGUMENTS_MAX = 32, TEXT_MAX = 128, FOUND_MAX = 4 };

static struct nsctlproc_result result;

const char *const *nsctlproc_argv(const char *const args[])
{
	static const char *argv[ARGUMENTS_MAX];
	const char *binary = getenv("NSCTL_BINARY");
	size_t count = 0;

	argv[count++] = binary ? binary : NSCTL_BUILT_BINARY;
	for (; args[count - 1]; count++) {
		assert_true(count + 1 < ARGUMENTS_MAX);
		argv[count] = args[count - 1];
	}
	argv[count] = NULL;
	return argv;
}

/* read_all - of a file in memory, as text */
static void read_all(int fd, char text[NSCTLPROC_TEXT_MAX])
{
	ssize_t size = pread(fd, text, NSCTLPROC_TEXT_MAX - 1, 0);

	assert_true(size >= 0 && size < NSCTLPROC_TEXT_MAX - 1);
	text[size] = '\0';
}

/* The child opens the files by the descriptors of this process, so that it inherits none. */
static int run_redirected(int ns_fd, const char *const argv[], int out, int errors)
{
	const char *wrapped[ARGUMENTS_MAX + 3] = {"sh", "-c"};
	char script[TEXT_MAX];

	snprintf(script, sizeof(script), "exec \"$0\" \"$@\" >/proc/%d/fd/%d 2>/proc/%d/fd/%d", (int)getpid(),
	         out, (int)getpid(), errors);
	wrapped[2] = script;
	for (size_t i = 0; argv[i]; i++)
		wrapped[3 + i] = argv[i];
	return testns_run(ns_fd, wrapped);
}

const struct nsctlproc_result *nsctlproc_run(int ns_fd, const char *const args[])
{
	int out = testns_keep_fd(memfd_create("output", MFD_CLOEXEC));
	int errors = testns_keep_fd(memfd_create("errors", MFD_CLOEXEC));

	result.status = run_redirected(ns_fd, nsctlproc_argv(args), out, errors);
	read_all(out, result.output);
	read_all(errors, result.errors);
	testns_close(out);
	testns_close(errors);
	return &result;
}

const char *nsctlproc_succeed(int ns_fd, const char *const args[])
{
	nsctlproc_run(ns_fd, args);
	if (result.status != 0)
		fail_msg("nsctl %s ended with status %d: %s%s", args[0], result.status, result.errors,
		         result.output);
	return result.output;
}

/* ---- JSON ---- */

static struct fy_document *parse(void)
{
	const struct fy_parse_cfg strict = {.flags = FYPCF_QUIET | FYPCF_JSON_FORCE};
	struct fy_document *document = fy_document_build_from_string(&strict, result.output, FY_NT);

	if (!document)
		fail_msg("`%s` is not JSON", result.output);
	return document;
}

static struct fy_node *find(struct fy_document *document, const char *path)
{
	return fy_node_by_path(fy_document_root(document), path, FY_NT, FYNWF_DONT_FOLLOW);
}

const char *nsctlproc_json(const char *path)
{
	static char text[NSCTLPROC_TEXT_MAX];
	struct fy_document *document = parse();
	struct fy_node *node = find(document, path);
	size_t length = 0;
	const char *scalar = node ? fy_node_get_scalar(node, &length) : NULL;

	assert_true(length < sizeof(text));
	if (scalar)
		memcpy(text, scalar, length);
	text[length] = '\0';
	fy_document_destroy(document);
	return scalar ? text : NULL;
}

int nsctlproc_json_count(const char *path)
{
	struct fy_document *document = parse();
	struct fy_node *node = find(document, path);
	int count = -1;

	if (node && fy_node_is_sequence(node))
		count = fy_node_sequence_item_count(node);
	else if (node && fy_node_is_mapping(node))
		count = fy_node_mapping_item_count(node);
	fy_document_destroy(document);
	return count;
}

const char *nsctlproc_json_find(const char *path, const char *key, const char *value)
{
	static char found[FOUND_MAX][TEXT_MAX];
	static size_t turn;
	char *element = found[turn++ % FOUND_MAX], member[2 * TEXT_MAX];
	int count = nsctlproc_json_count(path);

	for (int i = 0; i < count; i++) {
		const char *text;

		snprintf(element, TEXT_MAX, "%s/%d", strcmp(path, "/") == 0 ? "" : path, i);
		snprintf(member, sizeof(member), "%s/%s", element, key);
		text = nsctlproc_json(member);
		if (text && strcmp(text, value) == 0)
			return element;
	}
	return NULL;
}

const char *nsctlproc_json_at(const char *path, const char *rest)
{
	char whole[2 * TEXT_MAX];
	const char *text;

	if (!path)
		fail_msg("there is nothing that has %s", rest);
	snprintf(whole, sizeof(whole), "%s%s", path, rest);
	text = nsctlproc_json(whole);
	if (!text)
		fail_msg("there is no %s in %s", whole, result.output);
	return text;
}
