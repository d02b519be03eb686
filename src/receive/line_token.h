// SPDX-License-Identifier: Apache-2.0
// line_token.h — the proof inside a generated line: who wrote it, which one it is, and that it is
// whole.
//
// In:      a line with a hole of kTokenBytes; or a line that came over the wire.
// Out:     the filled hole; or a reading: valid, absent or damaged. Form:
//          rid=SSSQQQQQQLLLLTTTTTTTTTTTCCCCC, six bits per character (0-9 A-Z a-z - _), most
//          significant first: stream 18 bits, sequence 36, line length in bytes 24, stamp in
//          nanoseconds since 1970 66, checksum 30. Check:   XXH3-64 of all that follows the
//          checksum, seeded with XXH3-64 of all that precedes it. 30 bits of it are in the line;
//          all 64 go into the sums of ledger and report.
// Thread:  pure functions; no allocation.
// Limits:  262,144 streams, 68 billion lines per stream, 16 MiB per line.
// Why so:  33 bytes look like a request id in an access log, cost a compressor what a real one
//          costs, and need no JSON escape, so they survive every framing.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace sluice {

inline constexpr std::string_view kTokenMarker = "rid=";
inline constexpr size_t kTokenBytes = 33;
inline constexpr uint32_t kTokenStreamsMax = 1u << 18;
inline constexpr uint64_t kTokenSequencesMax = 1ull << 36;
inline constexpr uint32_t kTokenLineBytesMax = (1u << 24) - 1;

struct LineToken {
  uint32_t stream = 0;
  uint64_t sequence = 0;
  uint32_t length = 0;  // of the whole line, without its newline
  int64_t stamp_ns = 0;
};

// Fills the hole at `token_at` and returns the hash of the whole line.
// REQUIRES: token_at + kTokenBytes <= token.length, and line[0, token.length) is writable.
uint64_t write_token(char* line, size_t token_at, const LineToken& token) noexcept;

enum class TokenVerdict : uint8_t {
  kValid,
  kAbsent,   // no marker: not a generated line, or the part of one that lost its token
  kDamaged,  // a marker, but the length or the checksum does not fit the line
};

struct TokenReading {
  TokenVerdict verdict = TokenVerdict::kAbsent;
  LineToken token;         // meaningful when valid
  uint64_t line_hash = 0;  // meaningful when valid
};

TokenReading read_token(std::string_view line) noexcept;

}  // namespace sluice
