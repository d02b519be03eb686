// SPDX-License-Identifier: Apache-2.0
#include "flow/compress/log_deflate_emit.h"

#include <algorithm>

// This file is compiled once per instruction set: foreach_target includes it again for each.
#define HWY_WANT_AVX3_DL 1
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "flow/compress/log_deflate_emit.cc"
#include <hwy/foreach_target.h>
//
#include <hwy/highway.h>

HWY_BEFORE_NAMESPACE();
namespace sluice {
namespace HWY_NAMESPACE {

// Counts are read from the lowest six bits, as shifts do; the sums of two entries stay below 64.
HWY_INLINE void EmitPair(SymbolPair pair, const PairCodes& codes, BitWriter& out) {
  const uint32_t first = codes.first[pair & kSymbolMask];
  const uint32_t second = codes.second[(pair >> kSymbolBits) & kSymbolMask];
  const uint64_t extra = pair >> kExtraShift;
  const uint64_t bits = uint64_t{first >> 6} | uint64_t{second >> 12} << (first & 63) |
                        extra << ((first + second) & 63);
  out.put(bits, (first + (second >> 6)) & 63);
}

bool EmitPairs(const SymbolPair* begin, const SymbolPair* end, const PairCodes& codes,
               const uint8_t* out_end, BitWriter& out) {
  BitWriter writer = out;  // in registers
  while (begin != end) {
    if (out_end - writer.at < static_cast<ptrdiff_t>(kEmitRoom)) return false;
    const SymbolPair* const run_end =
        begin + std::min<ptrdiff_t>(static_cast<ptrdiff_t>(kEmitRun), end - begin);
    for (; begin != run_end; ++begin) EmitPair(*begin, codes, writer);
  }
  if (out_end - writer.at < static_cast<ptrdiff_t>(kEmitRoom)) return false;
  writer.put(codes.end_of_block >> 6, codes.end_of_block & 63);
  out = writer;
  return true;
}

}  // namespace HWY_NAMESPACE
}  // namespace sluice
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace sluice {

HWY_EXPORT(EmitPairs);

bool emit_pairs(const SymbolPair* begin, const SymbolPair* end, const PairCodes& codes,
                const uint8_t* out_end, BitWriter& out) {
  return HWY_DYNAMIC_DISPATCH(EmitPairs)(begin, end, codes, out_end, out);
}

}  // namespace sluice
#endif
