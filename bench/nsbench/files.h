/* SPDX-License-Identifier: Apache-2.0 */
/* Small files, whole: those of /proc, and what is written for people. */
#ifndef NSRELAY_BENCH_NSBENCH_FILES_H
#define NSRELAY_BENCH_NSBENCH_FILES_H

#include <string>

namespace nsbench
{

/* file_read - all of it, "" when it cannot be read: what /proc shows may be gone the next moment */
std::string file_read(const std::string &path);

/* file_line - its first line, without the newline */
std::string file_line(const std::string &path);

/* file_write - the whole of a file; throws Failure */
void file_write(const std::string &path, const std::string &text);

/* A temporary folder, gone with all that is in it when this is. */
class ScratchFolder
{
      public:
	ScratchFolder();
	~ScratchFolder();
	ScratchFolder(const ScratchFolder &) = delete;
	ScratchFolder &operator=(const ScratchFolder &) = delete;

	const std::string &path() const
	{
		return path_;
	}

      private:
	std::string path_;
};

} /* namespace nsbench */

#endif
