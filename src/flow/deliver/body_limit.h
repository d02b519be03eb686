// SPDX-License-Identifier: Apache-2.0
// body_limit.h — how large a body this destination takes, learnt from its 413s.
//
// In:      sizes before compression that were answered 413; the time.
// Out:     the most bytes that a body should have; 0 while nothing speaks against any size.
// Owns:    the limit, and when it is doubled again.
// Thread:  the lane's. Pure.
// Limits:  never below kLeast: a proxy that answers 413 to everything for an hour would else leave
//          batches of one record behind. A body that is refused at the limit is cut further by
//          itself. Each attempt to go back costs one refused request; the pause between two of them
//          doubles up to kRaiseMax, so that a lasting limit costs one request an hour.
// Why so:  before compression, because records can be cut there; a receiver that counts bytes on
//          the wire gets bodies a few times smaller than it would take for a while, no more.
#pragma once

#include <algorithm>
#include <cstddef>

#include "sluice/units.h"

namespace sluice {

class BodyLimit {
 public:
  static constexpr size_t kLeast = 4096;
  static constexpr Duration kRaiseMin{10'000'000'000};
  static constexpr Duration kRaiseMax{3'600'000'000'000};

  // `usual`: what bodies have when nothing is known.
  explicit BodyLimit(size_t usual) : usual_(usual) {}

  size_t bytes() const { return limit_; }

  // A body of this size, of more than one record, was answered 413.
  void too_large(size_t body_bytes, MonoTime now) {
    const size_t half = std::max(kLeast, body_bytes / 2);
    const bool known = limit_ != 0 && half >= limit_;  // one of those that were sealed before
    if (raised_) raise_after_ = std::min(raise_after_ * 2, kRaiseMax);
    raised_ = false;
    if (!known) limit_ = half;
    raise_at_ = now + raise_after_;
  }

  // True if the limit changed.
  bool turn(MonoTime now) {
    if (limit_ == 0 || now < raise_at_) return false;
    limit_ *= 2;
    raised_ = true;
    if (limit_ >= usual_) limit_ = 0;
    raise_at_ = now + raise_after_;
    return true;
  }

 private:
  const size_t usual_;
  size_t limit_ = 0;
  bool raised_ = false;  // since the last 413
  Duration raise_after_ = kRaiseMin;
  MonoTime raise_at_ = kNever;
};

}  // namespace sluice
