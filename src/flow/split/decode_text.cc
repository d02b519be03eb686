// SPDX-License-Identifier: Apache-2.0
#include "flow/split/decode_text.h"

#include <bit>
#include <cstring>

#include "sluice/check.h"

namespace sluice {
namespace {

constexpr uint32_t kReplacement = 0xFFFD;

constexpr bool is_high(uint32_t unit) {
  return (unit & 0xFC00) == 0xD800;
}
constexpr bool is_low(uint32_t unit) {
  return (unit & 0xFC00) == 0xDC00;
}
constexpr uint32_t joined(uint32_t high, uint32_t low) {
  return 0x10000 + ((high - 0xD800) << 10) + (low - 0xDC00);
}

uint8_t* put(uint32_t point, uint8_t* out) {
  if (point < 0x80) {
    *out++ = static_cast<uint8_t>(point);
  } else if (point < 0x800) {
    *out++ = static_cast<uint8_t>(0xC0 | point >> 6);
    *out++ = static_cast<uint8_t>(0x80 | (point & 0x3F));
  } else if (point < 0x10000) {
    *out++ = static_cast<uint8_t>(0xE0 | point >> 12);
    *out++ = static_cast<uint8_t>(0x80 | (point >> 6 & 0x3F));
    *out++ = static_cast<uint8_t>(0x80 | (point & 0x3F));
  } else {
    *out++ = static_cast<uint8_t>(0xF0 | point >> 18);
    *out++ = static_cast<uint8_t>(0x80 | (point >> 12 & 0x3F));
    *out++ = static_cast<uint8_t>(0x80 | (point >> 6 & 0x3F));
    *out++ = static_cast<uint8_t>(0x80 | (point & 0x3F));
  }
  return out;
}

template <bool kLittle>
uint32_t unit_at(const uint8_t* p) {
  return kLittle ? static_cast<uint32_t>(p[0] | p[1] << 8)
                 : static_cast<uint32_t>(p[0] << 8 | p[1]);
}

// Four units that are all ASCII. Returns whether they were, and were written.
template <bool kLittle>
bool put_four(const uint8_t* p, uint8_t* out) {
  static_assert(std::endian::native == std::endian::little);
  constexpr uint64_t kNotAscii = kLittle ? 0xFF80FF80FF80FF80 : 0x80FF80FF80FF80FF;
  uint64_t units = 0;
  std::memcpy(&units, p, sizeof units);
  if ((units & kNotAscii) != 0) return false;
  for (int i = 0; i < 4; ++i) out[i] = static_cast<uint8_t>(units >> (16 * i + (kLittle ? 0 : 8)));
  return true;
}

template <bool kLittle>
Decoded decode_units(std::span<const uint8_t> text, uint8_t* out) {
  Decoded done;
  const uint8_t* p = text.data();
  const uint8_t* const end = p + (text.size() & ~size_t{1});
  while (p != end) {
    if (end - p >= 8 && put_four<kLittle>(p, out)) {
      p += 8;
      out += 4;
      continue;
    }
    uint32_t point = unit_at<kLittle>(p);
    p += 2;
    if (is_high(point) && p != end && is_low(unit_at<kLittle>(p))) {
      point = joined(point, unit_at<kLittle>(p));
      p += 2;
    } else if (is_high(point) || is_low(point)) {
      point = kReplacement;
      ++done.replaced;
    }
    out = put(point, out);
  }
  if ((text.size() & 1) != 0) {
    out = put(kReplacement, out);
    ++done.replaced;
  }
  done.end = out;
  return done;
}

uint32_t hex_at(const uint8_t* p) {
  uint32_t value = 0;
  for (int i = 0; i < 4; ++i) {
    const uint8_t c = p[i];
    const uint32_t digit = c <= '9' ? c - uint32_t{'0'} : (c | 0x20U) - 'a' + 10;
    value = value << 4 | digit;
  }
  return value;
}

uint8_t letter_of(uint8_t escape) {
  switch (escape) {
    case 'b':
      return '\b';
    case 'f':
      return '\f';
    case 'n':
      return '\n';
    case 'r':
      return '\r';
    case 't':
      return '\t';
    default:
      return escape;  // a quote, a slash, a backslash
  }
}

}  // namespace

Decoded decode_utf16(std::span<const uint8_t> text, bool little_endian, uint8_t* out) {
  return little_endian ? decode_units<true>(text, out) : decode_units<false>(text, out);
}

Decoded decode_latin1(std::span<const uint8_t> text, uint8_t* out) {
  for (const uint8_t letter : text) out = put(letter, out);
  return {out, 0};
}

Decoded decode_json_string(std::span<const uint8_t> text, uint8_t* out) {
  Decoded done;
  const uint8_t* p = text.data();
  const uint8_t* const end = p + text.size();
  while (p != end) {
    const void* const found = std::memchr(p, '\\', static_cast<size_t>(end - p));
    const uint8_t* const escape = found == nullptr ? end : static_cast<const uint8_t*>(found);
    std::memcpy(out, p, static_cast<size_t>(escape - p));
    out += escape - p;
    p = escape;
    if (p == end) break;
    SLUICE_CHECK(end - p >= 2, "escapes are well formed");
    if (p[1] != 'u') {
      *out++ = letter_of(p[1]);
      p += 2;
      continue;
    }
    SLUICE_CHECK(end - p >= 6, "escapes are well formed");
    uint32_t point = hex_at(p + 2);
    p += 6;
    const bool pair =
        is_high(point) && end - p >= 6 && p[0] == '\\' && p[1] == 'u' && is_low(hex_at(p + 2));
    if (pair) {
      point = joined(point, hex_at(p + 2));
      p += 6;
    } else if (is_high(point) || is_low(point)) {
      point = kReplacement;
      ++done.replaced;
    }
    out = put(point, out);
  }
  done.end = out;
  return done;
}

}  // namespace sluice
