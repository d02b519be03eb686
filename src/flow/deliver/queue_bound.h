// SPDX-License-Identifier: Apache-2.0
// queue_bound.h — how much may wait in front of a destination: half a second's worth.
//
// In:      what was delivered when, what arrives, how much is queued.
// Out:     the bytes that may be queued.
// Owns:    a few numbers. Thread: the lane's. Pure: time comes in.
// Limits:  never less than two parcels of the present size, so that the next request has its body
//          at once and the one after it is being made; never more than the memory plan allows.
// Fails:   cannot.
// Why so:  a queue of fixed size is a delay that grows with the slowness of the destination: 8 MiB
//          of compressed lines are 8 s at 1 MB/s, and every line of every quiet file waits behind
//          those of the one noisy file. Readers take turns; what waits in files waits for nobody.
//          Only a queue that never ran empty tells the rate of the destination. One that was full
//          and ran empty was too short: it doubles (as the byte queue limits of Linux do).
#pragma once

#include <algorithm>
#include <cstdint>

#include "sluice/units.h"

namespace sluice {

class QueueBound {
 public:
  static constexpr Duration kDelay{500'000'000};
  // Deliveries are added up this long to tell a rate; a faster destination is noticed after it.
  static constexpr Duration kPeriod{250'000'000};

  explicit QueueBound(int64_t bytes_most) : bytes_most_(bytes_most) {}

  void arrived(int64_t parcel_bytes) {
    const int64_t step = (parcel_bytes - parcel_bytes_) / kShare;
    parcel_bytes_ = parcel_bytes_ == 0 ? parcel_bytes : parcel_bytes_ + step;
  }

  void queued(int64_t bytes) {
    ran_empty_ = ran_empty_ || bytes == 0;
    was_full_ = was_full_ || bytes >= this->bytes();
  }

  void delivered(int64_t parcel_bytes, MonoTime now) {
    period_bytes_ += parcel_bytes;
    const Duration passed = now - period_began_;
    if (passed < kPeriod) return;
    if (!ran_empty_) {
      const double rate = static_cast<double>(period_bytes_) / static_cast<double>(passed.value);
      const double wanted = rate * static_cast<double>(kDelay.value);
      wanted_ = static_cast<int64_t>(std::min(wanted, static_cast<double>(bytes_most_)));
    } else if (was_full_) {
      wanted_ = std::min(bytes_most_, 2 * bytes());
    }
    period_began_ = now;
    period_bytes_ = 0;
    ran_empty_ = false;
    was_full_ = false;
  }

  int64_t bytes() const {
    const int64_t least = parcel_bytes_ > 0 ? 2 * parcel_bytes_ : bytes_most_ / kShare;
    return std::clamp<int64_t>(std::max(wanted_, least), 1, std::max<int64_t>(1, bytes_most_));
  }

 private:
  // One in eight: one short parcel does not count as the end of full ones.
  static constexpr int64_t kShare = 8;

  const int64_t bytes_most_;
  int64_t parcel_bytes_ = 0;  // average
  int64_t wanted_ = 0;
  MonoTime period_began_;
  int64_t period_bytes_ = 0;
  bool ran_empty_ = false;
  bool was_full_ = false;
};

}  // namespace sluice
