// SPDX-License-Identifier: Apache-2.0
#include "platform/store_copy.h"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <filesystem>
#include <system_error>
#include <tuple>
#include <utility>

#include "platform/sqlite_store.h"
#include "platform/state_directory.h"
#include "platform/system_clock.h"

namespace sluice {
namespace {

namespace fs = std::filesystem;

constexpr const char* kParts[] = {"checkpoints.db", "checkpoints.db-wal", "host_id"};
// A running agent commits once a second and moves its log now and then.
constexpr int kTries = 20;

// A directory of its own that is gone afterwards.
class PrivateDirectory {
 public:
  PrivateDirectory() {
    std::error_code error;
    path_ = (fs::temp_directory_path(error) / "sluice-audit-XXXXXX").native();
    if (error || ::mkdtemp(path_.data()) == nullptr) path_.clear();
  }
  ~PrivateDirectory() {
    std::error_code error;
    if (!path_.empty()) fs::remove_all(path_, error);
  }
  PrivateDirectory(const PrivateDirectory&) = delete;
  PrivateDirectory& operator=(const PrivateDirectory&) = delete;

  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

// Size and time of both files: while they stay the same, a copy is of one moment.
using Stamp = std::tuple<uintmax_t, fs::file_time_type, uintmax_t, fs::file_time_type>;

Stamp stamp_of(const std::string& directory) {
  std::error_code error;
  const fs::path base(directory);
  return {fs::file_size(base / kParts[0], error), fs::last_write_time(base / kParts[0], error),
          fs::file_size(base / kParts[1], error), fs::last_write_time(base / kParts[1], error)};
}

std::error_code copy_parts(const std::string& from, const std::string& to) {
  std::error_code error;
  for (const char* part : kParts) {
    fs::copy_file(fs::path(from) / part, fs::path(to) / part, fs::copy_options::overwrite_existing,
                  error);
    const bool required = part == kParts[0];
    if (error && (required || error != std::errc::no_such_file_or_directory)) return error;
    if (error) fs::remove(fs::path(to) / part, error);
  }
  return {};
}

}  // namespace

Result<StoredState> read_store_copy(const std::string& directory, std::string& problem) {
  const PrivateDirectory copy;
  if (copy.path().empty()) {
    const Error error = Error::from_errno("make a directory for a copy of the checkpoint store");
    problem = error.message();
    return error;
  }
  for (int tries = 0;; ++tries) {
    const Stamp before = stamp_of(directory);
    const std::error_code failed = copy_parts(directory, copy.path());
    if (failed) {
      const Error error = Error::from_errno("read checkpoints.db", failed.value());
      problem = error.code == Errc::kNotFound ? "there is no checkpoint store in " + directory
                                              : state_problem(directory, error);
      return error;
    }
    if (stamp_of(directory) == before || tries >= kTries) break;
  }
  SystemClock clock;
  SqliteStore store(copy.path(), clock.wall());
  Result<StoredState> state = store.load();
  if (!state) problem = store.problem();
  return state;
}

bool state_directory_in_use(const std::string& directory) {
  const int fd = ::open((directory + "/sluice.lock").c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
  if (fd < 0) return false;
  // Shared and given back at once: an agent that starts in this moment tries again for seconds.
  const bool held = ::flock(fd, LOCK_SH | LOCK_NB) != 0 && errno == EWOULDBLOCK;
  ::close(fd);
  return held;
}

}  // namespace sluice
