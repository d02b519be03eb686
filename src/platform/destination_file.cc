// SPDX-License-Identifier: Apache-2.0
#include "platform/destination_file.h"

#include <array>
#include <charconv>
#include <cstdio>

namespace sluice {
namespace {

bool is_plain(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
         c == '_';
}

uint32_t number_of(std::string_view digits, int base) {
  uint32_t number = 0;
  const char* const end = digits.data() + digits.size();
  const auto [stop, error] = std::from_chars(digits.data(), end, number, base);
  return !digits.empty() && error == std::errc() && stop == end ? number : 0;
}

}  // namespace

std::string destination_file_stem(std::string_view destination) {
  std::string stem;
  for (const char c : destination) {
    if (is_plain(c)) {
      stem.push_back(c);
      continue;
    }
    std::array<char, 8> escape{};
    std::snprintf(escape.data(), escape.size(), "%%%02X", static_cast<uint8_t>(c));
    stem.append(escape.data());
  }
  return stem + ".";
}

std::string destination_file_name(std::string_view destination, uint32_t number, int digits,
                                  std::string_view ending) {
  std::array<char, 16> text{};
  std::snprintf(text.data(), text.size(), "%0*u", digits, number);
  return destination_file_stem(destination) + text.data() + std::string(ending);
}

uint32_t destination_file_number(std::string_view file_name, std::string_view destination,
                                 std::string_view ending) {
  const std::string stem = destination_file_stem(destination);
  if (!file_name.starts_with(stem) || !file_name.ends_with(ending)) return 0;
  file_name.remove_prefix(stem.size());
  if (file_name.size() <= ending.size()) return 0;
  file_name.remove_suffix(ending.size());
  return number_of(file_name, 10);
}

std::optional<std::string> destination_of_file(std::string_view file_name,
                                               std::string_view ending) {
  const size_t point = file_name.find('.');
  if (point == std::string_view::npos) return std::nullopt;
  std::string name;
  for (size_t i = 0; i < point; ++i) {
    const bool escaped = file_name[i] == '%' && i + 2 < point;
    if (escaped) name.push_back(static_cast<char>(number_of(file_name.substr(i + 1, 2), 16)));
    if (!escaped) name.push_back(file_name[i]);
    if (escaped) i += 2;
  }
  if (destination_file_number(file_name, name, ending) == 0) return std::nullopt;
  return name;
}

}  // namespace sluice
