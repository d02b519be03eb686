// SPDX-License-Identifier: Apache-2.0
#include "receive/record_reader.h"

#include <fmt/format.h>

#include <cstring>

#include "sluice/check.h"

namespace sluice {
namespace {

bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

// Reads `count` digits at `at` as a number in [first, last].
bool has_number(std::string_view text, size_t at, size_t count, int first, int last) {
  int value = 0;
  for (size_t i = at; i < at + count; ++i) {
    if (!is_digit(text[i])) return false;
    value = value * 10 + (text[i] - '0');
  }
  return value >= first && value <= last;
}

struct Field {
  std::string_view name;
  std::string_view Record::*member;
};
constexpr Field kFields[] = {{"timestamp", &Record::timestamp},
                             {"host", &Record::host},
                             {"path", &Record::path},
                             {"line", &Record::line}};

// Empty, or what is wrong with this object.
std::string read_record(simdjson::dom::element element, Record* record) {
  simdjson::dom::object object;
  if (element.get(object) != simdjson::SUCCESS) return "is not an object";
  *record = Record{};
  for (const auto pair : object) {
    for (const Field& field : kFields) {
      if (pair.key != field.name) continue;
      if (pair.value.get(record->*field.member) != simdjson::SUCCESS) {
        return fmt::format("has a \"{}\" that is not a string", field.name);
      }
    }
  }
  for (const Field& field : kFields) {
    if ((record->*field.member).data() == nullptr) {
      return fmt::format("has no \"{}\"", field.name);
    }
  }
  if (!is_rfc3339(record->timestamp)) {
    return fmt::format("has a \"timestamp\" that is not RFC 3339: \"{}\"",
                       record->timestamp.substr(0, 40));
  }
  return {};
}

}  // namespace

BodyFormat body_format(std::string_view content_type, std::string_view body) {
  const std::string_view type = content_type.substr(0, content_type.find(';'));
  if (type == "application/json") return BodyFormat::kJsonArray;
  if (type == "application/x-ndjson" || type == "application/ndjson" ||
      type == "application/stream+json" || type == "application/jsonl") {
    return BodyFormat::kNdjson;
  }
  const size_t first = body.find_first_not_of(" \t\r\n");
  return first != std::string_view::npos && body[first] == '{' ? BodyFormat::kNdjson
                                                               : BodyFormat::kJsonArray;
}

bool is_rfc3339(std::string_view text) {
  if (text.size() < 20 || text[4] != '-' || text[7] != '-' || (text[10] | 0x20) != 't' ||
      text[13] != ':' || text[16] != ':') {
    return false;
  }
  if (!has_number(text, 0, 4, 0, 9999) || !has_number(text, 5, 2, 1, 12) ||
      !has_number(text, 8, 2, 1, 31) || !has_number(text, 11, 2, 0, 23) ||
      !has_number(text, 14, 2, 0, 59) || !has_number(text, 17, 2, 0, 60)) {
    return false;
  }
  size_t at = 19;
  if (text[at] == '.') {
    const size_t fraction = ++at;
    while (at < text.size() && is_digit(text[at])) ++at;
    if (at == fraction) return false;
  }
  const std::string_view zone = text.substr(at);
  if (zone == "Z" || zone == "z") return true;
  return zone.size() == 6 && (zone[0] == '+' || zone[0] == '-') && zone[3] == ':' &&
         has_number(zone, 1, 2, 0, 23) && has_number(zone, 4, 2, 0, 59);
}

std::string RecordReader::read(std::string_view body, BodyFormat format) {
  records_.clear();
  std::string reason = format == BodyFormat::kJsonArray ? read_array(body) : read_ndjson(body);
  if (!reason.empty()) records_.clear();
  return reason;
}

std::string RecordReader::read_array(std::string_view body) {
  simdjson::dom::element document;
  // REQUIRES of the parser: SIMDJSON_PADDING readable bytes behind the body; no copy is made.
  if (const auto error = parser_.parse(body.data(), body.size(), false).get(document);
      error != simdjson::SUCCESS) {
    return fmt::format("the body is not valid JSON: {}", simdjson::error_message(error));
  }
  simdjson::dom::array array;
  if (document.get(array) != simdjson::SUCCESS) {
    return "the body is not a JSON array; send [{\"timestamp\",\"host\",\"path\",\"line\"}, ...], "
           "or "
           "one object per line with Content-Type: application/x-ndjson";
  }
  for (const simdjson::dom::element element : array) {
    Record record;
    if (const std::string wrong = read_record(element, &record); !wrong.empty()) {
      return fmt::format("element {} {}", records_.size(), wrong);
    }
    records_.push_back(record);
  }
  return {};
}

std::string RecordReader::read_ndjson(std::string_view body) {
  // Unescaped text is never longer than its source, so the views into `kept_` stay valid.
  if (kept_capacity_ < body.size()) {
    kept_ = std::make_unique_for_overwrite<char[]>(body.size());
    kept_capacity_ = body.size();
  }
  kept_bytes_ = 0;
  for (size_t number = 1; !body.empty(); ++number) {
    const size_t end = std::min(body.find('\n'), body.size());
    const std::string_view line = body.substr(0, end);
    body.remove_prefix(std::min(end + 1, body.size()));
    if (line.find_first_not_of(" \t\r") == std::string_view::npos) continue;
    simdjson::dom::element element;
    if (const auto error = parser_.parse(line.data(), line.size(), false).get(element);
        error != simdjson::SUCCESS) {
      return fmt::format("line {} is not valid JSON: {}", number, simdjson::error_message(error));
    }
    Record record;
    if (const std::string wrong = read_record(element, &record); !wrong.empty()) {
      return fmt::format("line {} {}", number, wrong);
    }
    keep_text(&record);
    records_.push_back(record);
  }
  return {};
}

void RecordReader::keep_text(Record* record) {
  for (const Field& field : kFields) {
    std::string_view& view = record->*field.member;
    SLUICE_CHECK(kept_bytes_ + view.size() <= kept_capacity_, "unescaping does not lengthen");
    if (!view.empty()) std::memcpy(kept_.get() + kept_bytes_, view.data(), view.size());
    view = std::string_view(kept_.get() + kept_bytes_, view.size());
    kept_bytes_ += view.size();
  }
}

}  // namespace sluice
