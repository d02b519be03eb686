// SPDX-License-Identifier: Apache-2.0
#include "body_reader.h"

namespace sluice::sim {

bool BodyReader::read(std::string_view body, bool ndjson) {
  body_ = body;
  at_ = 0;
  records_.clear();
  if (ndjson) {
    while (at_ < body_.size()) {
      if (!object() || !take('\n')) return false;
    }
    return !records_.empty();
  }
  if (!take('[')) return false;
  do {
    if (!object()) return false;
  } while (take(','));
  return take(']') && at_ == body_.size();
}

bool BodyReader::object() {
  if (!take('{')) return false;
  BodyRecord& record = records_.emplace_back();
  do {
    if (!member(record)) return false;
  } while (take(','));
  return take('}');
}

bool BodyReader::member(BodyRecord& record) {
  std::string key;
  if (!string(key) || !take(':')) return false;
  if (key == "timestamp") return string(record.timestamp);
  if (key == "host") return string(record.host);
  if (key == "path") return string(record.path);
  if (key == "line") return string(record.line);
  if (key == "offset") return number(record.offset);
  if (key == "partial") return record.partial = literal("true");
  return false;
}

bool BodyReader::string(std::string& text) {
  if (!take('"')) return false;
  while (at_ < body_.size()) {
    const char c = body_[at_++];
    if (c == '"') return true;
    if (static_cast<uint8_t>(c) < 0x20) return false;
    if (c != '\\') {
      text.push_back(c);
    } else if (!escape(text)) {
      return false;
    }
  }
  return false;
}

bool BodyReader::escape(std::string& text) {
  if (at_ >= body_.size()) return false;
  const char c = body_[at_++];
  constexpr std::string_view kFrom = "\"\\/bfnrt";
  constexpr std::string_view kTo = "\"\\/\b\f\n\r\t";
  if (const size_t known = kFrom.find(c); known != kFrom.npos) {
    text.push_back(kTo[known]);
    return true;
  }
  if (c != 'u' || at_ + 4 > body_.size()) return false;
  uint32_t code = 0;
  for (int i = 0; i < 4; ++i) {
    constexpr std::string_view kHex = "0123456789abcdef";
    const char digit = static_cast<char>(body_[at_++] | 0x20);
    const size_t value = kHex.find(digit);
    if (value == kHex.npos) return false;
    code = code * 16 + static_cast<uint32_t>(value);
  }
  if (code >= 0x80) return false;  // we write those as they are
  text.push_back(static_cast<char>(code));
  return true;
}

bool BodyReader::number(int64_t& value) {
  const size_t begin = at_;
  value = 0;
  while (at_ < body_.size() && body_[at_] >= '0' && body_[at_] <= '9')
    value = value * 10 + (body_[at_++] - '0');
  return at_ > begin && at_ - begin < 19;
}

bool BodyReader::literal(std::string_view word) {
  if (body_.substr(at_, word.size()) != word) return false;
  at_ += word.size();
  return true;
}

bool BodyReader::take(char c) {
  if (at_ >= body_.size() || body_[at_] != c) return false;
  ++at_;
  return true;
}

}  // namespace sluice::sim
