// SPDX-License-Identifier: Apache-2.0
// send_window.h — how many requests may be open at once: as many as the destination gains from.
//
// In:      for each answer: how long it took, how many requests were open, whether the destination
//          was overloaded or away.
// Out:     the present limit, between 1 and the configured most.
// Owns:    a few numbers. Thread: the lane's. Pure: time comes in.
// Limits:  opens by doubling until the first sign of too much, then by one; shrinks to what the
//          answer time allows, and by half on refusal. Only answers to requests that were sent
//          since the last change count, so that a burst of refusals is one sign, and the answers
//          that an old window made slow are none. It opens only while it is what limits the
//          sending.
// Fails:   cannot.
// Why so:  a fixed number is too small for a far receiver and too large for a weak one. What a
//          receiver does not work on waits in it, and shows in the answer time: twice the time of
//          an idle receiver means that as much waits as is worked on, and more gains nothing (TCP
//          Vegas). The idle time is measured again now and then with a quarter of the window (BBR):
//          without that, each queue that lasts would soon count as idle, and the window would
//          creep to its most.
#pragma once

#include <cstdint>

#include "sluice/units.h"

namespace sluice {

class SendWindow {
 public:
  enum class Sign : uint8_t {
    kFine,        // the request was taken
    kOverloaded,  // refused or broken in a way that speaks of the destination: 429, 503, a timeout
    kNoSign,      // says nothing about load: this very body was refused, the request was abandoned
  };

  // The idle answer time is measured again after this.
  static constexpr Duration kProbeEvery{10'000'000'000};

  // With `adapts` false the limit is always `most`. REQUIRES: most >= 1.
  SendWindow(int32_t most, bool adapts);

  int32_t limit() const;
  // `open` counts the answered request itself.
  void answered(Sign sign, Duration took, int32_t open, MonoTime now);

 private:
  void end_period(MonoTime now);
  void judge_load(Duration average);
  void shrink_to(int64_t limit);
  void begin_period(MonoTime now);

  const int32_t most_;
  const bool adapts_;
  int32_t limit_;
  bool doubling_ = true;  // no sign of too much was seen yet
  bool probing_ = false;  // the window is a quarter
  Duration idle_time_;    // of an answer when nothing waits in the destination; 0: not known
  MonoTime probe_at_;

  // The answers of one period: as many as the window holds, and never only a few.
  MonoTime began_at_;
  Duration took_sum_;
  int32_t answers_ = 0;
  bool was_full_ = false;
};

}  // namespace sluice
