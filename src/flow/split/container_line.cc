// SPDX-License-Identifier: Apache-2.0
#include "flow/split/container_line.h"

#include <algorithm>
#include <cstring>

#include "sluice/check.h"
#include "sluice/text_record.h"

namespace sluice {
namespace {

using Bytes8 = std::span<const uint8_t>;
using Stream = ContainerLine::Stream;

std::string_view as_view(Bytes8 bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

// Digits and the letters of RFC 3339: what may stand in a JSON string as it is.
bool is_time(std::string_view text) {
  constexpr size_t kShortest = 20;  // 2026-01-01T00:00:00Z
  constexpr size_t kLongest = 40;
  if (text.size() < kShortest || text.size() > kLongest) return false;
  return std::all_of(text.begin(), text.end(), [](char c) {
    return (c >= '0' && c <= '9') || c == '-' || c == ':' || c == '.' || c == '+' || c == 'T' ||
           c == 'Z';
  });
}

Stream stream_named(std::string_view name) {
  if (name == "stdout") return Stream::kOut;
  return name == "stderr" ? Stream::kErr : Stream::kNone;
}

// The bytes before the next blank, and moves behind it. Nothing if there is none.
std::string_view word(std::string_view& rest) {
  const size_t end = rest.find(' ');
  if (end == std::string_view::npos) return {};
  const std::string_view found = rest.substr(0, end);
  rest.remove_prefix(end + 1);
  return found;
}

ContainerLine read_cri(std::string_view line) {
  ContainerLine out;
  std::string_view rest = line;
  out.time = word(rest);
  out.stream = stream_named(word(rest));
  // An empty text may have lost the blank before it.
  const size_t end = std::min(rest.find(' '), rest.size());
  const std::string_view tags = rest.substr(0, end);
  rest.remove_prefix(std::min(end + 1, rest.size()));
  const std::string_view tag = tags.substr(0, tags.find(':'));
  if (!is_time(out.time) || out.stream == Stream::kNone || (tag != "P" && tag != "F")) return {};
  out.ok = true;
  out.goes_on = tag == "P";
  out.text = {reinterpret_cast<const uint8_t*>(rest.data()), rest.size()};
  return out;
}

// A reader of JSON that knows where things end and forgives nothing that the encoder would repeat.
class JsonLine {
 public:
  explicit JsonLine(std::string_view text) : text_(text) {}

  bool at_end() {
    skip_blanks();
    return at_ == text_.size();
  }
  bool take(char wanted) {
    skip_blanks();
    if (at_ == text_.size() || text_[at_] != wanted) return false;
    ++at_;
    return true;
  }
  // The inside of a string whose escapes are well formed.
  bool string(std::string_view& inside) {
    if (!take('"')) return false;
    const size_t begin = at_;
    while (at_ < text_.size()) {
      const size_t next = text_.find_first_of("\"\\", at_);
      if (next == std::string_view::npos) return false;
      at_ = next + 1;
      if (text_[next] == '"') {
        inside = text_.substr(begin, next - begin);
        return true;
      }
      if (!escape()) return false;
    }
    return false;
  }
  // Any value; only its nesting and its strings are looked at.
  bool value() {
    skip_blanks();
    if (at_ == text_.size()) return false;
    std::string_view inside;
    if (text_[at_] == '"') return string(inside);
    if (text_[at_] == '{' || text_[at_] == '[') return nested();
    const size_t begin = at_;
    while (at_ < text_.size() && is_bare(text_[at_])) ++at_;
    return at_ > begin;
  }

 private:
  static bool is_bare(char c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || c == '-' || c == '+' || c == '.' ||
           c == 'E';
  }
  static bool is_hex(char c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
  }
  void skip_blanks() {
    while (at_ < text_.size() && (text_[at_] == ' ' || text_[at_] == '\t' || text_[at_] == '\r'))
      ++at_;
  }
  // What follows a backslash.
  bool escape() {
    if (at_ == text_.size()) return false;
    const char letter = text_[at_++];
    if (letter != 'u') return std::strchr("\"\\/bfnrt", letter) != nullptr && letter != '\0';
    if (text_.size() - at_ < 4) return false;
    for (int i = 0; i < 4; ++i) {
      if (!is_hex(text_[at_++])) return false;
    }
    return true;
  }
  bool nested() {
    constexpr int kDeepest = 16;
    int depth = 0;
    std::string_view inside;
    do {
      skip_blanks();
      if (at_ == text_.size()) return false;
      const char c = text_[at_];
      if (c == '"') {
        if (!string(inside)) return false;
        continue;
      }
      ++at_;
      if (c == '{' || c == '[') ++depth;
      if (c == '}' || c == ']') --depth;
      if (depth > kDeepest) return false;
    } while (depth > 0);
    return true;
  }

  const std::string_view text_;
  size_t at_ = 0;
};

// Whether the inside of a string ends with the escape of a newline, not with an escaped backslash
// and the letter n.
bool ends_with_newline(std::string_view inside) {
  if (!inside.ends_with("\\n")) return false;
  size_t backslashes = 0;
  while (backslashes + 1 < inside.size() && inside[inside.size() - 2 - backslashes] == '\\')
    ++backslashes;
  return backslashes % 2 == 1;
}

ContainerLine read_docker(std::string_view line) {
  JsonLine json(line);
  ContainerLine out;
  bool has_text = false;
  if (!json.take('{')) return {};
  do {
    std::string_view key;
    if (!json.string(key) || !json.take(':')) return {};
    std::string_view inside;
    const bool known = key == "log" || key == "stream" || key == "time";
    if (!(known ? json.string(inside) : json.value())) return {};
    if (key == "log") {
      has_text = true;
      out.goes_on = !ends_with_newline(inside);
      out.text = {reinterpret_cast<const uint8_t*>(inside.data()), inside.size()};
    } else if (key == "stream") {
      out.stream = stream_named(inside);
    } else if (key == "time") {
      out.time = inside;
    }
  } while (json.take(','));
  const bool whole = json.take('}') && json.at_end();
  if (!whole || !has_text || out.stream == Stream::kNone || !is_time(out.time)) return {};
  out.ok = true;
  return out;
}

}  // namespace

ContainerLine read_container_line(LineFormat format, std::span<const uint8_t> line) {
  SLUICE_CHECK(format != LineFormat::kText, "plain text has no parts");
  std::string_view text = as_view(line);
  if (text.ends_with('\n')) text.remove_suffix(1);
  return format == LineFormat::kCri ? read_cri(text) : read_docker(text);
}

std::string_view name_of(ContainerLine::Stream stream) {
  if (stream == Stream::kNone) return {};
  return stream == Stream::kOut ? "stdout" : "stderr";
}

bool ContainerGroup::add(const ContainerLine& line) {
  const auto bit = static_cast<uint8_t>(1U << static_cast<unsigned>(line.stream));
  if (line.ok && line.goes_on) {
    open_ |= bit;
    return false;
  }
  open_ = static_cast<uint8_t>(open_ & ~bit);
  ++closed_;
  // Each stream that is still open will give one more.
  return open_ == 0 || closed_ + 2 >= kRecordsPerLineMax;
}

}  // namespace sluice
