// SPDX-License-Identifier: Apache-2.0
// inotify_feed.h — hints about directories from inotify; files are never watched.
//
// In:      directories to watch; the kernel's events.
// Out:     at most one change of content per file and poll; every step that a name took.
// Owns:    the inotify descriptor. fd() is readable when poll() would find something.
// Thread:  the steward's.
// Limits:  fs.inotify.max_user_watches: kExhausted. One poll() reads at most 1 MiB of events, so
//          that a busy directory cannot hold the steward; the rest waits.
// Fails:   create() when instances or descriptors run out: the caller lives by reconciling alone.
// Why so:  a watch per file costs the kernel 1 KiB each and is lost at every rotation; one per
//          directory sees creations and renames too. A directory that was moved away is forgotten
//          at once, because its watch would follow it to where nobody asked for it.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "sluice/disk.h"

struct inotify_event;

namespace sluice {

class InotifyFeed final : public DirectoryFeed {
 public:
  static Result<std::unique_ptr<InotifyFeed>> create();
  ~InotifyFeed() override;
  InotifyFeed(const InotifyFeed&) = delete;
  InotifyFeed& operator=(const InotifyFeed&) = delete;

  int fd() const { return fd_; }

  Result<void> watch(const std::string& directory) override;
  void unwatch(const std::string& directory) override;
  bool poll(std::vector<DirectoryChange>& changes) override;

 private:
  explicit InotifyFeed(int fd) : fd_(fd) {}
  void take(const inotify_event& event, std::string_view name,
            std::vector<DirectoryChange>& changes);
  void report(const inotify_event& event, std::string_view name,
              std::vector<DirectoryChange>& changes);
  void forget(int descriptor);
  void detach(const std::string& directory, int descriptor);

  const int fd_;
  std::unordered_map<std::string, int> descriptors_;  // by directory
  // Two names of one directory (a symbolic link) share a watch of the kernel.
  std::unordered_map<int, std::vector<std::string>> directories_;
  std::unordered_set<uint64_t> reported_;  // in this poll: files that were written to, directories
};

}  // namespace sluice
