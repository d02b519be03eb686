// SPDX-License-Identifier: Apache-2.0
// scratch_directory.h — a directory for one test, removed with everything in it.
//
// In:      nothing; files are written by the test.
// Out:     absolute paths below $TMPDIR, or below the parent that the test asks for.
// Owns:    the directory, from construction to destruction.
// Thread:  the test's.
// Fails:   a test that cannot make it ends the program: nothing it could say would be true.
// Why so:  tests run side by side and leave nothing behind.
#pragma once

#include <fcntl.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <string>
#include <string_view>

#include "sluice/check.h"

namespace sluice {

class ScratchDirectory {
 public:
  explicit ScratchDirectory(
      const std::filesystem::path& parent = std::filesystem::temp_directory_path()) {
    std::string pattern = (parent / "sluice-XXXXXX").string();
    SLUICE_CHECK(::mkdtemp(pattern.data()) != nullptr, "a test needs a directory");
    path_ = pattern;
  }
  ~ScratchDirectory() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  ScratchDirectory(const ScratchDirectory&) = delete;
  ScratchDirectory& operator=(const ScratchDirectory&) = delete;

  const std::string& path() const { return path_; }
  std::string path(const std::string& name) const { return path_ + "/" + name; }

  // Creates or appends.
  std::string append(const std::string& name, std::string_view text) const {
    const std::string file = path(name);
    const int fd = ::open(file.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
    SLUICE_CHECK(fd >= 0, "a test can write its file");
    SLUICE_CHECK(::write(fd, text.data(), text.size()) == static_cast<ssize_t>(text.size()),
                 "a test can write its file");
    ::close(fd);
    return file;
  }

 private:
  std::string path_;
};

}  // namespace sluice
