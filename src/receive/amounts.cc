// SPDX-License-Identifier: Apache-2.0
#include "receive/amounts.h"

#include <charconv>
#include <string>

namespace sluice {
namespace {

struct Unit {
  std::string_view name;
  double factor;
};

constexpr Unit kByteUnits[] = {
    {"", 1},
    {"b", 1},
    {"k", 1024},
    {"kb", 1e3},
    {"kib", 1024},
    {"m", 1024. * 1024},
    {"mb", 1e6},
    {"mib", 1024. * 1024},
    {"g", 1024. * 1024 * 1024},
    {"gb", 1e9},
    {"gib", 1024. * 1024 * 1024},
    {"tb", 1e12},
    {"tib", 1024. * 1024 * 1024 * 1024},
};
constexpr Unit kDurationUnits[] = {{"ns", 1},   {"us", 1e3},   {"ms", 1e6},  {"s", 1e9},
                                   {"m", 60e9}, {"min", 60e9}, {"h", 3600e9}};

template <size_t kCount>
std::optional<double> read_with_unit(std::string_view text, const Unit (&units)[kCount]) {
  double number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || number < 0) return std::nullopt;
  std::string name(end, text.data() + text.size());
  while (!name.empty() && name.front() == ' ') name.erase(name.begin());
  for (char& c : name) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c;
  for (const Unit& unit : units) {
    if (name == unit.name && number * unit.factor < 0x1p62) return number * unit.factor;
  }
  return std::nullopt;
}

}  // namespace

std::optional<Bytes> read_bytes_text(std::string_view text) {
  const auto amount = read_with_unit(text, kByteUnits);
  if (!amount) return std::nullopt;
  return Bytes(static_cast<int64_t>(*amount));
}

std::optional<Duration> read_duration_text(std::string_view text) {
  const auto amount = read_with_unit(text, kDurationUnits);
  if (!amount) return std::nullopt;
  return Duration(static_cast<int64_t>(*amount));
}

std::optional<WriteRate> read_write_rate_text(std::string_view text) {
  if (!text.ends_with("/s")) return std::nullopt;
  text.remove_suffix(2);
  WriteRate rate;
  if (text.ends_with("lines")) {
    text.remove_suffix(5);
    const auto [end, error] =
        std::from_chars(text.data(), text.data() + text.size(), rate.per_second);
    if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
    rate.unit = WriteRate::Unit::kLines;
  } else {
    const auto amount = read_with_unit(text, kByteUnits);
    if (!amount) return std::nullopt;
    rate.per_second = *amount;
  }
  if (!(rate.per_second > 0)) return std::nullopt;
  return rate;
}

}  // namespace sluice
