// SPDX-License-Identifier: Apache-2.0
#include "platform/dead_letter_text.h"

#include <array>
#include <cstdio>
#include <ctime>

#include "platform/destination_file.h"

namespace sluice {
namespace {

constexpr std::string_view kEnding = ".ndjson";

// How many bytes of well-formed UTF-8 begin here; 0: none.
size_t utf8_length(std::string_view text) {
  const auto byte = [&](size_t i) { return static_cast<uint8_t>(text[i]); };
  const uint8_t first = byte(0);
  if (first < 0x80) return 1;
  const size_t length = first >= 0xF0 ? 4 : first >= 0xE0 ? 3 : 2;
  if (first < 0xC2 || first > 0xF4 || text.size() < length) return 0;
  for (size_t i = 1; i < length; ++i) {
    if ((byte(i) & 0xC0) != 0x80) return 0;
  }
  const uint8_t second = byte(1);
  const bool overlong = (first == 0xE0 && second < 0xA0) || (first == 0xF0 && second < 0x90);
  const bool surrogate = first == 0xED && second > 0x9F;
  const bool too_high = first == 0xF4 && second > 0x8F;
  return overlong || surrogate || too_high ? 0 : length;
}

void append_text(std::string& out, std::string_view text) {
  out.push_back('"');
  while (!text.empty()) {
    const size_t length = utf8_length(text);
    const char c = text.front();
    if (length == 0) {
      out.append("\xEF\xBF\xBD");
    } else if (c == '"' || c == '\\') {
      out.push_back('\\');
      out.push_back(c);
    } else if (static_cast<uint8_t>(c) < 0x20) {
      std::array<char, 8> escape{};
      std::snprintf(escape.data(), escape.size(), "\\u%04x", static_cast<unsigned>(c));
      out.append(escape.data());
    } else {
      out.append(text.substr(0, length));
    }
    text.remove_prefix(length == 0 ? 1 : length);
  }
  out.push_back('"');
}

void append_hex(std::string& out, const Digest128& digest) {
  std::array<char, 40> hex{};
  std::snprintf(hex.data(), hex.size(), "\"%016llx%016llx\"",
                static_cast<unsigned long long>(digest.high),
                static_cast<unsigned long long>(digest.low));
  out.append(hex.data());
}

void append_time(std::string& out, WallTime now) {
  const auto seconds = static_cast<time_t>(now.value / 1'000'000'000);
  tm parts{};
  gmtime_r(&seconds, &parts);
  std::array<char, 40> text{};
  const size_t size = std::strftime(text.data(), text.size(), "\"%Y-%m-%dT%H:%M:%S", &parts);
  out.append(text.data(), size);
  std::snprintf(text.data(), text.size(), ".%03dZ\"",
                static_cast<int>(now.value % 1'000'000'000 / 1'000'000));
  out.append(text.data());
}

}  // namespace

std::string dead_letter_line(const DeadLetter& letter, WallTime now) {
  std::string line = "{\"time\":";
  append_time(line, now);
  line.append(",\"destination\":");
  append_text(line, letter.destination);
  line.append(",\"reason\":");
  append_text(line, letter.reason);
  line.append(",\"status\":").append(std::to_string(letter.status)).append(",\"answer\":");
  append_text(line, letter.answer);
  line.append(",\"path\":");
  append_text(line, letter.path);
  line.append(",\"offset\":").append(std::to_string(letter.span.begin.value));
  line.append(",\"bytes\":").append(std::to_string((letter.span.end - letter.span.begin).value));
  line.append(",\"id\":");
  append_hex(line, letter.id);
  line.append(",\"key\":");
  append_hex(line, letter.key);
  line.append(",\"record\":");
  std::string_view record = letter.record;
  while (record.ends_with('\n')) record.remove_suffix(1);
  const bool object = record.starts_with('{') && record.ends_with('}') &&
                      record.find('\n') == std::string_view::npos;
  if (object) {
    line.append(record);
  } else {
    append_text(line, record);
  }
  line.append("}\n");
  return line;
}

std::string dead_letter_file_name(std::string_view destination, uint32_t number) {
  return destination_file_name(destination, number, 6, kEnding);
}

uint32_t dead_letter_file_number(std::string_view file_name, std::string_view destination) {
  return destination_file_number(file_name, destination, kEnding);
}

}  // namespace sluice
