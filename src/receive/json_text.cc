// SPDX-License-Identifier: Apache-2.0
#include "receive/json_text.h"

#include <cstdint>
#include <cstdio>

namespace sluice {
namespace {

// Length of the valid UTF-8 sequence at the front, or 0.
size_t utf8_length(std::string_view s) {
  const auto byte = [&](size_t i) { return static_cast<uint8_t>(s[i]); };
  const auto follows = [&](size_t i) { return i < s.size() && (byte(i) & 0xc0) == 0x80; };
  const uint8_t first = byte(0);
  if (first < 0x80) return 1;
  if (first >= 0xc2 && first <= 0xdf) return follows(1) ? 2 : 0;
  if (first >= 0xe0 && first <= 0xef) {
    if (!follows(1) || !follows(2)) return 0;
    if (first == 0xe0 && byte(1) < 0xa0) return 0;
    return first == 0xed && byte(1) > 0x9f ? 0 : 3;
  }
  if (first >= 0xf0 && first <= 0xf4) {
    if (!follows(1) || !follows(2) || !follows(3)) return 0;
    if (first == 0xf0 && byte(1) < 0x90) return 0;
    return first == 0xf4 && byte(1) > 0x8f ? 0 : 4;
  }
  return 0;
}

}  // namespace

void append_json_string(std::string_view bytes, std::string* text) {
  text->push_back('"');
  while (!bytes.empty()) {
    const size_t length = utf8_length(bytes);
    const char c = bytes.front();
    if (length == 0) {
      text->append("\xef\xbf\xbd");
    } else if (c == '"' || c == '\\') {
      text->push_back('\\');
      text->push_back(c);
    } else if (static_cast<uint8_t>(c) < 0x20) {
      char escape[8];
      std::snprintf(escape, sizeof escape, "\\u%04x", static_cast<unsigned>(c));
      text->append(escape);
    } else {
      text->append(bytes.substr(0, length));
    }
    bytes.remove_prefix(length == 0 ? 1 : length);
  }
  text->push_back('"');
}

std::string json_string(std::string_view bytes) {
  std::string text;
  append_json_string(bytes, &text);
  return text;
}

}  // namespace sluice
