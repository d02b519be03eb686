// SPDX-License-Identifier: Apache-2.0
#include "flow/split/newline_scan.h"

#include <bit>

#include "sluice/check.h"

// This file is compiled once per instruction set: foreach_target includes it again for each.
#define HWY_WANT_AVX3_DL 1
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "flow/split/newline_scan.cc"
#include <hwy/foreach_target.h>
//
#include <hwy/highway.h>

HWY_BEFORE_NAMESPACE();
namespace sluice {
namespace HWY_NAMESPACE {

#if HWY_TARGET == HWY_SCALAR || HWY_TARGET == HWY_EMU128

size_t ScanNewlines(const uint8_t* data, size_t size, uint32_t* line_ends, size_t line_ends_max) {
  return scan_newlines_scalar(data, size, line_ends, line_ends_max);
}

#else

namespace hn = hwy::HWY_NAMESPACE;

constexpr size_t kWordBytes = 64;

// Bit i says that data[i] is a newline. Reads exactly 64 bytes.
HWY_INLINE uint64_t NewlineBits(const uint8_t* data) {
  const hn::CappedTag<uint8_t, kWordBytes> d;
  const auto newline = hn::Set(d, uint8_t{'\n'});
  uint64_t word = 0;
  for (size_t i = 0; i < kWordBytes; i += hn::Lanes(d)) {
    uint64_t part = 0;
    hn::StoreMaskBits(d, hn::LoadU(d, data + i) == newline, reinterpret_cast<uint8_t*>(&part));
    word |= part << i;
  }
  return word;
}

// Writes one end per set bit. REQUIRES: room for max(2, popcount) entries. Two entries are written
// whether the bits are there or not: one newline in 64 bytes or none is a coin toss that the branch
// predictor loses, while "more than two" is rare or constant.
HWY_INLINE uint32_t* EmitEnds(uint64_t word, size_t at, uint32_t* ends) {
  const int found = std::popcount(word);
  uint32_t* const next = ends + found;
  const uint32_t base = static_cast<uint32_t>(at) + 1;
  ends[0] = base + static_cast<uint32_t>(std::countr_zero(word));
  word &= word - 1;
  ends[1] = base + static_cast<uint32_t>(std::countr_zero(word));
  word &= word - 1;
  if (HWY_UNLIKELY(found > 2)) {
    for (ends += 2; word != 0; word &= word - 1) {
      *ends++ = base + static_cast<uint32_t>(std::countr_zero(word));
    }
  }
  return next;
}

size_t ScanNewlines(const uint8_t* data, size_t size, uint32_t* line_ends, size_t line_ends_max) {
  uint32_t* ends = line_ends;
  uint32_t* const limit = line_ends + line_ends_max;
  size_t at = 0;
  // Two words a step: the loads of one hide behind the bit walk of the other.
  for (; size - at >= 2 * kWordBytes && static_cast<size_t>(limit - ends) >= 2 * kWordBytes;
       at += 2 * kWordBytes) {
    const uint64_t first = NewlineBits(data + at);
    const uint64_t second = NewlineBits(data + at + kWordBytes);
    if ((first | second) == 0) continue;
    ends = EmitEnds(first, at, ends);
    ends = EmitEnds(second, at + kWordBytes, ends);
  }
  // The rest in single words; the last one overlaps the word before it, so that nothing behind the
  // buffer is read.
  while (at < size && ends < limit) {
    if (size < kWordBytes) {
      for (; at < size && ends < limit; ++at) {
        if (data[at] == '\n') *ends++ = static_cast<uint32_t>(at) + 1;
      }
      break;
    }
    const size_t from = HWY_MIN(at, size - kWordBytes);
    uint64_t word = NewlineBits(data + from) >> (at - from);
    for (; word != 0 && ends < limit; word &= word - 1) {
      *ends++ = static_cast<uint32_t>(at) + 1 + static_cast<uint32_t>(std::countr_zero(word));
    }
    at = from + kWordBytes;
  }
  return static_cast<size_t>(ends - line_ends);
}

#endif

}  // namespace HWY_NAMESPACE
}  // namespace sluice
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace sluice {

HWY_EXPORT(ScanNewlines);

size_t scan_newlines(const uint8_t* data, size_t size, uint32_t* line_ends, size_t line_ends_max) {
  SLUICE_CHECK(size <= UINT32_MAX - 1, "line ends are 32 bits wide");
  return HWY_DYNAMIC_DISPATCH(ScanNewlines)(data, size, line_ends, line_ends_max);
}

size_t scan_newlines_scalar(const uint8_t* data, size_t size, uint32_t* line_ends,
                            size_t line_ends_max) {
  size_t count = 0;
  for (size_t at = 0; at < size && count < line_ends_max; ++at) {
    if (data[at] == '\n') line_ends[count++] = static_cast<uint32_t>(at) + 1;
  }
  return count;
}

}  // namespace sluice
#endif
