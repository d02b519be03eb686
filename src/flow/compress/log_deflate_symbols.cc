// SPDX-License-Identifier: Apache-2.0
#include "flow/compress/log_deflate_symbols.h"

#include <algorithm>
#include <bit>
#include <cstring>

#include "sluice/check.h"

// This file is compiled once per instruction set: foreach_target includes it again for each.
#define HWY_WANT_AVX3_DL 1
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "flow/compress/log_deflate_symbols.cc"
#include <hwy/foreach_target.h>
//
#include <hwy/highway.h>

#ifndef SLUICE_LOG_DEFLATE_SYMBOLS_ONCE
#define SLUICE_LOG_DEFLATE_SYMBOLS_ONCE
namespace sluice {
namespace {

// Symbol and extra bits of a distance, in their places.
inline SymbolPair distance_part(uint32_t distance) {
  const uint32_t from_zero = distance - 1;
  const uint32_t extra_bits = static_cast<uint32_t>(std::bit_width(from_zero | 2)) - 2;
  const uint32_t symbol = (from_zero >> extra_bits) + 2 * extra_bits;
  const uint32_t extra = from_zero & ((1u << extra_bits) - 1);
  return (kDistanceSecond + symbol) << kSymbolBits | extra << kExtraShift;
}

inline SymbolPair* append_match(size_t length, SymbolPair distance, SymbolPair* out) {
  while (length > kLengthMax) [[unlikely]] {
      // Never leaves less than the shortest match for the rest.
      const size_t part = length - kLengthMax < kLengthMin ? kLengthMax - kLengthMin : kLengthMax;
      *out++ = static_cast<uint32_t>(kLengthFirst + part - kLengthMin) | distance;
      length -= part;
    }
  *out++ = static_cast<uint32_t>(kLengthFirst + length - kLengthMin) | distance;
  return out;
}

inline SymbolPair* append_literals_bytewise(const uint8_t* literals, size_t count,
                                            SymbolPair* out) {
  for (; count >= 2; count -= 2, literals += 2) {
    *out++ = literals[0] | static_cast<uint32_t>(literals[1]) << kSymbolBits;
  }
  if (count == 1) *out++ = literals[0] | kNoSecond << kSymbolBits;
  return out;
}

inline size_t common_before(const uint8_t* here, size_t distance, size_t most) {
  size_t count = 0;
  while (count < most && here[-1 - static_cast<ptrdiff_t>(count)] ==
                             here[-1 - static_cast<ptrdiff_t>(count + distance)]) {
    ++count;
  }
  return count;
}

// Where no vector may be loaded: the last bytes of a body.
inline SymbolPair* append_record_bytewise(const uint8_t* bytes, const MatchRecord& record,
                                          size_t literals_at, SymbolPair* out) {
  const size_t gap = record.at - literals_at;
  const size_t back =
      common_before(bytes + record.at, record.distance, std::min(gap, kMatchBackMax));
  out = append_literals_bytewise(bytes + literals_at, gap - back, out);
  return append_match(record.length + back, distance_part(record.distance), out);
}

}  // namespace
}  // namespace sluice
#endif

