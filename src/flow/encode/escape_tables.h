// SPDX-License-Identifier: Apache-2.0
// escape_tables.h — what the escape kernels look up, computed by the compiler.
//
// In:      a byte, or the 8 bits that say which of 8 bytes need a backslash.
// Out:     the escape letter; the shuffle that makes room for the backslashes.
// Owns:    4.5 KiB of constants, which stay in the first-level cache while a block is encoded.
// Thread:  constants.
// Limits:  kControlLetters covers bytes below 0x20.
// Fails:   cannot.
// Why so:  computed tables cannot hold a typing error in entry 173, and the rule is readable.
#pragma once

#include <array>
#include <cstdint>

namespace sluice {

// The letter that follows the backslash for a control byte; 0 where only \u00xx exists.
inline constexpr uint8_t kControlLetters[32] = {0, 0,   0,   0, 0, 0, 0, 0, 'b', 't', 'n',
                                                0, 'f', 'r', 0, 0, 0, 0, 0, 0,   0,   0,
                                                0, 0,   0,   0, 0, 0, 0, 0, 0,   0};

// How 8 bytes spread to up to 16: order[k] is the source of output byte k, 0x80 a backslash.
struct alignas(32) Spread {
  uint8_t order[16];
  uint8_t extra;  // backslashes
};

constexpr std::array<Spread, 256> make_spread() {
  std::array<Spread, 256> table{};
  for (unsigned bits = 0; bits < 256; ++bits) {
    Spread& entry = table[bits];
    unsigned at = 0;
    for (unsigned i = 0; i < 8; ++i) {
      if ((bits >> i & 1) != 0) {
        entry.order[at++] = 0x80;
        ++entry.extra;
      }
      entry.order[at++] = static_cast<uint8_t>(i);
    }
  }
  return table;
}

inline constexpr std::array<Spread, 256> kSpread = make_spread();

// One byte, escaped as escape.h says; bytes >= 0x80 are copied. Writes up to 6 bytes.
inline uint8_t* escape_byte(uint8_t byte, uint8_t* out) {
  if (byte >= 0x20 && byte != '"' && byte != '\\') {
    *out = byte;
    return out + 1;
  }
  const uint8_t letter = byte < 0x20 ? kControlLetters[byte] : byte;
  *out++ = '\\';
  if (letter != 0) {
    *out = letter;
    return out + 1;
  }
  constexpr char kHex[] = "0123456789abcdef";
  *out++ = 'u';
  *out++ = '0';
  *out++ = '0';
  *out++ = static_cast<uint8_t>(kHex[byte >> 4]);
  *out++ = static_cast<uint8_t>(kHex[byte & 15]);
  return out;
}

}  // namespace sluice
