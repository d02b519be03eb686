// SPDX-License-Identifier: Apache-2.0
// log_deflate_emit.h — symbol pairs become bits.
//
// In:      the pairs of a block, its codes.
// Out:     the bits behind those that are there, or "no room".
// Owns:    nothing.
// Thread:  any; pure. Dispatched for its shifts alone: BMI2 takes the count from any register.
// Limits:  room is asked for every kEmitRun pairs, so up to kEmitRoom bytes stay unused.
// Fails:   with false; what was written until then is void.
// Why so:  25 instructions a pair, none of which is a branch on the text.
#pragma once

#include "flow/compress/log_deflate_codes.h"

namespace sluice {

inline constexpr size_t kEmitRun = 512;
// 15 bits of code each, 5 and 13 extra bits, and the eight bytes of a store.
inline constexpr size_t kEmitRoom = kEmitRun * (15 + 5 + 15 + 13) / 8 + 16;

// With the end of the block. REQUIRES: the pairs have codes.
bool emit_pairs(const SymbolPair* begin, const SymbolPair* end, const PairCodes& codes,
                const uint8_t* out_end, BitWriter& out);

}  // namespace sluice
