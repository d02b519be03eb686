// SPDX-License-Identifier: Apache-2.0
#include "platform/state_directory.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

namespace sluice {

namespace {

std::string parent_of(const std::string& path) {
  const size_t slash = path.find_last_of('/');
  if (slash == std::string::npos) return ".";
  return slash == 0 ? "/" : path.substr(0, slash);
}

// Makes one level; a level that exists is fine, whoever made it.
Result<void> make_level(const std::string& path) {
  if (::mkdir(path.c_str(), 0700) == 0) return sync_directory(parent_of(path));
  if (errno != EEXIST) return Error::from_errno("mkdir");
  struct stat found {};
  if (::stat(path.c_str(), &found) != 0) return Error::from_errno("stat");
  if (!S_ISDIR(found.st_mode)) return Error::from_errno("mkdir", ENOTDIR);
  return {};
}

}  // namespace

Result<void> sync_directory(const std::string& path) {
  const int fd = ::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (fd < 0) return Error::from_errno("open directory");
  const bool synced = ::fsync(fd) == 0;
  const int err = errno;
  ::close(fd);
  // Some file systems (FUSE, network) cannot sync a directory and say EINVAL: their own affair.
  if (!synced && err != EINVAL) return Error::from_errno("fsync directory", err);
  return {};
}

Result<void> make_state_directory(const std::string& path, std::string& problem) {
  if (path.empty()) {
    problem = "the state directory has no name; give one with --state";
    return Error{Errc::kInvalid, 0, "state directory"};
  }
  for (size_t end = 1; end <= path.size(); ++end) {
    if (end < path.size() && path[end] != '/') continue;
    if (path[end - 1] == '/') continue;
    const std::string level = path.substr(0, end);
    const Result<void> made = make_level(level);
    if (made) continue;
    problem = state_problem("state directory " + path, made.error());
    return made;
  }
  return {};
}

std::string state_problem(const std::string& subject, const Error& error) {
  std::string text = subject + ": " + error.message();
  switch (error.sys_errno) {
    case ENOSPC:
    case EDQUOT:
      return text + "; free space there, or choose another directory with --state";
    case EROFS:
    case EACCES:
    case EPERM:
      return text +
             "; let the user that runs sluice write there, or choose another directory with "
             "--state";
    case ENOTDIR:
      return text + "; a file is in the way: move it, or choose another directory with --state";
    case EMFILE:
    case ENFILE:
      return text + "; raise the limit of open files (ulimit -n, LimitNOFILE=)";
    default:
      return text + "; choose another directory with --state if this does not pass";
  }
}

}  // namespace sluice
