// SPDX-License-Identifier: Apache-2.0
// latency_histogram.h — percentiles of millions of durations in 20 KiB.
//
// In:      durations; negative ones (a clock stepped back) count as zero.
// Out:     the value below which a given part of them lies, at most 1.6 % too high.
// Owns:    64 counters per power of two, from 1 ns to 2^42 ns (73 minutes; longer ones count
//          there).
// Thread:  one.
// Why so:  the log-linear scheme of HdrHistogram in 40 lines; a sample is one increment.
#pragma once

#include <algorithm>
#include <array>
#include <bit>
#include <cstdint>

#include "sluice/units.h"

namespace sluice {

class LatencyHistogram {
 public:
  void add(Duration latency) {
    const int64_t ns = std::clamp<int64_t>(latency.value, 0, kLargest);
    ++slots_[slot_of(static_cast<uint64_t>(ns))];
    ++count_;
    max_ = std::max(max_, latency);
  }

  uint64_t count() const { return count_; }
  Duration max() const { return max_; }

  // The smallest recorded bound that at least `part` (0 to 1) of all samples do not exceed.
  Duration percentile(double part) const {
    if (count_ == 0) return Duration(0);
    const auto wanted =
        std::max<uint64_t>(1, static_cast<uint64_t>(part * static_cast<double>(count_) + 0.999999));
    uint64_t seen = 0;
    for (size_t slot = 0; slot < slots_.size(); ++slot) {
      seen += slots_[slot];
      if (seen >= wanted) return std::min(Duration(upper_bound_of(slot)), max_);
    }
    return max_;
  }

 private:
  static constexpr unsigned kSubBits = 6;  // 64 slots per octave
  static constexpr unsigned kTopBit = 42;
  static constexpr int64_t kLargest = (int64_t{1} << kTopBit) - 1;

  static size_t slot_of(uint64_t ns) {
    if (ns < (1u << kSubBits)) return static_cast<size_t>(ns);
    const auto octave = static_cast<unsigned>(std::bit_width(ns)) - 1 - kSubBits;
    return static_cast<size_t>((uint64_t{octave} << kSubBits) + (ns >> octave));
  }
  static int64_t upper_bound_of(size_t slot) {
    if (slot < (2u << kSubBits)) return static_cast<int64_t>(slot);
    const auto octave = static_cast<unsigned>(slot >> kSubBits) - 1;
    const uint64_t mantissa = (slot & ((1u << kSubBits) - 1)) + (1u << kSubBits);
    return static_cast<int64_t>(((mantissa + 1) << octave) - 1);
  }

  std::array<uint64_t, size_t{kTopBit - kSubBits + 1} << kSubBits> slots_{};
  uint64_t count_ = 0;
  Duration max_{0};
};

}  // namespace sluice
