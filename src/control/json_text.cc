// SPDX-License-Identifier: Apache-2.0
#include "control/json_text.h"

#include <array>
#include <cstddef>
#include <cstdint>

namespace sluice {

namespace {

constexpr std::string_view kReplacement = "\xef\xbf\xbd";
constexpr std::string_view kHex = "0123456789abcdef";

uint8_t byte_at(std::string_view bytes, size_t at) {
  return at < bytes.size() ? static_cast<uint8_t>(bytes[at]) : 0;
}

// The length of the character that `bytes` starts with; 0 if it is not UTF-8 (RFC 3629: no
// overlong forms, no surrogates, nothing above U+10FFFF).
size_t character_length(std::string_view bytes) {
  const uint8_t first = byte_at(bytes, 0);
  if (first < 0x80) return 1;
  if (first < 0xc2 || first > 0xf4) return 0;
  const size_t length = first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4;
  const uint8_t low = first == 0xe0 ? 0xa0 : first == 0xf0 ? 0x90 : 0x80;
  const uint8_t high = first == 0xed ? 0x9f : first == 0xf4 ? 0x8f : 0xbf;
  if (byte_at(bytes, 1) < low || byte_at(bytes, 1) > high) return 0;
  for (size_t i = 2; i < length; ++i) {
    if ((byte_at(bytes, i) & 0xc0) != 0x80) return 0;
  }
  return length;
}

void append_hex_byte(std::string& out, uint8_t byte) {
  out += kHex[byte >> 4];
  out += kHex[byte & 15];
}

// `\n` and its like where both JSON and people know them; false for all other bytes.
bool append_short_escape(std::string& out, uint8_t byte) {
  switch (byte) {
    case '\\':
      out += "\\\\";
      return true;
    case '\n':
      out += "\\n";
      return true;
    case '\r':
      out += "\\r";
      return true;
    case '\t':
      out += "\\t";
      return true;
    default:
      return false;
  }
}

void append_json_ascii(std::string& out, uint8_t byte) {
  if (byte == '"') {
    out += "\\\"";
  } else if (append_short_escape(out, byte)) {
    return;
  } else if (byte < 0x20 || byte == 0x7f) {
    out += "\\u00";
    append_hex_byte(out, byte);
  } else {
    out += static_cast<char>(byte);
  }
}

// U+0080 to U+009F: terminals obey some of them like escape sequences.
bool is_c1_control(std::string_view character) {
  return character.size() == 2 && byte_at(character, 0) == 0xc2 && byte_at(character, 1) < 0xa0;
}

void append_escaped_bytes(std::string& out, std::string_view bytes) {
  for (const char byte : bytes) {
    out += "\\x";
    append_hex_byte(out, static_cast<uint8_t>(byte));
  }
}

}  // namespace

void append_json_string(std::string& out, std::string_view bytes) {
  out += '"';
  while (!bytes.empty()) {
    const size_t length = character_length(bytes);
    if (length == 1) {
      append_json_ascii(out, byte_at(bytes, 0));
    } else {
      out += length == 0 ? kReplacement : bytes.substr(0, length);
    }
    bytes.remove_prefix(length == 0 ? 1 : length);
  }
  out += '"';
}

void append_utf8(std::string& out, std::string_view bytes) {
  while (!bytes.empty()) {
    const size_t length = character_length(bytes);
    out += length == 0 ? kReplacement : bytes.substr(0, length);
    bytes.remove_prefix(length == 0 ? 1 : length);
  }
}

void append_terminal_safe(std::string& out, std::string_view bytes) {
  while (!bytes.empty()) {
    const size_t length = character_length(bytes);
    const std::string_view character = bytes.substr(0, length == 0 ? 1 : length);
    const uint8_t first = byte_at(character, 0);
    if (length == 1 && append_short_escape(out, first)) {
      // done
    } else if (length == 0 || is_c1_control(character) ||
               (length == 1 && (first < 0x20 || first == 0x7f))) {
      append_escaped_bytes(out, character);
    } else {
      out += character;
    }
    bytes.remove_prefix(character.size());
  }
}

}  // namespace sluice
