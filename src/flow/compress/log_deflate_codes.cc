// SPDX-License-Identifier: Apache-2.0
#include "flow/compress/log_deflate_codes.h"

#include <algorithm>

#include "sluice/check.h"

namespace sluice {
namespace {

constexpr size_t kLengthCodes = 29;
constexpr size_t kEndOfBlock = 256;

// RFC 1951, section 3.2.5: how many extra bits follow a length or distance symbol.
constexpr uint8_t length_extra_bits(size_t symbol) {
  return static_cast<uint8_t>(symbol < 8 || symbol == 28 ? 0 : symbol / 4 - 1);
}
constexpr uint8_t distance_extra_bits(size_t symbol) {
  return static_cast<uint8_t>(symbol < 4 ? 0 : symbol / 2 - 1);
}

struct LengthSymbol {
  uint8_t symbol;
  uint8_t extra;
};

// By length - 3.
constexpr std::array<LengthSymbol, 256> make_length_symbols() {
  std::array<LengthSymbol, 256> table{};
  size_t at = 0;
  for (size_t symbol = 0; symbol + 1 < kLengthCodes; ++symbol) {
    for (size_t extra = 0; extra < size_t{1} << length_extra_bits(symbol) && at < 256; ++extra) {
      table[at++] = {static_cast<uint8_t>(symbol), static_cast<uint8_t>(extra)};
    }
  }
  table[255] = {28, 0};  // 258 has a symbol of its own
  return table;
}
constexpr std::array<LengthSymbol, 256> kLengthSymbols = make_length_symbols();
static_assert(kLengthSymbols[0].symbol == 0 && kLengthSymbols[254].symbol == 27 &&
              kLengthSymbols[254].extra == 30);

struct Leaf {
  uint32_t count;
  uint16_t symbol;
};

// The symbols that occur, the rarest first; at least two. Of a sampled block two thirds were not
// seen and count once: they need no sorting.
size_t sorted_leaves(const uint32_t* counts, size_t count, Leaf* leaves) {
  size_t used = 0;
  for (size_t symbol = 0; symbol < count; ++symbol) {
    if (counts[symbol] == 1) leaves[used++] = {1, static_cast<uint16_t>(symbol)};
  }
  Leaf* const seen = leaves + used;
  for (size_t symbol = 0; symbol < count; ++symbol) {
    if (counts[symbol] > 1) leaves[used++] = {counts[symbol], static_cast<uint16_t>(symbol)};
  }
  // An incomplete code is filled up with symbols that never come.
  for (uint16_t symbol = 0; used < 2; ++symbol) {
    if (counts[symbol] == 0) leaves[used++] = {0, symbol};
  }
  std::sort(seen, leaves + used, [](const Leaf& a, const Leaf& b) {
    return a.count != b.count ? a.count < b.count : a.symbol < b.symbol;
  });
  return used;
}

// Depths of a Huffman tree over leaves in ascending order, by two queues: leaves, and inner nodes
// in the order in which they were made, which is ascending, too.
void tree_depths(const Leaf* leaves, size_t count, uint32_t* depths) {
  uint64_t weights[2 * kLiteralCodes];
  uint16_t parents[2 * kLiteralCodes];
  uint32_t node_depths[2 * kLiteralCodes];
  for (size_t i = 0; i < count; ++i) weights[i] = leaves[i].count;
  size_t leaf = 0;
  size_t inner = count;
  const size_t root = 2 * count - 2;
  for (size_t node = count; node <= root; ++node) {
    weights[node] = 0;
    for (int child = 0; child < 2; ++child) {
      const bool take_leaf = leaf < count && (inner >= node || weights[leaf] <= weights[inner]);
      const size_t taken = take_leaf ? leaf++ : inner++;
      weights[node] += weights[taken];
      parents[taken] = static_cast<uint16_t>(node);
    }
  }
  node_depths[root] = 0;
  for (size_t node = root; node-- > 0;) node_depths[node] = node_depths[parents[node]] + 1;
  std::copy_n(node_depths, count, depths);
}

// How many codes of each length: as the tree has them, but what is too deep is lifted, and shorter
// ones are lengthened until all fit again.
void limit_depths(const uint32_t* depths, size_t count, int bits_max, uint32_t* per_length) {
  std::fill_n(per_length, kCodeBitsMax + 1, 0u);
  uint64_t used = 0;  // in units of the shortest code's share
  for (size_t i = 0; i < count; ++i) {
    const int length = static_cast<int>(std::min<uint32_t>(depths[i], uint32_t(bits_max)));
    ++per_length[length];
    used += uint64_t{1} << (bits_max - length);
  }
  while (used > uint64_t{1} << bits_max) {
    int length = bits_max - 1;
    while (per_length[length] == 0) --length;
    // One code of this length becomes two of the next: itself and one of the longest.
    --per_length[length];
    per_length[length + 1] += 2;
    --per_length[bits_max];
    --used;
  }
}

uint16_t reversed(uint32_t code, int length) {
  code = (code & 0x5555) << 1 | (code >> 1 & 0x5555);
  code = (code & 0x3333) << 2 | (code >> 2 & 0x3333);
  code = (code & 0x0F0F) << 4 | (code >> 4 & 0x0F0F);
  code = (code & 0x00FF) << 8 | (code >> 8 & 0x00FF);
  return static_cast<uint16_t>(code >> (16 - length));
}

constexpr uint8_t kRepeatLast = 16;  // 3 to 6 times
constexpr uint8_t kZeros = 17;       // 3 to 10
constexpr uint8_t kManyZeros = 18;   // 11 to 138
constexpr uint8_t kRunOrder[19] = {16, 17, 18, 0, 8,  7, 9,  6, 10, 5,
                                   11, 4,  12, 3, 13, 2, 14, 1, 15};
constexpr uint8_t run_extra_bits(size_t symbol) {
  return symbol == kRepeatLast ? 2 : symbol == kZeros ? 3 : symbol == kManyZeros ? 7 : 0;
}

}  // namespace

void huffman_lengths(const uint32_t* counts, size_t count, int bits_max, uint8_t* lengths) {
  SLUICE_CHECK(count >= 2 && count <= kLiteralCodes && count <= size_t{1} << bits_max,
               "an alphabet of deflate");
  Leaf leaves[kLiteralCodes];
  std::fill_n(lengths, count, uint8_t{0});
  const size_t used = sorted_leaves(counts, count, leaves);
  uint32_t depths[kLiteralCodes];
  uint32_t per_length[kCodeBitsMax + 1];
  tree_depths(leaves, used, depths);
  limit_depths(depths, used, bits_max, per_length);
  const Leaf* leaf = leaves;  // the rarest first, which get the longest
  for (int length = bits_max; length > 0; --length) {
    for (uint32_t i = 0; i < per_length[length]; ++i) {
      lengths[(leaf++)->symbol] = static_cast<uint8_t>(length);
    }
  }
  SLUICE_CHECK(leaf == leaves + used, "every symbol has a code");
}

void canonical_codes(const uint8_t* lengths, size_t count, uint16_t* codes) {
  uint32_t next[kCodeBitsMax + 2] = {};
  for (size_t symbol = 0; symbol < count; ++symbol) ++next[lengths[symbol] + 1];
  next[1] = 0;  // what has no code
  uint32_t code = 0;
  for (int length = 1; length <= kCodeBitsMax; ++length) {
    const uint32_t of_shorter = next[length];
    code = (code + of_shorter) << 1;
    next[length] = code;
  }
  for (size_t symbol = 0; symbol < count; ++symbol) {
    const int length = lengths[symbol];
    codes[symbol] = length == 0 ? uint16_t{0} : reversed(next[length]++, length);
  }
}

BlockCodes::BlockCodes(const SymbolCounts& counts, bool sampled) {
  const uint32_t unseen = sampled ? 1 : 0;
  uint32_t literals[kLiteralCodes];
  uint32_t distances[kDistanceCodes];
  std::fill_n(literals, kLiteralCodes, unseen);
  for (size_t i = 0; i < kDistanceCodes; ++i) {
    distances[i] = unseen + counts.second[kDistanceSecond + i];
  }
  for (size_t i = 0; i < 256; ++i) {
    literals[i] += counts.first[i] + counts.second[i];
    literals[kEndOfBlock + 1 + kLengthSymbols[i].symbol] += counts.first[kLengthFirst + i];
  }
  literals[kEndOfBlock] = 1;
  huffman_lengths(literals, kLiteralCodes, kCodeBitsMax, literal_lengths_.data());
  huffman_lengths(distances, kDistanceCodes, kCodeBitsMax, distance_lengths_.data());
  literals_ = kLiteralCodes;
  while (literals_ > kEndOfBlock + 1 && literal_lengths_[literals_ - 1] == 0) --literals_;
  distances_ = kDistanceCodes;
  while (distances_ > 1 && distance_lengths_[distances_ - 1] == 0) --distances_;
  make_runs();
  uint32_t run_counts[19] = {};
  for (size_t i = 0; i < run_count_; ++i) ++run_counts[runs_[i].symbol];
  huffman_lengths(run_counts, 19, 7, run_lengths_.data());
  sent_run_lengths_ = 19;
  while (sent_run_lengths_ > 4 && run_lengths_[kRunOrder[sent_run_lengths_ - 1]] == 0) {
    --sent_run_lengths_;
  }
}

void BlockCodes::make_runs() {
  uint8_t lengths[kLiteralCodes + kDistanceCodes];
  std::copy_n(literal_lengths_.data(), literals_, lengths);
  std::copy_n(distance_lengths_.data(), distances_, lengths + literals_);
  const size_t count = literals_ + distances_;
  for (size_t at = 0; at < count;) {
    size_t same = 1;
    while (at + same < count && lengths[at + same] == lengths[at]) ++same;
    if (lengths[at] == 0 && same >= 3) {
      same = std::min<size_t>(same, 138);
      const bool many = same >= 11;
      runs_[run_count_++] = {many ? kManyZeros : kZeros,
                             static_cast<uint8_t>(same - (many ? 11 : 3))};
      at += same;
    } else if (same >= 4) {
      same = std::min<size_t>(same - 1, 6);
      runs_[run_count_++] = {lengths[at], 0};
      runs_[run_count_++] = {kRepeatLast, static_cast<uint8_t>(same - 3)};
      at += 1 + same;
    } else {
      runs_[run_count_++] = {lengths[at], 0};
      ++at;
    }
  }
}

uint64_t BlockCodes::header_bits() const {
  uint64_t bits = 3 + 5 + 5 + 4 + 3 * sent_run_lengths_;
  for (size_t i = 0; i < run_count_; ++i) {
    bits += run_lengths_[runs_[i].symbol] + run_extra_bits(runs_[i].symbol);
  }
  return bits;
}

uint64_t BlockCodes::pair_bits(const SymbolCounts& counts) const {
  uint64_t bits = literal_lengths_[kEndOfBlock];
  for (size_t i = 0; i < 256; ++i) {
    bits += uint64_t{counts.first[i] + counts.second[i]} * literal_lengths_[i];
    const size_t symbol = kLengthSymbols[i].symbol;
    bits += uint64_t{counts.first[kLengthFirst + i]} *
            (literal_lengths_[kEndOfBlock + 1 + symbol] + length_extra_bits(symbol));
  }
  for (size_t i = 0; i < kDistanceCodes; ++i) {
    bits += uint64_t{counts.second[kDistanceSecond + i]} *
            (distance_lengths_[i] + distance_extra_bits(i));
  }
  return bits;
}

void BlockCodes::write_header(bool last_block, BitWriter& out) const {
  out.put(last_block ? 1 : 0, 1);
  out.put(2, 2);  // dynamic codes
  out.put(literals_ - 257, 5);
  out.put(distances_ - 1, 5);
  out.put(sent_run_lengths_ - 4, 4);
  for (size_t i = 0; i < sent_run_lengths_; ++i) out.put(run_lengths_[kRunOrder[i]], 3);
  uint16_t codes[19];
  canonical_codes(run_lengths_.data(), 19, codes);
  for (size_t i = 0; i < run_count_; ++i) {
    const Run run = runs_[i];
    out.put(codes[run.symbol], run_lengths_[run.symbol]);
    out.put(run.extra, run_extra_bits(run.symbol));
  }
}

void BlockCodes::fill(PairCodes& codes) const {
  uint16_t literals[kLiteralCodes];
  uint16_t distances[kDistanceCodes];
  canonical_codes(literal_lengths_.data(), kLiteralCodes, literals);
  canonical_codes(distance_lengths_.data(), kDistanceCodes, distances);
  std::fill_n(codes.second, kSymbols, 0u);
  for (size_t i = 0; i < 256; ++i) {
    const uint32_t bits = literal_lengths_[i];
    codes.first[i] = uint32_t{literals[i]} << 6 | bits;
    codes.second[i] = uint32_t{literals[i]} << 12 | bits << 6 | bits;
    const LengthSymbol length = kLengthSymbols[i];
    const size_t symbol = kEndOfBlock + 1 + length.symbol;
    const uint32_t code_bits = literal_lengths_[symbol];
    codes.first[kLengthFirst + i] =
        (literals[symbol] | static_cast<uint32_t>(length.extra) << code_bits) << 6 |
        (code_bits + length_extra_bits(length.symbol));
  }
  for (size_t i = 0; i < kDistanceCodes; ++i) {
    const uint32_t bits = distance_lengths_[i];
    codes.second[kDistanceSecond + i] =
        uint32_t{distances[i]} << 12 | (bits + distance_extra_bits(i)) << 6 | bits;
  }
  codes.end_of_block =
      uint32_t{literals[kEndOfBlock]} << 6 | uint32_t{literal_lengths_[kEndOfBlock]};
}

}  // namespace sluice
