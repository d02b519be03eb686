// SPDX-License-Identifier: Apache-2.0
// log_deflate_text.h — one block of a body, the matches in it, and the memory to find them in.
//
// In:      the bytes of a body; which of them are one block of deflate.
// Out:     match records: "here stand `length` bytes that stood `distance` bytes before".
// Owns:    MatchScratch: 1.2 MiB of addresses, of which a block of log lines touches a fifth.
// Thread:  one compressor's.
// Limits:  positions are relative to `bytes`, which is the block less what may be looked back at;
//          kMatchBackMax bytes before position `first` - 1 may be read, nothing at or behind
//          `size`.
// Why so:  a block is cut into three strings that are searched at the same time: a search waits for
//          one cache line after the other, and what one core can do meanwhile for the two others is
//          free. Each string has a table of its own, so its matches never lie ahead of it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>

namespace sluice {

// More bytes per block: fewer headers, more memory, codes that follow the text less.
inline constexpr size_t kLogBlockBytes = 512 << 10;
// A body is cut into equal blocks, so the only block of a body may be half as large again.
inline constexpr size_t kLogBlockBytesMax = kLogBlockBytes + kLogBlockBytes / 2;

// Below this a search finds nothing. 6 with a hash of 6 bytes: 5 and 4 cost 4 % of the speed for no
// byte, because what is short and common is found by backward extension.
inline constexpr size_t kMatchMin = 6;
inline constexpr size_t kMatchDistanceMax = 32'768;
// A record's own bound; deflate's 258 is applied when it is written.
inline constexpr size_t kMatchLengthMax = 32'768;
// How far a match grows backwards over bytes that were passed without a match.
inline constexpr size_t kMatchBackMax = 16;

inline constexpr size_t kStreams = 3;
// Smaller strings than this would each learn the text anew for nothing.
inline constexpr size_t kStreamBytesMin = 32 << 10;
// What a stream reads of the text before its own, to begin with its words in the table. 16 KiB
// saves 0.2 % more bytes for 3 % of the speed; 0 costs 1.6 %.
inline constexpr size_t kPrimeBytes = 4 << 10;
// 8 KiB per table: more does not stay in the first-level cache and saves 1.5 % of the bytes.
inline constexpr int kTableBits = 12;

// One block in its body. Vectors of 64 bytes are loaded where 64 bytes are left, else single bytes.
struct BlockText {
  const uint8_t* bytes = nullptr;
  size_t first = 0;  // the least position that may be looked back at
  size_t begin = 0;  // of the block
  size_t end = 0;
  size_t size = 0;  // of what may be read, the rest of the body included
};

struct MatchRecord {
  uint32_t at;
  uint16_t length;
  uint16_t distance;
};

// The matches in [begin, end) in their order; none reaches behind the end.
struct MatchRun {
  MatchRecord* records = nullptr;
  MatchRecord* records_end = nullptr;
  size_t begin = 0;
  size_t end = 0;
};

struct MatchScratch {
  // As many as can begin in a block, and one per stream that is written and not kept.
  std::unique_ptr<MatchRecord[]> records =
      std::make_unique_for_overwrite<MatchRecord[]>(kLogBlockBytesMax / kMatchMin + 8 * kStreams);
  // One bit per byte of the text: something may begin here.
  std::unique_ptr<uint64_t[]> starts =
      std::make_unique_for_overwrite<uint64_t[]>((kLogBlockBytesMax + kPrimeBytes) / 64 + 8);
  alignas(64) uint16_t tables[kStreams][size_t{1} << kTableBits];
  MatchRun runs[kStreams];
};

}  // namespace sluice
