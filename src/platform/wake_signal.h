// SPDX-License-Identifier: Apache-2.0
// wake_signal.h — wakes a sleeping loop from any thread, without a system call when it is awake.
//
// In:      notify() from any thread or signal handler; the loop's own word that it goes to sleep.
// Out:     an eventfd that becomes readable, but only if the loop was asleep.
// Owns:    the eventfd. The loop watches fd() with this object as the listener.
// Thread:  notify() on any, async-signal-safe; all else on the loop's.
// Limits:  any number of notifications before the loop looks are one.
// Fails:   without a descriptor left there is no loop: open() says so and the loop is not built.
// Why so:  under load the loop is awake nearly always, and a producer that pays 0.5 us per wake for
//          nothing would pay it per block. A notify() that meets a loop which just woke for another
//          reason leaves the eventfd readable: the next sleep ends at once, once. Harmless.
#pragma once

#include <atomic>
#include <cstdint>

#include "platform/fd_poller.h"
#include "sluice/result.h"

namespace sluice {

class WakeSignal final : public FdListener {
 public:
  WakeSignal() = default;
  ~WakeSignal();
  WakeSignal(const WakeSignal&) = delete;
  WakeSignal& operator=(const WakeSignal&) = delete;

  Result<void> open();
  int fd() const { return fd_; }

  // Any thread. What was written before notify() is seen by the loop after woke().
  void notify() noexcept;

  // The loop: false if somebody notified since the last woke(); then do not sleep.
  bool prepare_sleep();
  // The loop, at the end of every wait, slept or not: from here on a notify() counts for the next.
  void woke() { state_.exchange(kAwake); }

  // Empties the eventfd.
  void on_ready(int fd, uint32_t revents) override;

 private:
  enum State : uint32_t { kAwake, kAsleep, kNotified };
  std::atomic<uint32_t> state_{kAwake};
  int fd_ = -1;
};

}  // namespace sluice
