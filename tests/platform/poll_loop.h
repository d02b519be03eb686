// SPDX-License-Identifier: Apache-2.0
// poll_loop.h — the smallest loop that a transport can run on: poll(2) behind FdPoller.
//
// In:      descriptors to watch, a call to run_once() per turn.
// Out:     on_ready() calls, by the contract of fd_poller.h (generations, level-triggered).
// Owns:    nothing.
// Thread:  the test's.
// Why so:  a transport test should not depend on a ring; what fails here is the transport.
#pragma once

#include <poll.h>

#include <algorithm>
#include <cstdint>
#include <map>
#include <vector>

#include "platform/fd_poller.h"
#include "sluice/units.h"

namespace sluice {

class PollLoop final : public FdPoller {
 public:
  void watch(int fd, uint32_t poll_events, FdListener* who) override {
    Entry& entry = entries_[fd];
    if (entry.who == nullptr) entry.generation = ++generations_;
    entry.events = poll_events;
    entry.who = who;
    ++watches_;
  }
  void unwatch(int fd) override { entries_.erase(fd); }

  // Waits for the first event, at most `most`, and delivers everything that is ready.
  void run_once(Duration most) {
    std::vector<pollfd> fds;
    std::vector<uint64_t> generations;
    for (const auto& [fd, entry] : entries_) {
      if (entry.events == 0) continue;
      fds.push_back({fd, static_cast<short>(entry.events), 0});
      generations.push_back(entry.generation);
    }
    const int64_t ms = std::clamp<int64_t>((most.value + 999'999) / 1'000'000, 0, 1000);
    ++waits_;
    if (::poll(fds.data(), fds.size(), static_cast<int>(ms)) <= 0) return;
    for (size_t i = 0; i < fds.size(); ++i) {
      if (fds[i].revents == 0) continue;
      const auto entry = entries_.find(fds[i].fd);
      if (entry == entries_.end() || entry->second.generation != generations[i]) continue;
      entry->second.who->on_ready(fds[i].fd, static_cast<uint32_t>(fds[i].revents));
    }
  }

  size_t watched() const { return entries_.size(); }
  uint64_t waits() const { return waits_; }
  uint64_t watches() const { return watches_; }

 private:
  struct Entry {
    uint32_t events = 0;
    FdListener* who = nullptr;
    uint64_t generation = 0;
  };
  std::map<int, Entry> entries_;
  uint64_t generations_ = 0;
  uint64_t waits_ = 0;
  uint64_t watches_ = 0;
};

}  // namespace sluice
