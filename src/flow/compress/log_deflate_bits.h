// SPDX-License-Identifier: Apache-2.0
// log_deflate_bits.h — the bit string of deflate: the first bit is the lowest of the first byte.
//
// In:      up to 56 bits at a time.
// Out:     bytes; eight are written at every step, of which those behind the last whole one change.
// Owns:    the bits of the byte that is not full. Borrows the memory.
// Thread:  one.
// Limits:  REQUIRES: eight writable bytes at `at` in every step; whoever writes sees to it.
// Why so:  a store of eight bytes at any address costs as much as one of one byte, and no branch.
#pragma once

#include <cstdint>
#include <cstring>

namespace sluice {

struct BitWriter {
  uint8_t* at = nullptr;
  uint64_t bits = 0;   // not yet in whole bytes
  uint32_t count = 0;  // 0 to 7 of them between steps

  // REQUIRES: value < 2^width, width <= 56.
  void put(uint64_t value, uint32_t width) {
    bits |= value << count;
    count += width;
    std::memcpy(at, &bits, sizeof(bits));
    at += count >> 3;
    bits >>= count & 56;
    count &= 7;
  }

  // Fills the last byte with zeros.
  void align() {
    if (count == 0) return;
    ++at;
    bits = 0;
    count = 0;
  }
};

}  // namespace sluice