HWY_BEFORE_NAMESPACE();
namespace sluice {
namespace HWY_NAMESPACE {

#if HWY_TARGET == HWY_SCALAR || HWY_TARGET == HWY_EMU128

inline const MatchRecord* AppendRecords(const BlockText&, const MatchRun& run, size_t*,
                                        SymbolPair**) {
  return run.records;
}

#else

namespace hn = hwy::HWY_NAMESPACE;

constexpr size_t kLiteralStep = 16;  // as many become pairs at once

// Bytes before `here` that equal those before `distance`; at most kMatchBackMax.
HWY_INLINE uint32_t CommonBefore(const uint8_t* here, size_t distance) {
  const hn::FixedTag<uint8_t, kMatchBackMax> d;
  uint32_t equal = 0;
  const auto before = hn::LoadU(d, here - kMatchBackMax);
  hn::StoreMaskBits(d, before == hn::LoadU(d, here - kMatchBackMax - distance),
                    reinterpret_cast<uint8_t*>(&equal));
  // The guard bit below the 16 ends the count.
  return static_cast<uint32_t>(std::countl_zero(~equal << kMatchBackMax | 0x8000u));
}

HWY_INLINE void PairLiterals(const uint8_t* literals, SymbolPair* out) {
  const hn::CappedTag<uint32_t, kLiteralStep / 2> d32;
  const hn::Rebind<uint16_t, decltype(d32)> d16;
  uint16_t twos[kLiteralStep / 2];
  std::memcpy(twos, literals, kLiteralStep);
  for (size_t i = 0; i < kLiteralStep / 2; i += hn::Lanes(d32)) {
    const auto pair = hn::PromoteTo(d32, hn::LoadU(d16, twos + i));
    const auto first = hn::And(pair, hn::Set(d32, 0xFFu));
    hn::StoreU(hn::Or(first, hn::ShiftLeft<kSymbolBits>(hn::ShiftRight<8>(pair))), d32, out + i);
  }
}

// Writes whole steps; what is too much is overwritten by what follows.
HWY_INLINE SymbolPair* AppendLiterals(const uint8_t* literals, size_t count, SymbolPair* out) {
  PairLiterals(literals, out);
  for (size_t done = kLiteralStep; HWY_UNLIKELY(done < count); done += kLiteralStep) {
    PairLiterals(literals + done, out + done / 2);
  }
  // A literal that is left over stands alone. With none left over this is the place of the match.
  out[count / 2] = literals[static_cast<ptrdiff_t>(count) - 1] | kNoSecond << kSymbolBits;
  return out + (count + 1) / 2;
}

// All records but those too near the end of the body. Returns the first that was not appended.
HWY_INLINE const MatchRecord* AppendRecords(const BlockText& text, const MatchRun& run,
                                            size_t* literals_at, SymbolPair** out_at) {
  const size_t readable = text.size < 2 * kLiteralStep ? 0 : text.size - 2 * kLiteralStep;
  // Copies, because vector stores might alias what the references name.
  const uint8_t* const bytes = text.bytes;
  const MatchRecord* const records_end = run.records_end;
  const MatchRecord* record = run.records;
  SymbolPair* out = *out_at;
  size_t from = *literals_at;
  for (; record != records_end && record->at <= readable; ++record) {
    const uint8_t* const here = bytes + record->at;
    const size_t gap = record->at - from;
    const size_t back = std::min<size_t>(CommonBefore(here, record->distance), gap);
    // The byte before the literals exists: a record never stands at the first place of a body.
    out = AppendLiterals(bytes + from, gap - back, out);
    out = append_match(record->length + back, distance_part(record->distance), out);
    from = record->at + size_t{record->length};
  }
  *literals_at = from;
  *out_at = out;
  return record;
}

#endif

SymbolPair* AppendSymbols(const BlockText& text, const MatchRun& run, SymbolPair* out) {
  size_t from = run.begin;
  const MatchRecord* record = AppendRecords(text, run, &from, &out);
  for (; record != run.records_end; ++record) {
    out = append_record_bytewise(text.bytes, *record, from, out);
    from = record->at + size_t{record->length};
  }
  return append_literals_bytewise(text.bytes + from, run.end - from, out);
}

}  // namespace HWY_NAMESPACE
}  // namespace sluice
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace sluice {

HWY_EXPORT(AppendSymbols);

SymbolPair* append_symbols(const BlockText& text, const MatchRun& run, SymbolPair* out) {
  SLUICE_CHECK(run.begin <= run.end && run.end <= text.size, "a run lies in its text");
  return HWY_DYNAMIC_DISPATCH(AppendSymbols)(text, run, out);
}

void count_symbols(const SymbolPair* begin, const SymbolPair* end, size_t stride,
                   SymbolCounts& counts) {
  SLUICE_CHECK(stride > 0, "some pairs are counted");
  std::fill_n(counts.first, kSymbols, 0u);
  std::fill_n(counts.second, kSymbols, 0u);
  while (begin < end) {
    const SymbolPair* const run_end = begin + std::min<ptrdiff_t>(kSampleRun, end - begin);
    for (; begin != run_end; ++begin) {
      ++counts.first[*begin & kSymbolMask];
      ++counts.second[(*begin >> kSymbolBits) & kSymbolMask];
    }
    begin += std::min<ptrdiff_t>(static_cast<ptrdiff_t>(kSampleRun * (stride - 1)), end - begin);
  }
}

}  // namespace sluice
#endif
