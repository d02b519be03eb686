// SPDX-License-Identifier: Apache-2.0
#include "flow/compress/log_deflate_matches.h"

#include <algorithm>
#include <bit>
#include <cstring>

#include "sluice/check.h"

// This file is compiled once per instruction set: foreach_target includes it again for each.
#define HWY_WANT_AVX3_DL 1
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "flow/compress/log_deflate_matches.cc"
#include <hwy/foreach_target.h>
//
#include <hwy/highway.h>

#ifndef SLUICE_LOG_DEFLATE_MATCHES_ONCE
#define SLUICE_LOG_DEFLATE_MATCHES_ONCE
namespace sluice {
namespace {

inline uint64_t load_eight(const void* at) {
  uint64_t value = 0;
  std::memcpy(&value, at, sizeof(value));
  return value;
}

inline size_t slot_of(uint64_t eight) {
  return static_cast<size_t>(((eight << 8 * (8 - kMatchMin)) * 0x9E3779B97F4A7C15ull) >>
                             (64 - kTableBits));
}

inline bool is_digit(uint8_t byte) {
  return byte >= '0' && byte <= '9';
}

inline bool is_letter(uint8_t byte) {
  const auto lower = static_cast<uint8_t>(byte | 0x20);
  return (lower >= 'a' && lower <= 'z') || is_digit(byte);
}

// What the bytes of a word of 64 are, a bit each.
struct ByteKinds {
  uint64_t letters = 0;  // and digits
  uint64_t digits = 0;
  uint64_t leads = 0;  // first bytes of a character beyond ASCII
};

// Where a search begins in a word of 64 bytes: a letter behind none, or a character beyond ASCII.
// Not at the later parts of 10.2.3.4 or 17:10:09: if the first part found no match with them, they
// are noise, a quarter of all lookups. Without them lookups are fewer and, as noise displaces less
// in the tables, bodies of nginx lines 3 % smaller. A word without any start gets its first byte,
// so that rules and padding are found, too.
struct StartRule {
  uint64_t letter_before = 0;
  uint64_t digits_before = 0;  // two bits

  uint64_t starts(const ByteKinds& kinds) {
    const uint64_t words = kinds.letters & ~(kinds.letters << 1 | letter_before);
    const uint64_t parts = kinds.digits & (kinds.digits << 2 | digits_before);
    uint64_t bits = (words & ~parts) | kinds.leads;
    letter_before = kinds.letters >> 63;
    digits_before = kinds.digits >> 62;
    bits |= bits == 0 ? 1 : 0;
    return bits;
  }
};

// The first start at or behind `at`. Behind the text all bits are set.
inline size_t next_start(const uint64_t* starts, size_t at) {
  const auto* bytes = reinterpret_cast<const uint8_t*>(starts);
  uint64_t bits = load_eight(bytes + (at >> 3)) >> (at & 7);
  while (bits == 0) [[unlikely]] {
      at += 56;  // at least so many bits were whole
      bits = load_eight(bytes + (at >> 3)) >> (at & 7);
    }
  return at + static_cast<size_t>(std::countr_zero(bits));
}

struct Stream {
  size_t at;  // the next start
  size_t limit;
  MatchRecord* next;
  uint16_t* table;
};

// The distance to what the table remembers for the six bytes at `at`, which it remembers from now
// on. 1 stands for "nothing near enough", which costs no branch and finds runs of one byte.
inline size_t take_candidate(const uint8_t* bytes, size_t at, uint16_t* table) {
  uint16_t* const slot = table + slot_of(load_eight(bytes + at));
  const int gap = static_cast<int16_t>(at - *slot - 1);  // negative where too far
  *slot = static_cast<uint16_t>(at);
  return static_cast<uint32_t>(gap & ~(gap >> 15)) + size_t{1};
}

inline size_t common_bytes(const uint8_t* bytes, size_t at, size_t distance, size_t end) {
  const size_t begin = at;
  while (at < end && bytes[at] == bytes[at - distance]) ++at;
  return at - begin;
}

inline void keep(Stream& stream, size_t length, size_t distance) {
  stream.next->at = static_cast<uint32_t>(stream.at);
  stream.next->length = static_cast<uint16_t>(length);
  stream.next->distance = static_cast<uint16_t>(distance);
}

// The end of the body, where no vector may be loaded.
inline void search_bytewise(const BlockText& text, const uint64_t* starts, Stream& stream) {
  while (stream.at < stream.limit && stream.at + 8 <= text.size) {
    const size_t distance = take_candidate(text.bytes, stream.at, stream.table);
    const size_t end = std::min(text.end, stream.at + kMatchLengthMax);
    const size_t length = common_bytes(text.bytes, stream.at, distance, end);
    keep(stream, length, distance);
    const bool found = length >= kMatchMin;
    stream.next += found ? 1 : 0;
    stream.at = next_start(starts, stream.at + (found ? length : 1));
  }
}

// Cuts what the last match has behind the end of its stream, which is where the next one begins.
inline void cut_at(size_t end, MatchRun& run) {
  if (run.records == run.records_end) return;
  MatchRecord& last = run.records_end[-1];
  if (last.at + size_t{last.length} <= end) return;
  constexpr size_t kDeflateMatchMin = 3;
  if (last.at + kDeflateMatchMin <= end) {
    last.length = static_cast<uint16_t>(end - last.at);
  } else {
    --run.records_end;
  }
}

}  // namespace
}  // namespace sluice
#endif

