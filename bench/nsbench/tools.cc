/* SPDX-License-Identifier: Apache-2.0 */
#include "bench/nsbench/tools.h"

#include <cstdlib>
#include <filesystem>
#include <sstream>

#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

namespace nsbench
{

/* folders - where to look, in order */
static std::vector<std::string> folders()
{
	std::error_code ignored;
	std::vector<std::string> found = {
	        std::filesystem::read_symlink("/proc/self/exe", ignored).parent_path().string()};
	const char *path = std::getenv("PATH");
	std::istringstream list(path ? path : "/usr/bin:/bin");
	for (std::string folder; std::getline(list, folder, ':');)
		found.push_back(folder);
	for (const char *folder : {"/usr/sbin", "/usr/lib/systemd", "/lib/systemd", "/usr/libexec/docker"})
		found.emplace_back(folder);
	return found;
}

std::string tool_find(const std::string &name)
{
	for (const std::string &folder : folders()) {
		std::string path = folder + "/" + name;
		if (!folder.empty() && access(path.c_str(), X_OK) == 0)
			return path;
	}
	return "";
}

static void run_tool(const std::vector<std::string> &argv, int output)
{
	std::vector<char *> words;
	for (const std::string &word : argv)
		words.push_back(const_cast<char *>(word.c_str()));
	words.push_back(nullptr);
	dup2(output, STDOUT_FILENO);
	dup2(output, STDERR_FILENO);
	execvp(words[0], words.data());
	_exit(127);
}

std::string tool_output(const std::vector<std::string> &argv)
{
	int ends[2];
	if (pipe2(ends, O_CLOEXEC) < 0)
		return "";
	pid_t pid = fork();
	if (pid == 0)
		run_tool(argv, ends[1]);
	close(ends[1]);
	std::string text;
	char chunk[4096];
	for (ssize_t size; pid > 0 && (size = read(ends[0], chunk, sizeof(chunk))) > 0;)
		text.append(chunk, static_cast<size_t>(size));
	close(ends[0]);
	int status = 0;
	if (pid > 0)
		waitpid(pid, &status, 0);
	return WIFEXITED(status) && WEXITSTATUS(status) == 127 ? "" : text;
}

} /* namespace nsbench */
