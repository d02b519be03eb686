// SPDX-License-Identifier: Apache-2.0
// no_feed.h — the directory feed of a machine that gives none.
//
// In:      requests to watch.
// Out:     kExhausted for each, so that every directory is polled; no change is ever reported.
// Owns:    nothing.
// Thread:  the steward's.
// Limits:  new files and growth of quiet files are found at the reconcile interval.
// Why so:  fs.inotify.max_user_instances is 128 per user on many machines. An agent that refuses to
//          start because somebody else used them up loses more than a few seconds.
#pragma once

#include <string>
#include <vector>

#include "sluice/disk.h"

namespace sluice {

class NoFeed final : public DirectoryFeed {
 public:
  Result<void> watch(const std::string&) override {
    return Error{Errc::kExhausted, 0, "directories cannot be watched"};
  }
  void unwatch(const std::string&) override {}
  bool poll(std::vector<DirectoryChange>&) override { return false; }
};

}  // namespace sluice
