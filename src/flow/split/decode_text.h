// SPDX-License-Identifier: Apache-2.0
// decode_text.h — text in other encodings, as UTF-8.
//
// In:      bytes of one line, borrowed for the call; any content.
// Out:     UTF-8 at `out`, its end, and how many U+FFFD stand for what has no meaning: a surrogate
//          without its other half, a byte too many at the end.
// Owns:    nothing. Allocates nothing.
// Thread:  any; pure.
// Limits:  writes at most decoded_bound(size) bytes.
// Fails:   cannot: bad input is a counted replacement.
// Why so:  one unit at a time, with a short way for eight ASCII letters in a row: about 1.5 GB/s of
//          UTF-16, while what follows (escape, compress) does a third of that at best.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

namespace sluice {

// A letter of Latin-1 takes two bytes, a unit of UTF-16 three at most, and an odd byte three.
constexpr size_t decoded_bound(size_t size) {
  return 2 * size + 8;
}

struct Decoded {
  uint8_t* end = nullptr;
  uint32_t replaced = 0;
};

Decoded decode_utf16(std::span<const uint8_t> text, bool little_endian, uint8_t* out);
Decoded decode_latin1(std::span<const uint8_t> text, uint8_t* out);

// The inside of a JSON string, whose escapes were found to be well formed: see container_line.h.
// What is not an escape is copied as it is. Writes at most text.size() bytes.
Decoded decode_json_string(std::span<const uint8_t> text, uint8_t* out);

}  // namespace sluice
