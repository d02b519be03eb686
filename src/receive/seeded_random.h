// SPDX-License-Identifier: Apache-2.0
// seeded_random.h — the same random numbers for the same seed, on every machine.
//
// In:      a seed.
// Out:     64 uniform bits, a number below a bound, a real in [0, 1).
// Owns:    eight bytes of state (splitmix64: one addition and three multiply-shift steps).
// Thread:  a value type; one owner.
// Limits:  not for secrets. The bias of below() is under bound / 2^64.
// Why so:  std:: distributions differ between libraries, so a seed that fails in one place would
//          pass in another. Fault plans and generated lines must repeat exactly.
#pragma once

#include <cstdint>

namespace sluice {

class SeededRandom {
 public:
  explicit SeededRandom(uint64_t seed) : state_(seed) {}

  uint64_t next() {
    state_ += 0x9e3779b97f4a7c15ull;
    uint64_t z = state_;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ull;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebull;
    return z ^ (z >> 31);
  }
  uint32_t below(uint32_t bound) { return static_cast<uint32_t>(((next() >> 32) * bound) >> 32); }
  uint32_t between(uint32_t first, uint32_t last) { return first + below(last - first + 1); }
  double fraction() { return static_cast<double>(next() >> 11) * 0x1.0p-53; }
  bool one_in(uint32_t n) { return below(n) == 0; }

 private:
  uint64_t state_;
};

}  // namespace sluice
