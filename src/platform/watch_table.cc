// SPDX-License-Identifier: Apache-2.0
#include "platform/watch_table.h"

#include <poll.h>

#include "sluice/check.h"

namespace sluice {

Watch& WatchTable::set(int fd, uint32_t mask, FdListener* who) {
  SLUICE_CHECK(fd >= 0 && who != nullptr, "a descriptor and somebody to tell");
  const auto [at, is_new] = watches_.try_emplace(fd);
  if (is_new) at->second.generation = ++last_generation_;
  at->second.mask = mask;
  at->second.who = who;
  return at->second;
}

Watch* WatchTable::find(int fd) {
  const auto at = watches_.find(fd);
  return at == watches_.end() ? nullptr : &at->second;
}

void WatchTable::note(int fd, uint32_t generation, uint32_t revents) {
  for (Note& note : noted_) {
    if (note.fd != fd || note.generation != generation) continue;
    note.revents |= revents;
    return;
  }
  noted_.push_back({fd, generation, revents});
}

void WatchTable::dispatch(std::vector<int>* served) {
  SLUICE_CHECK(firing_.empty(), "wait() is not called from inside on_ready()");
  firing_.swap(noted_);
  for (const Note& note : firing_) {
    const Watch* watch = find(note.fd);
    if (watch == nullptr || watch->generation != note.generation) continue;
    if (served != nullptr) served->push_back(note.fd);
    if (watch->mask == 0) continue;
    const uint32_t wanted = watch->mask | POLLERR | POLLHUP;
    // Copied: the call may erase or move the watch.
    FdListener* who = watch->who;
    if ((note.revents & wanted) != 0) who->on_ready(note.fd, note.revents & wanted);
  }
  firing_.clear();
}

}  // namespace sluice
