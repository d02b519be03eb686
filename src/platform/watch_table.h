// SPDX-License-Identifier: Apache-2.0
// watch_table.h — who watches which descriptor: the part of FdPoller that both backends share.
//
// In:      watch and unwatch, events that the kernel reported for a (descriptor, generation).
// Out:     calls of on_ready() for events whose generation is still the watched one.
// Owns:    the table and the list of noted events. Borrows listeners until they are unwatched.
// Thread:  the loop's. Everything may be called from inside on_ready().
// Limits:  as many descriptors as the process has.
// Why so:  a descriptor number is reused at once after close(); without a generation an event of
//          the dead socket would be taken for one of the new.
#pragma once

#include <cstddef>
#include <cstdint>
#include <unordered_map>
#include <vector>

#include "platform/fd_poller.h"

namespace sluice {

struct Watch {
  uint32_t mask = 0;  // 0: silent
  FdListener* who = nullptr;
  uint32_t generation = 0;
  // The ring's: the one-shot poll that is under way, if armed_mask is not 0.
  uint32_t armed_mask = 0;
  uint32_t armed_id = 0;
};

class WatchTable {
 public:
  // The watch of `fd`, made if there is none; `mask` and `who` are set.
  Watch& set(int fd, uint32_t mask, FdListener* who);
  Watch* find(int fd);
  void erase(int fd) { watches_.erase(fd); }
  size_t size() const { return watches_.size(); }

  // The kernel says that `revents` hold. Notes of one descriptor are one call.
  void note(int fd, uint32_t generation, uint32_t revents);
  bool any_noted() const { return !noted_.empty(); }
  // Calls the listeners of what was noted. Appends to `served`, before the call, the descriptors
  // that are still watched: a backend with one-shot polls arms them again.
  void dispatch(std::vector<int>* served);

 private:
  struct Note {
    int fd;
    uint32_t generation;
    uint32_t revents;
  };
  std::unordered_map<int, Watch> watches_;
  uint32_t last_generation_ = 0;
  std::vector<Note> noted_;
  std::vector<Note> firing_;  // emptied between calls; kept for its memory
};

}  // namespace sluice
