// SPDX-License-Identifier: Apache-2.0
// log_deflate_codes.h — the dynamic Huffman codes of one block, as RFC 1951 section 3.2 has them.
//
// In:      the counts of the symbols of a block.
// Out:     two tables from which a symbol pair gets its bits, and the header that tells them to the
//          decoder.
// Owns:    nothing.
// Thread:  any; pure.
// Limits:  codes of at most 15 bits, those of the header 7. Every alphabet gets two codes at least,
//          because some decoders refuse an incomplete one.
// Fails:   cannot.
// Why so:  a table entry holds the code, the extra bits of the length already behind it, and in its
//          lowest six bits how many there are: x86 shifts take their count from there, so using an
//          entry costs one shift and no mask.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "flow/compress/log_deflate_bits.h"
#include "flow/compress/log_deflate_symbols.h"

namespace sluice {

inline constexpr size_t kLiteralCodes = 286;
inline constexpr size_t kDistanceCodes = kDistances;
inline constexpr int kCodeBitsMax = 15;

struct PairCodes {
  // Bits << 6 | how many.
  alignas(64) uint32_t first[kSymbols];
  // Code << 12 | how many with the extra bits << 6 | how many without.
  alignas(64) uint32_t second[kSymbols];
  uint32_t end_of_block;  // like first
};

// Lengths of a Huffman code for `counts`, none above `bits_max`; 0 for what does not occur.
// REQUIRES: count <= kLiteralCodes, 2^bits_max >= count.
void huffman_lengths(const uint32_t* counts, size_t count, int bits_max, uint8_t* lengths);

// The codes of these lengths with their first bit lowest, as deflate sends them.
void canonical_codes(const uint8_t* lengths, size_t count, uint16_t* codes);

class BlockCodes {
 public:
  // A symbol that was not counted gets no code, unless the counts are of a sample: then it may
  // occur all the same, and every symbol of deflate counts once more than it was seen.
  BlockCodes(const SymbolCounts& counts, bool sampled);

  // How many bits the header takes, and pairs of these counts with the end of the block.
  uint64_t header_bits() const;
  uint64_t pair_bits(const SymbolCounts& counts) const;

  // The header of a block, first its three bits. At most kBlockHeaderBytesMax.
  void write_header(bool last_block, BitWriter& out) const;
  void fill(PairCodes& codes) const;

 private:
  struct Run {  // a symbol of the code that the lengths are sent in
    uint8_t symbol;
    uint8_t extra;
  };
  void make_runs();

  std::array<uint8_t, kLiteralCodes> literal_lengths_{};
  std::array<uint8_t, kDistanceCodes> distance_lengths_{};
  size_t literals_ = 0;   // sent lengths
  size_t distances_ = 0;  // sent lengths
  std::array<Run, kLiteralCodes + kDistanceCodes> runs_{};
  size_t run_count_ = 0;
  std::array<uint8_t, 19> run_lengths_{};
  size_t sent_run_lengths_ = 0;
};

// 17 bits, 19 lengths of 3, and at worst every length alone with 7 bits.
inline constexpr size_t kBlockHeaderBytesMax = 8 + (17 + 57 + 7 * 316) / 8 + 8;

}  // namespace sluice
