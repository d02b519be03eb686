// SPDX-License-Identifier: Apache-2.0
// home_bell.h — wakes the steward for parcels that come home, but not for each of them.
//
// In:      wake() by a lane that sent parcels home.
// Out:     a wake of the steward, unless it has promised to look within kLookAgain anyway.
// Thread:  wake() on any; the rest on the steward's.
// Limits:  at full speed the steward looks 50 times a second, however many parcels come home; when
//          nothing comes, there is no timer. A checkpoint is due once a second, so 20 ms are no
//          delay.
// Why so:  a wake-up costs 10 us; a thousand parcels a second would cost a percent of a core for
//          acks that nobody waits for.
#pragma once

#include <algorithm>
#include <atomic>

#include "sluice/units.h"
#include "sluice/waker.h"

namespace sluice {

class HomeBell final : public Waker {
 public:
  static constexpr Duration kLookAgain{20'000'000};

  explicit HomeBell(Waker& steward) : steward_(steward) {}

  void wake() noexcept override {
    rung_.store(true, std::memory_order_release);
    if (!will_look_.load(std::memory_order_acquire)) steward_.wake();
  }

  // After a turn: how long the steward may sleep at most.
  MonoTime sleep_until(MonoTime now, MonoTime wanted) {
    const bool rung = rung_.exchange(false, std::memory_order_acq_rel);
    will_look_.store(rung, std::memory_order_release);
    // Rung between the two lines: look again, the ringer may have trusted the old promise.
    const bool again = rung || rung_.load(std::memory_order_acquire);
    return again ? std::min(wanted, now + kLookAgain) : wanted;
  }

 private:
  Waker& steward_;
  std::atomic<bool> rung_{false};
  std::atomic<bool> will_look_{false};
};

}  // namespace sluice