HWY_BEFORE_NAMESPACE();
namespace sluice {
namespace HWY_NAMESPACE {

#if HWY_TARGET == HWY_SCALAR || HWY_TARGET == HWY_EMU128

inline void MarkStarts(const BlockText& text, uint64_t* starts) {
  const size_t end = std::min(text.size, text.end + 8);
  StartRule rule;
  for (size_t word = 0; word * 64 < end; ++word) {
    ByteKinds kinds;
    for (size_t i = 0; i < 64 && word * 64 + i < text.size; ++i) {
      const uint8_t byte = text.bytes[word * 64 + i];
      kinds.letters |= uint64_t{is_letter(byte)} << i;
      kinds.digits |= uint64_t{is_digit(byte)} << i;
      kinds.leads |= uint64_t{byte >= 0xC0} << i;
    }
    starts[word] = rule.starts(kinds);
  }
  std::fill_n(starts + (end + 63) / 64, 3, ~uint64_t{0});
}

inline void SearchStreams(const BlockText&, const uint64_t*, Stream*, size_t) {}

#else

namespace hn = hwy::HWY_NAMESPACE;

constexpr hn::CappedTag<uint8_t, 64> kBytes;

HWY_INLINE uint64_t BitsOf(hn::Mask<hn::CappedTag<uint8_t, 64>> mask) {
  uint64_t bits = 0;
  hn::StoreMaskBits(kBytes, mask, reinterpret_cast<uint8_t*>(&bits));
  return bits;
}

HWY_INLINE ByteKinds KindsOf64(const uint8_t* bytes) {
  ByteKinds kinds;
  for (size_t i = 0; i < 64; i += hn::Lanes(kBytes)) {
    const auto chunk = hn::LoadU(kBytes, bytes + i);
    const auto from_a =
        hn::Or(chunk, hn::Set(kBytes, uint8_t{0x20})) - hn::Set(kBytes, uint8_t{'a'});
    const auto from_zero = chunk - hn::Set(kBytes, uint8_t{'0'});
    const auto digits = from_zero < hn::Set(kBytes, uint8_t{10});
    kinds.letters |= BitsOf(hn::Or(from_a < hn::Set(kBytes, uint8_t{26}), digits)) << i;
    kinds.digits |= BitsOf(digits) << i;
    kinds.leads |= BitsOf(hn::Set(kBytes, uint8_t{0xBF}) < chunk) << i;
  }
  return kinds;
}

void MarkStarts(const BlockText& text, uint64_t* starts) {
  const size_t end = std::min(text.size, text.end + 8);
  StartRule rule;
  size_t at = 0;
  for (; at < end && text.size - at >= 64; at += 64) {
    starts[at / 64] = rule.starts(KindsOf64(text.bytes + at));
  }
  if (at < end) {
    uint8_t rest[64] = {};
    std::memcpy(rest, text.bytes + at, text.size - at);
    starts[at / 64] = rule.starts(KindsOf64(rest));
  }
  std::fill_n(starts + (end + 63) / 64, 3, ~uint64_t{0});
}

// Bit i says that byte i differs; as many bits as a vector has bytes.
HWY_INLINE uint64_t Differences(const uint8_t* here, size_t distance) {
  return BitsOf(hn::LoadU(kBytes, here) != hn::LoadU(kBytes, here - distance));
}

// How far a match goes whose first vector is equal. What lies behind the block is cut off later.
HWY_INLINE size_t LongMatch(const BlockText& text, size_t at, size_t distance) {
  const size_t end = std::min(text.end, at + kMatchLengthMax);
  size_t to = at + hn::Lanes(kBytes);
  while (to + hn::Lanes(kBytes) <= end) {
    const uint64_t differences = Differences(text.bytes + to, distance);
    if (differences != 0) return to + static_cast<size_t>(std::countr_zero(differences)) - at;
    to += hn::Lanes(kBytes);
  }
  return to - at + common_bytes(text.bytes, to, distance, end);
}

// One lookup. Found or not is arithmetic: the record is written anyway and kept or overwritten.
HWY_INLINE void Search(const BlockText& text, const uint64_t* starts, Stream& stream) {
  const size_t distance = take_candidate(text.bytes, stream.at, stream.table);
  const uint64_t differences = Differences(text.bytes + stream.at, distance);
  if (HWY_UNLIKELY(differences == 0)) {
    const size_t length = LongMatch(text, stream.at, distance);
    keep(stream, length, distance);
    ++stream.next;
    stream.at = next_start(starts, stream.at + length);
    return;
  }
  const size_t length = static_cast<uint32_t>(std::countr_zero(differences));
  keep(stream, length, distance);
  const int64_t missed = (static_cast<int64_t>(length) - int64_t{kMatchMin}) >> 63;  // 0 or -1
  stream.next += 1 + missed;
  const size_t step = ((length - 1) & ~static_cast<size_t>(missed)) + 1;
  stream.at = next_start(starts, stream.at + step);
}

HWY_INLINE void SearchStreams(const BlockText& text, const uint64_t* starts, Stream* streams,
                              size_t count) {
  const size_t readable = text.size < 64 ? 0 : text.size - 64;
  const auto limit_of = [&](const Stream& stream) { return std::min(stream.limit, readable); };
  if (count == kStreams) {
    static_assert(kStreams == 3, "copies, so that the compiler keeps them in registers");
    Stream a = streams[0];
    Stream b = streams[1];
    Stream c = streams[2];
    const size_t c_limit = limit_of(c);
    while (a.at < a.limit && b.at < b.limit && c.at < c_limit) {
      Search(text, starts, a);
      Search(text, starts, b);
      Search(text, starts, c);
    }
    streams[0] = a;
    streams[1] = b;
    streams[2] = c;
  }
  for (size_t i = 0; i < count; ++i) {
    Stream stream = streams[i];
    const size_t limit = limit_of(stream);
    while (stream.at < limit) Search(text, starts, stream);
    streams[i] = stream;
  }
}

#endif

// An empty table, whose entries are too far from all of the next 32 KiB and true places behind
// them, then the words before `begin`.
HWY_INLINE void PrimeTable(const BlockText& text, const uint64_t* starts, size_t begin,
                           uint16_t* table) {
  std::fill_n(table, size_t{1} << kTableBits, static_cast<uint16_t>(begin - 1 + kMatchDistanceMax));
  const size_t from = begin > text.first + kPrimeBytes ? begin - kPrimeBytes : text.first;
  for (size_t at = next_start(starts, from); at < begin; at = next_start(starts, at + 1)) {
    table[slot_of(load_eight(text.bytes + at))] = static_cast<uint16_t>(at);
  }
}

size_t FindMatches(const BlockText& text, MatchScratch& scratch) {
  const size_t size = text.end - text.begin;
  const size_t count = size < kStreams * kStreamBytesMin ? 1 : kStreams;
  const size_t per_stream = (size + count - 1) / count;
  uint64_t* const starts = scratch.starts.get();
  MarkStarts(text, starts);
  Stream streams[kStreams];
  MatchRecord* records = scratch.records.get();
  for (size_t i = 0; i < count; ++i) {
    const size_t begin = text.begin + i * per_stream;
    const size_t end = std::min(text.end, begin + per_stream);
    PrimeTable(text, starts, std::max(begin, text.first), scratch.tables[i]);
    streams[i] = {next_start(starts, std::max(begin, text.first)), end, records, scratch.tables[i]};
    scratch.runs[i] = {records, records, begin, end};
    records += per_stream / kMatchMin + 2;
  }
  SearchStreams(text, starts, streams, count);
  for (size_t i = 0; i < count; ++i) {
    search_bytewise(text, starts, streams[i]);
    scratch.runs[i].records_end = streams[i].next;
    cut_at(scratch.runs[i].end, scratch.runs[i]);
  }
  return count;
}

}  // namespace HWY_NAMESPACE
}  // namespace sluice
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace sluice {

HWY_EXPORT(FindMatches);

size_t find_matches(const BlockText& text, MatchScratch& scratch) {
  SLUICE_CHECK(text.begin <= text.end && text.end <= text.size, "a block lies in its text");
  SLUICE_CHECK(text.end - text.begin <= kLogBlockBytesMax && text.begin <= kPrimeBytes + 64,
               "the scratch memory is large enough for a block");
  return HWY_DYNAMIC_DISPATCH(FindMatches)(text, scratch);
}

}  // namespace sluice
#endif
