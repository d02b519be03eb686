// SPDX-License-Identifier: Apache-2.0
// private_directory.h — a directory that nobody else sees and that is gone afterwards.
//
// In:      where temporary files go: $TMPDIR, else /tmp.
// Out:     a path with mode 0700.
// Owns:    the directory and all that is in it; removes both.
// Thread:  one.
// Limits:  a process that is killed with SIGKILL leaves it behind, as sluice-measure-XXXXXX.
// Fails:   path() is empty, and errno is of the call that failed.
// Why so:  measuring must not touch the state of an agent, nor be seen by one: patterns as
//          /var/log/*.log never reach it.
#pragma once

#include <string>

namespace sluice {

class PrivateDirectory {
 public:
  explicit PrivateDirectory(const std::string& parent);
  ~PrivateDirectory();
  PrivateDirectory(const PrivateDirectory&) = delete;
  PrivateDirectory& operator=(const PrivateDirectory&) = delete;

  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

}  // namespace sluice
