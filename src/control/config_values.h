// SPDX-License-Identifier: Apache-2.0
// config_values.h — reads and writes values the way people write them: 500ms, 64MiB, 10MB/s.
//
// In:      one value as text, from a flag, a variable or a YAML scalar; the edges are the same.
// Out:     the typed value, or a sentence that says what was expected. Formatters write the
//          shortest text that reads back as the same value.
// Thread:  pure; no locale, no environment.
// Limits:  63 bits; overflow is refused, never wrapped. Fractions are exact to the unit below.
// Why so:  a number without a unit is refused for durations ("30" what?), because every tool reads
//          it differently. For sizes it is bytes, for counts it is the count.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "sluice/config.h"
#include "sluice/units.h"

namespace sluice {

// A value, or the sentence "expected …" that completes "'12x' is not valid: ".
template <class T>
struct Parsed {
  std::optional<T> value;
  std::string expected;

  static Parsed good(T v) { return Parsed{std::move(v), {}}; }
  static Parsed bad(std::string sentence) { return Parsed{std::nullopt, std::move(sentence)}; }
  bool ok() const { return value.has_value(); }
};

// "500ms", "2s", "1m30s", "1.5h", "2d"; "0" alone needs no unit.
Parsed<Duration> parse_duration(std::string_view text);
std::string format_duration(Duration duration);

// "65536", "512KiB", "64MiB", "10MB". KB, MB, GB, TB are powers of 1000; KiB … TiB and the single
// letters K, M, G, T are powers of 1024. Case does not matter.
Parsed<Bytes> parse_bytes(std::string_view text);
std::string format_bytes(Bytes bytes);

// "100", "10k" (10,000), "2M" (2,000,000).
Parsed<int64_t> parse_count(std::string_view text);

// What flows through a rate limit.
enum class RateUnit : uint8_t { kBytes, kCount };

// "10MB/s", "1000/s", "600/min", "10MB/s burst 20MB", "off". Without "/s" it is per second.
Parsed<RateLimit> parse_rate(std::string_view text, RateUnit unit);
std::string format_rate(const RateLimit& rate, RateUnit unit);

// true, yes, on, 1 and their opposites.
Parsed<bool> parse_bool(std::string_view text);

// "auto", "fast" or a number from 1 to 19.
Parsed<CompressionLevel> parse_level(std::string_view text);
std::string format_level(const CompressionLevel& level);

// "127.0.0.1:9686", "[::1]:9686", ":9686" (every address), "9686" (this machine only), "off".
Parsed<std::optional<ListenAddress>> parse_address(std::string_view text);
std::string format_address(const std::optional<ListenAddress>& address);

// Text without the blanks around it.
std::string_view trimmed(std::string_view text);

}  // namespace sluice
