// SPDX-License-Identifier: Apache-2.0
// late_waker.h — wakers that exist before the loops they wake.
//
// In:      wake() from anybody; the loop's own thread says when it is there and when it goes.
// Out:     a wake of the loop, or nothing while there is none: a loop looks at all its channels
//          before its first wait, so a wake that came too early is not missed.
// Thread:  any.
// Limits:  one loop per LateWaker; SleeperBell wakes at most one shard per call.
// Why so:  a ring belongs to the thread that made it, so loops are made on their own threads, but
//          everybody who wakes them is wired before.
#pragma once

#include <atomic>
#include <memory>
#include <vector>

#include "sluice/waker.h"

namespace sluice {

class LateWaker final : public Waker {
 public:
  void attach(Waker* target) { target_.store(target, std::memory_order_release); }
  // REQUIRES: nobody calls wake() any more, or the target outlives those calls.
  void detach() { target_.store(nullptr, std::memory_order_release); }
  void wake() noexcept override {
    if (Waker* target = target_.load(std::memory_order_acquire)) target->wake();
  }

 private:
  std::atomic<Waker*> target_{nullptr};
};

// Wakes one shard that sleeps, if any does: rung when there is more work than its shard can do.
class SleeperBell final : public Waker {
 public:
  explicit SleeperBell(size_t sleepers) : seats_(sleepers) {}

  LateWaker& waker_of(size_t sleeper) { return seats_[sleeper].waker; }
  void set_asleep(size_t sleeper, bool asleep) {
    seats_[sleeper].asleep.store(asleep, std::memory_order_relaxed);
  }
  void wake() noexcept override {
    for (Seat& seat : seats_) {
      if (seat.asleep.exchange(false, std::memory_order_relaxed)) {
        seat.waker.wake();
        return;
      }
    }
  }

 private:
  struct alignas(64) Seat {
    LateWaker waker;
    std::atomic<bool> asleep{false};
  };
  std::vector<Seat> seats_;
};

}  // namespace sluice
