// SPDX-License-Identifier: Apache-2.0
// log_deflate_symbols.h — the symbols of a block, two in one word, before they get codes.
//
// In:      a block and its match records.
// Out:     symbol pairs: two literals, a literal alone, or a match as its length and its distance.
//          A count of them, from which the codes follow.
// Owns:    nothing; borrows for the call.
// Thread:  any; pure. Instruction set as log_deflate_matches.h; all give the same pairs.
// Limits:  symbol_pairs_max(bytes) words are written at most, and kPairsSlack behind the last one.
// Fails:   cannot.
// Why so:  one kind of word means that neither writing it nor giving it bits has a branch that
//          depends on the text. Runs of three literals between matches are usual, and a loop over
//          them is mispredicted at nearly every match: bits straight from the records cost 0.13
//          ns per raw byte more than over these words (of 1.1).
#pragma once

#include <cstddef>
#include <cstdint>

#include "flow/compress/log_deflate_text.h"

namespace sluice {

// Bits 0-8: a literal, or 256 + length - 3. Bits 9-17: a literal, kNoSecond, or kDistanceSecond +
// the distance symbol. Bits 18-30: the extra bits of the distance.
using SymbolPair = uint32_t;
inline constexpr int kSymbolBits = 9;
inline constexpr uint32_t kSymbolMask = (1u << kSymbolBits) - 1;
inline constexpr size_t kSymbols = size_t{1} << kSymbolBits;
inline constexpr int kExtraShift = 2 * kSymbolBits;
inline constexpr uint32_t kLengthFirst = 256;
inline constexpr uint32_t kNoSecond = 256;
inline constexpr uint32_t kDistanceSecond = 257;
inline constexpr size_t kDistances = 30;
inline constexpr size_t kLengthMin = 3;
inline constexpr size_t kLengthMax = 258;

inline constexpr size_t kPairsSlack = 16;
// At worst a literal alone before each match.
inline constexpr size_t symbol_pairs_max(size_t bytes) {
  return bytes / 2 + bytes / kMatchMin + 4 * kStreams;
}

struct SymbolCounts {
  uint32_t first[kSymbols];
  uint32_t second[kSymbols];
};

// Appends the pairs of one run at `out`; returns their end. REQUIRES: records as find_matches()
// gives them.
SymbolPair* append_symbols(const BlockText& text, const MatchRun& run, SymbolPair* out);

// Counts the first kSampleRun of every `stride` * kSampleRun pairs.
inline constexpr size_t kSampleRun = 64;
void count_symbols(const SymbolPair* begin, const SymbolPair* end, size_t stride,
                   SymbolCounts& counts);

}  // namespace sluice
