/* SPDX-License-Identifier: Apache-2.0 */
#include "bench/nsbench/files.h"

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "bench/nsbench/failure.h"

namespace nsbench
{

std::string file_read(const std::string &path)
{
	std::ifstream file(path);
	std::ostringstream text;
	text << file.rdbuf();
	return text.str();
}

std::string file_line(const std::string &path)
{
	std::ifstream file(path);
	std::string line;
	std::getline(file, line);
	return line;
}

void file_write(const std::string &path, const std::string &text)
{
	std::ofstream file(path);
	file << text;
	file.close();
	if (!file)
		throw failure_of("cannot write " + path);
}

ScratchFolder::ScratchFolder()
{
	char path[] = "/tmp/nsbench-XXXXXX";
	if (!mkdtemp(path))
		throw failure_of("cannot make a temporary folder");
	path_ = path;
}

ScratchFolder::~ScratchFolder()
{
	std::error_code ignored;
	std::filesystem::remove_all(path_, ignored);
}

} /* namespace nsbench */
