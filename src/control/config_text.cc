// SPDX-License-Identifier: Apache-2.0
#include "control/config_text.h"

#include <algorithm>
#include <array>
#include <cstdint>

#include "control/nearest.h"

namespace sluice {
namespace {

constexpr size_t kNameBytesMax = 64;
constexpr size_t kLabelNameBytesMax = 128;
constexpr size_t kLabelBytesMax = 4096;
constexpr size_t kHeaderBytesMax = 8192;
constexpr size_t kPathBytesMax = 4095;
constexpr size_t kExcerptBytesMax = 60;

bool is_control(char letter) {
  return static_cast<uint8_t>(letter) < 0x20 || letter == 0x7f;
}

bool has_control(std::string_view text) {
  return std::any_of(text.begin(), text.end(), is_control);
}

bool is_word_letter(char letter) {
  return (letter >= 'a' && letter <= 'z') || (letter >= 'A' && letter <= 'Z') ||
         (letter >= '0' && letter <= '9');
}

// Bytes of the UTF-8 sequence that the text begins with, 0 when it is damaged.
size_t sequence_length(std::string_view text) {
  const auto byte = [text](size_t i) { return static_cast<uint8_t>(text[i]); };
  const uint8_t lead = byte(0);
  if (lead < 0x80) return 1;
  const size_t length = lead >= 0xF0 ? 4 : lead >= 0xE0 ? 3 : 2;
  if (lead < 0xC2 || lead > 0xF4 || text.size() < length) return 0;
  for (size_t i = 1; i < length; ++i)
    if ((byte(i) & 0xC0) != 0x80) return 0;
  const bool overlong = (lead == 0xE0 && byte(1) < 0xA0) || (lead == 0xF0 && byte(1) < 0x90);
  const bool outside = (lead == 0xED && byte(1) > 0x9F) || (lead == 0xF4 && byte(1) > 0x8F);
  return overlong || outside ? 0 : length;
}

template <size_t N>
bool is_one_of(std::string_view word, const std::array<std::string_view, N>& words) {
  return std::any_of(words.begin(), words.end(), [word](std::string_view known) {
    return known.size() == word.size() && edit_distance(known, word) == 0;
  });
}

}  // namespace

bool is_utf8(std::string_view text) {
  while (!text.empty()) {
    const size_t length = sequence_length(text);
    if (length == 0) return false;
    text.remove_prefix(length);
  }
  return true;
}

std::string name_problem(std::string_view text) {
  const bool good =
      !text.empty() && text.size() <= kNameBytesMax &&
      std::all_of(text.begin(), text.end(), [](char letter) {
        return is_word_letter(letter) || letter == '.' || letter == '_' || letter == '-';
      });
  return good ? "" : "expected a name of letters, digits and . _ - (at most 64)";
}

std::string path_problem(std::string_view text) {
  if (text.empty()) return "expected a path, found nothing";
  if (text.size() > kPathBytesMax) return "a path may have at most 4095 bytes";
  if (text.find('\0') != std::string_view::npos) return "a path has no zero bytes";
  return {};
}

std::string text_problem(std::string_view text) {
  if (text.empty()) return "expected a text, found nothing";
  if (text.size() > kLabelBytesMax) return "a text may have at most 4096 bytes";
  if (has_control(text) || !is_utf8(text)) return "expected UTF-8 without control characters";
  return {};
}

std::string label_problem(std::string_view name, std::string_view value) {
  constexpr std::array<std::string_view, 6> kFields = {"timestamp", "host",   "path",
                                                       "line",      "offset", "id"};
  if (name.empty() || name.size() > kLabelNameBytesMax || has_control(name) || !is_utf8(name))
    return "expected a label's name of at most 128 bytes of UTF-8 without control characters";
  if (std::find(kFields.begin(), kFields.end(), name) != kFields.end())
    return "every record has a field of that name already; choose another";
  if (value.size() > kLabelBytesMax) return "a label's value may have at most 4096 bytes";
  if (!is_utf8(value)) return "a label's value must be UTF-8";
  return {};
}

std::string header_problem(std::string_view name, std::string_view value) {
  constexpr std::array<std::string_view, 6> kOwned = {"Content-Length",  "Content-Encoding",
                                                      "Connection",      "Transfer-Encoding",
                                                      "Idempotency-Key", "Expect"};
  constexpr std::string_view kTokenLetters = "!#$%&'*+-.^_`|~";
  const bool token =
      !name.empty() && name.size() <= kLabelNameBytesMax &&
      std::all_of(name.begin(), name.end(), [&](char letter) {
        return is_word_letter(letter) || kTokenLetters.find(letter) != std::string_view::npos;
      });
  if (!token) return "expected a header's name";
  if (is_one_of(name, kOwned)) return "sluice sets this header itself";
  if (value.size() > kHeaderBytesMax) return "a header's value may have at most 8192 bytes";
  const bool split = std::any_of(value.begin(), value.end(),
                                 [](char letter) { return letter != '\t' && is_control(letter); });
  if (split) return "a header's value may not hold line breaks or control characters";
  return {};
}

std::string excerpt(std::string_view text) {
  std::string shown;
  while (!text.empty()) {
    const size_t length = std::max<size_t>(1, sequence_length(text));
    if (shown.size() + length > kExcerptBytesMax) return shown + "...";
    const bool plain = sequence_length(text) != 0 && !is_control(text.front());
    shown.append(plain ? text.substr(0, length) : "?");
    text.remove_prefix(length);
  }
  return shown;
}

std::string yaml_scalar(std::string_view text) {
  constexpr std::array<std::string_view, 2> kNulls = {"null", "~"};
  const bool plain = !text.empty() && !is_one_of(text, kNulls) &&
                     (is_word_letter(text.front()) || text.front() == '/') &&
                     std::all_of(text.begin(), text.end(), [](char letter) {
                       return is_word_letter(letter) ||
                              std::string_view("/._-").find(letter) != std::string_view::npos;
                     });
  if (plain) return std::string(text);
  constexpr std::string_view kHex = "0123456789abcdef";
  std::string quoted = "\"";
  for (size_t i = 0; i < text.size(); ++i) {
    const char letter = text[i];
    if (letter == '"' || letter == '\\') {
      quoted.append({'\\', letter});
    } else if (is_control(letter)) {
      const auto byte = static_cast<uint8_t>(letter);
      quoted.append({'\\', 'x', kHex[byte >> 4], kHex[byte & 15]});
    } else if (letter == '$' && i + 1 < text.size() && text[i + 1] == '{') {
      quoted += "$$";  // reads back as text, not as a reference
    } else {
      quoted += letter;
    }
  }
  return quoted + "\"";
}

}  // namespace sluice
