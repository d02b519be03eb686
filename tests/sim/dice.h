// SPDX-License-Identifier: Apache-2.0
// dice.h — every choice of a simulated schedule.
//
// In:      a seed.
// Out:     numbers, odds, durations; a fork for a part that must not disturb the others' choices.
// Owns:    eight bytes of state (SplitMix64).
// Thread:  one.
// Why so:  std:: distributions differ between libraries, and a seed must tell the same story on
//          every machine.
#pragma once

#include <cstddef>
#include <cstdint>
#include <initializer_list>

#include "sluice/units.h"

namespace sluice::sim {

class Dice {
 public:
  explicit Dice(uint64_t seed) : state_(seed) {}

  uint64_t next() {
    uint64_t z = state_ += 0x9E3779B97F4A7C15u;
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBu;
    return z ^ (z >> 31);
  }
  // 0 to bound - 1. REQUIRES: bound > 0.
  size_t below(size_t bound) { return static_cast<size_t>((next() >> 32) * bound >> 32); }
  int64_t between(int64_t first, int64_t last) {
    return first + static_cast<int64_t>(below(static_cast<size_t>(last - first + 1)));
  }
  Duration between(Duration shortest, Duration longest) {
    const auto width = static_cast<uint64_t>(longest.value - shortest.value + 1);
    return Duration(shortest.value + static_cast<int64_t>(next() % width));
  }
  // True in `per_mille` of 1000 cases.
  bool chance(int per_mille) { return static_cast<int>(below(1000)) < per_mille; }
  template <class T>
  T one_of(std::initializer_list<T> values) {
    return *(values.begin() + below(values.size()));
  }
  Dice fork() { return Dice(next()); }

 private:
  uint64_t state_;
};

}  // namespace sluice::sim
