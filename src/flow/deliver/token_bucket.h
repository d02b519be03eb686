// SPDX-License-Identifier: Apache-2.0
// token_bucket.h — a rate with a burst, in whole units and without drift.
//
// In:      what somebody wants to take (bytes, lines or requests) and the time.
// Out:     the earliest time at which it may be taken.
// Owns:    a level. Thread: one. Pure: time is an argument.
// Limits:  starts full. In any interval of length t at most max(burst, largest amount) + rate * t
//          are granted. An amount above the burst passes when the bucket is full and leaves a debt
//          that flows off first: progress beats limits, and the average still holds.
// Fails:   cannot.
// Why so:  the level counts units * nanoseconds in 128 bits. Whole units per turn would lose up to
//          one unit per turn to rounding (at 10 turns per ms a limit of 5,000/s would pass
//          nothing), and a double forgets single bytes after an hour at 10 GB/s.
#pragma once

#include <cstdint>

#include "sluice/config.h"
#include "sluice/units.h"

namespace sluice {

class TokenBucket {
 public:
  // REQUIRES: burst > 0 when the limit is on.
  explicit TokenBucket(RateLimit limit);

  bool on() const { return limit_.on(); }
  // `now` if `amount` may be taken at once. REQUIRES: time does not go backwards, amount >= 0.
  MonoTime earliest(int64_t amount, MonoTime now) const;
  // REQUIRES: earliest(amount, now) is not later than now.
  void take(int64_t amount, MonoTime now);

 private:
  __extension__ using UnitNanos = __int128;

  UnitNanos level_at(MonoTime now) const;

  RateLimit limit_;
  UnitNanos level_;   // below 0: in debt
  MonoTime counted_;  // the time that `level_` belongs to
};

// The three limits of a destination. An attempt starts only when all three agree, and then it pays
// all three: an attempt that paid one and waited for another would waste the first one's rate.
class RateLimits {
 public:
  struct Cost {
    Bytes body;  // on the wire
    Lines lines;
  };

  RateLimits(RateLimit bytes, RateLimit lines, RateLimit requests)
      : bytes_(bytes), lines_(lines), requests_(requests) {}

  MonoTime earliest(const Cost& cost, MonoTime now) const;
  void take(const Cost& cost, MonoTime now);

 private:
  TokenBucket bytes_;
  TokenBucket lines_;
  TokenBucket requests_;
};

}  // namespace sluice
