// SPDX-License-Identifier: Apache-2.0
#include "receive/line_token.h"

#include <xxhash.h>

#include <array>
#include <cstring>

#include "sluice/check.h"

namespace sluice {
namespace {

constexpr std::string_view kDigits =
    "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz-_";
constexpr uint8_t kNoDigit = 0xff;

constexpr std::array<uint8_t, 256> digit_values() {
  std::array<uint8_t, 256> values{};
  for (auto& value : values) value = kNoDigit;
  for (size_t i = 0; i < kDigits.size(); ++i) {
    values[static_cast<uint8_t>(kDigits[i])] = static_cast<uint8_t>(i);
  }
  return values;
}
constexpr std::array<uint8_t, 256> kDigitValues = digit_values();

constexpr size_t kStreamAt = 4, kStreamDigits = 3;
constexpr size_t kSequenceAt = 7, kSequenceDigits = 6;
constexpr size_t kLengthAt = 13, kLengthDigits = 4;
constexpr size_t kStampAt = 17, kStampDigits = 11;
constexpr size_t kChecksumAt = 28, kChecksumDigits = 5;
static_assert(kTokenMarker.size() == kStreamAt);
static_assert(kChecksumAt + kChecksumDigits == kTokenBytes);

template <size_t kCount>
void put(char* to, uint64_t value) noexcept {
  for (size_t i = kCount; i-- > 0; value >>= 6) to[i] = kDigits[value & 63];
}

template <size_t kCount>
bool get(const char* from, uint64_t* value) noexcept {
  uint64_t sum = 0;
  for (size_t i = 0; i < kCount; ++i) {
    const uint8_t digit = kDigitValues[static_cast<uint8_t>(from[i])];
    if (digit == kNoDigit) return false;
    sum = sum << 6 | digit;
  }
  *value = sum;
  return true;
}

uint64_t hash_line(const char* line, size_t length, size_t checksum_at) noexcept {
  const size_t after = checksum_at + kChecksumDigits;
  return XXH3_64bits_withSeed(line + after, length - after, XXH3_64bits(line, checksum_at));
}

constexpr uint64_t kChecksumMask = (1ull << 30) - 1;

bool read_token_at(std::string_view line, size_t token_at, TokenReading* reading) noexcept {
  if (line.size() - token_at < kTokenBytes) return false;
  const char* token = line.data() + token_at;
  uint64_t stream = 0, sequence = 0, length = 0, stamp = 0, checksum = 0;
  if (!get<kStreamDigits>(token + kStreamAt, &stream) ||
      !get<kSequenceDigits>(token + kSequenceAt, &sequence) ||
      !get<kLengthDigits>(token + kLengthAt, &length) ||
      !get<kStampDigits>(token + kStampAt, &stamp) ||
      !get<kChecksumDigits>(token + kChecksumAt, &checksum) || length != line.size()) {
    return false;
  }
  reading->line_hash = hash_line(line.data(), line.size(), token_at + kChecksumAt);
  reading->token = LineToken{static_cast<uint32_t>(stream), sequence, static_cast<uint32_t>(length),
                             static_cast<int64_t>(stamp)};
  return (reading->line_hash & kChecksumMask) == checksum;
}

}  // namespace

uint64_t write_token(char* line, size_t token_at, const LineToken& token) noexcept {
  SLUICE_CHECK(token_at + kTokenBytes <= token.length && token.length <= kTokenLineBytesMax,
               "the token lies inside a line of known length");
  SLUICE_CHECK(token.stream < kTokenStreamsMax && token.sequence < kTokenSequencesMax,
               "stream and sequence fit their digits");
  char* const to = line + token_at;
  std::memcpy(to, kTokenMarker.data(), kTokenMarker.size());
  put<kStreamDigits>(to + kStreamAt, token.stream);
  put<kSequenceDigits>(to + kSequenceAt, token.sequence);
  put<kLengthDigits>(to + kLengthAt, token.length);
  put<kStampDigits>(to + kStampAt, static_cast<uint64_t>(token.stamp_ns));
  const uint64_t hash = hash_line(line, token.length, token_at + kChecksumAt);
  put<kChecksumDigits>(to + kChecksumAt, hash & kChecksumMask);
  return hash;
}

TokenReading read_token(std::string_view line) noexcept {
  TokenReading reading;
  // A log line may hold the marker by itself; every occurrence gets its chance.
  for (size_t at = line.find(kTokenMarker); at != std::string_view::npos;
       at = line.find(kTokenMarker, at + kTokenMarker.size())) {
    if (read_token_at(line, at, &reading)) {
      reading.verdict = TokenVerdict::kValid;
      return reading;
    }
    reading.verdict = TokenVerdict::kDamaged;
  }
  return reading;
}

}  // namespace sluice
