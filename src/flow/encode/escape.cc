// SPDX-License-Identifier: Apache-2.0
#include "flow/encode/escape.h"

#include <simdjson.h>

#include "flow/encode/escape_tables.h"

// This file is compiled once per instruction set: foreach_target includes it again for each.
#define HWY_WANT_AVX3_DL 1
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "flow/encode/escape.cc"
#include <hwy/foreach_target.h>
//
#include <hwy/highway.h>

#include "flow/encode/escape-inl.h"

HWY_BEFORE_NAMESPACE();
namespace sluice {
namespace HWY_NAMESPACE {

uint8_t* EscapeLine(const uint8_t* line, size_t size, uint8_t* out, bool* high) {
  return EscapeAscii(line, size, out, high);
}

}  // namespace HWY_NAMESPACE
}  // namespace sluice
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace sluice {
namespace {

// How many bytes at `line` form one well-formed sequence (`good`), or one maximal part of one that
// breaks off or cannot begin (Unicode 15, table 3-7 and section 3.9). REQUIRES: size > 0,
// line[0] >= 0x80.
struct Sequence {
  size_t size;
  bool good;
};

Sequence sequence_at(const uint8_t* line, size_t size) {
  const uint8_t lead = line[0];
  if (lead < 0xC2 || lead > 0xF4) return {1, false};
  const size_t wanted = lead < 0xE0 ? 2 : lead < 0xF0 ? 3 : 4;
  // The second byte is what excludes overlong forms, surrogates and values above U+10FFFF.
  const uint8_t low = lead == 0xE0 ? 0xA0 : lead == 0xF0 ? 0x90 : 0x80;
  const uint8_t high = lead == 0xED ? 0x9F : lead == 0xF4 ? 0x8F : 0xBF;
  if (size < 2 || line[1] < low || line[1] > high) return {1, false};
  for (size_t i = 2; i < wanted; ++i) {
    if (i >= size || (line[i] & 0xC0) != 0x80) return {i, false};
  }
  return {wanted, true};
}

}  // namespace

HWY_EXPORT(EscapeLine);

uint8_t* escape_json(const uint8_t* line, size_t size, uint8_t* out, EscapeCounts* counts) {
  bool high = false;
  uint8_t* const end = HWY_DYNAMIC_DISPATCH(EscapeLine)(line, size, out, &high);
  if (!high || simdjson::validate_utf8(reinterpret_cast<const char*>(line), size)) return end;
  return escape_json_scalar(line, size, out, counts);
}

uint8_t* escape_json_scalar(const uint8_t* line, size_t size, uint8_t* out, EscapeCounts* counts) {
  for (size_t at = 0; at < size;) {
    if (line[at] < 0x80) {
      out = escape_byte(line[at++], out);
      continue;
    }
    const Sequence sequence = sequence_at(line + at, size - at);
    if (sequence.good) {
      for (size_t i = 0; i < sequence.size; ++i) *out++ = line[at + i];
    } else {
      *out++ = 0xEF;
      *out++ = 0xBF;
      *out++ = 0xBD;
      ++counts->replaced;
    }
    at += sequence.size;
  }
  return out;
}

}  // namespace sluice
#endif
