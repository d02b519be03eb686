// SPDX-License-Identifier: Apache-2.0
#include "control/config_values.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <span>

namespace sluice {
namespace {

__extension__ using Wide = unsigned __int128;

constexpr size_t kFractionDigitsMax = 9;

// A decimal number at the start of a text: whole + fraction / scale.
struct Decimal {
  uint64_t whole = 0;
  uint64_t fraction = 0;
  uint64_t scale = 1;
};

bool is_digit(char letter) {
  return letter >= '0' && letter <= '9';
}

std::string lowered(std::string_view text) {
  std::string lower(text);
  for (char& letter : lower)
    if (letter >= 'A' && letter <= 'Z') letter = static_cast<char>(letter - 'A' + 'a');
  return lower;
}

// Takes a number off the front of `text`: digits, and a fraction if there is one.
std::optional<Decimal> take_decimal(std::string_view& text) {
  Decimal number;
  const char* const end = text.data() + text.size();
  const auto [after, error] = std::from_chars(text.data(), end, number.whole);
  if (error != std::errc() || text.empty() || !is_digit(text.front())) return std::nullopt;
  text.remove_prefix(static_cast<size_t>(after - text.data()));
  if (text.size() < 2 || text[0] != '.' || !is_digit(text[1])) return number;
  text.remove_prefix(1);
  size_t digits = 0;
  for (; !text.empty() && is_digit(text.front()); text.remove_prefix(1), ++digits) {
    if (digits == kFractionDigitsMax) return std::nullopt;
    number.fraction = number.fraction * 10 + static_cast<uint64_t>(text.front() - '0');
    number.scale *= 10;
  }
  return number;
}

// Takes letters (and the two bytes of µ) off the front.
std::string_view take_word(std::string_view& text) {
  size_t length = 0;
  while (length < text.size() && !is_digit(text[length]) && text[length] != '.' &&
         text[length] != '/' && text[length] != ' ')
    ++length;
  const std::string_view word = text.substr(0, length);
  text.remove_prefix(length);
  return word;
}

std::optional<int64_t> scaled(const Decimal& number, int64_t unit) {
  const Wide factor = static_cast<Wide>(unit);
  const Wide total = number.whole * factor + number.fraction * factor / number.scale;
  if (total > static_cast<Wide>(INT64_MAX)) return std::nullopt;
  return static_cast<int64_t>(total);
}

struct Unit {
  std::string_view name;
  int64_t factor;
};

std::optional<int64_t> factor_of(std::string_view name, std::span<const Unit> units) {
  const std::string lower = lowered(name);
  const auto found = std::find_if(units.begin(), units.end(),
                                  [&lower](const Unit& unit) { return unit.name == lower; });
  return found == units.end() ? std::nullopt : std::optional(found->factor);
}

constexpr int64_t kSecond = 1'000'000'000;
// The largest first, so that the formatter can walk down.
constexpr auto kDurationUnits = std::to_array<Unit>({{"d", 86'400 * kSecond},
                                                     {"h", 3'600 * kSecond},
                                                     {"m", 60 * kSecond},
                                                     {"s", kSecond},
                                                     {"ms", 1'000'000},
                                                     {"us", 1'000},
                                                     {"ns", 1},
                                                     {"\xC2\xB5s", 1'000}});
constexpr size_t kDurationUnitsWritten = 7;

constexpr auto kByteUnits = std::to_array<Unit>({{"tib", int64_t{1} << 40},
                                                 {"tb", 1'000'000'000'000},
                                                 {"gib", int64_t{1} << 30},
                                                 {"gb", 1'000'000'000},
                                                 {"mib", int64_t{1} << 20},
                                                 {"mb", 1'000'000},
                                                 {"kib", int64_t{1} << 10},
                                                 {"kb", 1'000},
                                                 {"t", int64_t{1} << 40},
                                                 {"g", int64_t{1} << 30},
                                                 {"m", int64_t{1} << 20},
                                                 {"k", int64_t{1} << 10},
                                                 {"b", 1},
                                                 {"", 1}});
constexpr auto kByteUnitsWritten = std::to_array<Unit>({{"TiB", int64_t{1} << 40},
                                                        {"GiB", int64_t{1} << 30},
                                                        {"MiB", int64_t{1} << 20},
                                                        {"GB", 1'000'000'000},
                                                        {"MB", 1'000'000},
                                                        {"KiB", int64_t{1} << 10},
                                                        {"KB", 1'000}});

constexpr auto kCountUnits =
    std::to_array<Unit>({{"", 1}, {"k", 1'000}, {"m", 1'000'000}, {"g", 1'000'000'000}});

constexpr auto kPeriods = std::to_array<Unit>({{"s", 1},
                                               {"sec", 1},
                                               {"second", 1},
                                               {"m", 60},
                                               {"min", 60},
                                               {"minute", 60},
                                               {"h", 3600},
                                               {"hour", 3600}});

// One number with one unit of the list, nothing after it. There is no half of a line or a byte:
// rounded to 0, it would mean "no limit" where the smallest was meant.
std::optional<int64_t> parse_amount(std::string_view text, std::span<const Unit> units) {
  const std::optional<Decimal> number = take_decimal(text);
  if (!number) return std::nullopt;
  const std::optional<int64_t> factor = factor_of(trimmed(text), units);
  if (!factor || (*factor == 1 && number->fraction != 0)) return std::nullopt;
  return scaled(*number, *factor);
}

Parsed<uint16_t> parse_port(std::string_view text) {
  uint16_t port = 0;
  const auto [after, error] = std::from_chars(text.data(), text.data() + text.size(), port);
  if (text.empty() || error != std::errc() || after != text.data() + text.size())
    return Parsed<uint16_t>::bad("expected a port from 0 to 65535");
  return Parsed<uint16_t>::good(port);
}

std::string format_rate_amount(int64_t amount, RateUnit unit) {
  return unit == RateUnit::kBytes ? format_bytes(Bytes(amount)) : std::to_string(amount);
}

}  // namespace

std::string_view trimmed(std::string_view text) {
  constexpr std::string_view kBlanks = " \t\r\n";
  const size_t first = text.find_first_not_of(kBlanks);
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(kBlanks) - first + 1);
}

Parsed<Duration> parse_duration(std::string_view text) {
  const auto bad = [](std::string_view why = "") {
    return Parsed<Duration>::bad("expected a duration like 500ms, 2s or 1m30s" + std::string(why));
  };
  std::string_view rest = trimmed(text);
  if (rest == "0") return Parsed<Duration>::good(Duration(0));
  if (rest.empty()) return bad();
  int64_t total = 0;
  while (!rest.empty()) {
    const std::optional<Decimal> number = take_decimal(rest);
    if (!number) return bad();
    if (rest.empty()) return bad("; a unit is missing: ns, us, ms, s, m, h or d");
    const std::optional<int64_t> factor = factor_of(take_word(rest), kDurationUnits);
    if (!factor) return bad("; the units are ns, us, ms, s, m, h and d");
    const std::optional<int64_t> part = scaled(*number, *factor);
    if (!part || __builtin_add_overflow(total, *part, &total))
      return bad("; it may be at most 292 years");
  }
  return Parsed<Duration>::good(Duration(total));
}

std::string format_duration(Duration duration) {
  if (duration.value == 0) return "0";
  std::string text;
  int64_t rest = duration.value;
  for (const Unit& unit : std::span(kDurationUnits).first(kDurationUnitsWritten)) {
    if (rest / unit.factor == 0) continue;
    text += std::to_string(rest / unit.factor).append(unit.name);
    rest %= unit.factor;
  }
  return text;
}

Parsed<Bytes> parse_bytes(std::string_view text) {
  const std::optional<int64_t> amount = parse_amount(trimmed(text), kByteUnits);
  if (!amount) return Parsed<Bytes>::bad("expected a size like 65536, 512KiB, 64MiB or 10MB");
  return Parsed<Bytes>::good(Bytes(*amount));
}

std::string format_bytes(Bytes bytes) {
  for (const Unit& unit : kByteUnitsWritten)
    if (bytes.value != 0 && bytes.value % unit.factor == 0)
      return std::to_string(bytes.value / unit.factor).append(unit.name);
  return std::to_string(bytes.value);
}

Parsed<int64_t> parse_count(std::string_view text) {
  const std::optional<int64_t> amount = parse_amount(trimmed(text), kCountUnits);
  if (!amount) return Parsed<int64_t>::bad("expected a number like 100 or 10k");
  return Parsed<int64_t>::good(*amount);
}

Parsed<RateLimit> parse_rate(std::string_view text, RateUnit unit) {
  const bool bytes = unit == RateUnit::kBytes;
  const std::string expected = bytes ? "expected a rate like 10MB/s, 10MB/s burst 20MB, or off"
                                     : "expected a rate like 1000/s, 1000/s burst 2000, or off";
  const std::span<const Unit> units = bytes ? std::span<const Unit>(kByteUnits) : kCountUnits;
  std::string_view rest = trimmed(text);
  if (rest == "off" || rest == "0") return Parsed<RateLimit>::good(RateLimit{});
  RateLimit rate;
  const size_t burst_at = rest.find(" burst ");
  if (burst_at != std::string_view::npos) {
    const std::optional<int64_t> burst = parse_amount(trimmed(rest.substr(burst_at + 7)), units);
    if (!burst || *burst <= 0) return Parsed<RateLimit>::bad(expected);
    rate.burst = *burst;
    rest = trimmed(rest.substr(0, burst_at));
  }
  const size_t slash = rest.find('/');
  const std::optional<int64_t> amount = parse_amount(trimmed(rest.substr(0, slash)), units);
  const std::optional<int64_t> period = slash == std::string_view::npos
                                            ? std::optional<int64_t>(1)
                                            : factor_of(trimmed(rest.substr(slash + 1)), kPeriods);
  if (!amount || !period) return Parsed<RateLimit>::bad(expected);
  if (*amount == 0) return Parsed<RateLimit>::good(RateLimit{});
  rate.per_second = *amount / *period;
  if (rate.per_second == 0)
    return Parsed<RateLimit>::bad("expected a rate of at least 1 per second, or off");
  if (rate.burst == 0) rate.burst = rate.per_second;
  return Parsed<RateLimit>::good(rate);
}

std::string format_rate(const RateLimit& rate, RateUnit unit) {
  if (!rate.on()) return "off";
  std::string text = format_rate_amount(rate.per_second, unit) + "/s";
  if (rate.burst != rate.per_second) text += " burst " + format_rate_amount(rate.burst, unit);
  return text;
}

Parsed<bool> parse_bool(std::string_view text) {
  const std::string word = lowered(trimmed(text));
  if (word == "true" || word == "yes" || word == "on" || word == "1")
    return Parsed<bool>::good(true);
  if (word == "false" || word == "no" || word == "off" || word == "0")
    return Parsed<bool>::good(false);
  return Parsed<bool>::bad("expected true or false");
}

Parsed<CompressionLevel> parse_level(std::string_view text) {
  using Mode = CompressionLevel::Mode;
  const std::string word = lowered(trimmed(text));
  if (word == "auto") return Parsed<CompressionLevel>::good({Mode::kAuto, 1});
  if (word == "fast") return Parsed<CompressionLevel>::good({Mode::kFast, 1});
  const Parsed<int64_t> number = parse_count(word);
  if (!number.ok() || *number.value < 1 || *number.value > 19)
    return Parsed<CompressionLevel>::bad("expected auto, fast or a level from 1 to 19");
  return Parsed<CompressionLevel>::good({Mode::kFixed, static_cast<int32_t>(*number.value)});
}

std::string format_level(const CompressionLevel& level) {
  using Mode = CompressionLevel::Mode;
  if (level.mode == Mode::kFixed) return std::to_string(level.fixed);
  return level.mode == Mode::kAuto ? "auto" : "fast";
}

Parsed<std::optional<ListenAddress>> parse_address(std::string_view text) {
  using Outcome = Parsed<std::optional<ListenAddress>>;
  const std::string_view all = trimmed(text);
  if (lowered(all) == "off" || lowered(all) == "false") return Outcome::good(std::nullopt);
  const size_t colon = all.rfind(':');
  std::string_view host = colon == std::string_view::npos ? "127.0.0.1" : all.substr(0, colon);
  const Parsed<uint16_t> port =
      parse_port(colon == std::string_view::npos ? all : all.substr(colon + 1));
  Outcome refused =
      Outcome::bad("expected an address like 127.0.0.1:9686, [::1]:9686 or :9686, or off");
  if (!port.ok()) return refused;
  if (host.empty()) host = "0.0.0.0";
  if (host.size() > 2 && host.front() == '[' && host.back() == ']')
    host = host.substr(1, host.size() - 2);
  else if (host.find_first_of(":[]") != std::string_view::npos)
    return refused;
  if (host.find_first_of(" /\t") != std::string_view::npos) return refused;
  return Outcome::good(ListenAddress{std::string(host), *port.value});
}

std::string format_address(const std::optional<ListenAddress>& address) {
  if (!address) return "off";
  const bool six = address->host.find(':') != std::string::npos;
  return (six ? "[" + address->host + "]" : address->host) + ":" + std::to_string(address->port);
}

}  // namespace sluice
