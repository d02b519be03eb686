// SPDX-License-Identifier: Apache-2.0
// retry.h — how long a refused parcel waits before its next attempt.
//
// In:      how often it failed, what Retry-After said, one random number.
// Out:     a pause. Doubling with full jitter: uniform between min_delay and the present ceiling,
//          so that a thousand agents do not come back to a recovering receiver in step.
// Owns:    two durations. Thread: any. Pure: the random number is an argument.
// Limits:  min_delay <= pause <= max_delay. A Retry-After counts more than the back-off and may
//          exceed max_delay, up to kRetryAfterMax: a header of 10^9 seconds is a broken proxy and
//          not a wish. Attempts are not limited: lines are given up by nobody but the user.
// Fails:   cannot.
// Why so:  the first pause is between one and two min_delay (100 ms by default): a connection that
//          broke once costs a reader 150 ms; a receiver that is down sees one try per worker per
//          15 s on average.
#pragma once

#include <cstdint>

#include "sluice/units.h"

namespace sluice {

class Retry {
 public:
  // The longest Retry-After that is believed, unless max_delay is longer.
  static constexpr Duration kRetryAfterMax{600'000'000'000};

  // REQUIRES: 0 < min_delay <= max_delay.
  Retry(Duration min_delay, Duration max_delay);

  // After the `failures`-th failed attempt (1 for the first). `retry_after` is negative without
  // one; zero seconds name no pause and are read as "no wish", or a receiver that always says so
  // would be tried at full speed for ever.
  Duration pause(uint32_t failures, Duration retry_after, uint64_t random) const;

  // Where only a person can help: close to max_delay from the first time on.
  Duration hold(Duration retry_after, uint64_t random) const;

 private:
  Duration asked_for(Duration retry_after, Duration pause_min, uint64_t random) const;

  Duration min_delay_;
  Duration max_delay_;
  Duration retry_after_max_;
};

// The attempt count of a parcel that has been on its way for years stays at the top.
inline uint32_t next_attempt(uint32_t attempts) {
  return attempts == UINT32_MAX ? attempts : attempts + 1;
}

// SplitMix64: the lane's random numbers, the same for the same seed on every machine.
class Jitter {
 public:
  explicit Jitter(uint64_t seed) : state_(seed) {}
  uint64_t next() {
    uint64_t z = state_ += 0x9E3779B97F4A7C15u;
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBu;
    return z ^ (z >> 31);
  }

 private:
  uint64_t state_;
};

}  // namespace sluice
