// SPDX-License-Identifier: Apache-2.0
// escape.h — turns any bytes into the inside of a JSON string.
//
// In:      the bytes of one line, without its newline, borrowed for the call; any content.
// Out:     valid UTF-8 without a bare quote, backslash or control byte. `"` and `\` get a
//          backslash; 0x08 0x09 0x0A 0x0C 0x0D become \b \t \n \f \r, other bytes below 0x20
//          \u00xx; 0x7F stays. Each maximal invalid part of UTF-8 becomes one U+FFFD and is
//          counted, as browsers decode (WHATWG): "\xE2\x82" at the end of a line is one
//          replacement, "\xFF\xFF" are two.
// Owns:    nothing. Allocates nothing.
// Thread:  any; pure. The instruction set is chosen once per process (Highway).
// Limits:  writes at most escape_bound(size) bytes at `out`, of which those behind the returned end
//          are garbage. Reads nothing outside [line, line + size).
// Fails:   cannot: bad bytes are a counted verdict, not an error.
// Why so:  one pass escapes and only remembers whether a byte >= 0x80 went by. Validation runs for
//          such lines alone, and the slow rewrite for the invalid ones among them.
#pragma once

#include <cstddef>
#include <cstdint>

namespace sluice {

struct EscapeCounts {
  uint64_t replaced = 0;  // U+FFFD written
};

// What the kernels may write behind the last byte that they keep: one widest vector.
inline constexpr size_t kEscapeSlack = 64;

// The longest escape is six bytes for one ("\u0000").
constexpr size_t escape_bound(size_t size) {
  return 6 * size + kEscapeSlack;
}

// Returns the end of what was written. REQUIRES: escape_bound(size) writable bytes at out, which do
// not overlap the line. Adds to counts.
uint8_t* escape_json(const uint8_t* line, size_t size, uint8_t* out, EscapeCounts* counts);

// The same, byte by byte: the definition that every kernel is tested against, the rewrite of lines
// that are not valid UTF-8, and what runs on a CPU without any of our instruction sets.
uint8_t* escape_json_scalar(const uint8_t* line, size_t size, uint8_t* out, EscapeCounts* counts);

}  // namespace sluice
