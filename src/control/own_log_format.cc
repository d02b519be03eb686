// SPDX-License-Identifier: Apache-2.0
#include "control/own_log_format.h"

#include <fmt/format.h>

#include <algorithm>
#include <ctime>
#include <iterator>

#include "control/json_text.h"
#include "control/own_log_repeats.h"

namespace sluice {

namespace {

constexpr size_t kMessageBytesMax = 2048;
constexpr size_t kValueBytesMax = 512;
constexpr size_t kFieldsMax = 16;

std::string_view name_of(Severity severity) {
  switch (severity) {
    case Severity::kDebug:
      return "debug";
    case Severity::kInfo:
      return "info";
    case Severity::kWarning:
      return "warning";
    case Severity::kError:
      return "error";
  }
  return "error";
}

std::string utc_text(WallTime at) {
  constexpr int64_t kNsPerSecond = 1'000'000'000;
  const int64_t ns = (at.value % kNsPerSecond + kNsPerSecond) % kNsPerSecond;
  const std::time_t seconds = (at.value - ns) / kNsPerSecond;
  std::tm utc{};
  ::gmtime_r(&seconds, &utc);
  return fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}.{:03}Z", utc.tm_year + 1900,
                     utc.tm_mon + 1, utc.tm_mday, utc.tm_hour, utc.tm_min, utc.tm_sec,
                     ns / 1'000'000);
}

// Cut in front of a character, not in the middle of one.
std::string cut(std::string_view bytes, size_t bytes_max) {
  if (bytes.size() <= bytes_max) return std::string(bytes);
  size_t end = bytes_max;
  while (end > bytes_max - 4 && (static_cast<unsigned char>(bytes[end]) & 0xc0) == 0x80) --end;
  return std::string(bytes.substr(0, end)) + "...";
}

std::span<const EventField> printed(std::span<const EventField> fields) {
  return fields.first(std::min(fields.size(), kFieldsMax));
}

std::string repeats_text(int64_t repeats) {
  return fmt::format("repeated {} time{} in {} s", repeats, repeats == 1 ? "" : "s",
                     RepeatFilter::kWindow.value / 1'000'000'000);
}

void append_text_value(std::string& out, std::string_view value) {
  std::string safe;
  append_terminal_safe(safe, cut(value, kValueBytesMax));
  if (!safe.empty() && safe.find_first_of(" \"=") == std::string::npos) {
    out += safe;
    return;
  }
  out += '"';
  for (const char byte : safe) {
    if (byte == '"') out += '\\';
    out += byte;
  }
  out += '"';
}

std::string text_line(const LogEntry& entry) {
  std::string out = fmt::format("{} {:<7} ", utc_text(entry.at), name_of(entry.severity));
  append_terminal_safe(out, cut(entry.message, kMessageBytesMax));
  if (entry.repeats > 0)
    fmt::format_to(std::back_inserter(out), " ({})", repeats_text(entry.repeats));
  for (const EventField& field : printed(entry.fields)) {
    out += ' ';
    append_terminal_safe(out, field.name);
    out += '=';
    append_text_value(out, field.value);
  }
  return out;
}

std::string json_line(const LogEntry& entry) {
  std::string out = fmt::format(R"({{"ts":"{}","level":"{}","event":)", utc_text(entry.at),
                                name_of(entry.severity));
  append_json_string(out, cut(entry.key, kValueBytesMax));
  out += R"(,"msg":)";
  append_json_string(out, cut(entry.message, kMessageBytesMax));
  if (entry.repeats > 0) {
    fmt::format_to(std::back_inserter(out), R"(,"repeated":{})", entry.repeats);
  }
  if (!entry.fields.empty()) {
    char before = '{';
    out += R"(,"fields":)";
    for (const EventField& field : printed(entry.fields)) {
      out += before;
      append_json_string(out, field.name);
      out += ':';
      append_json_string(out, cut(field.value, kValueBytesMax));
      before = ',';
    }
    out += '}';
  }
  out += '}';
  return out;
}

}  // namespace

std::string log_line(const LogEntry& entry, LogFormat format) {
  return format == LogFormat::kJson ? json_line(entry) : text_line(entry);
}

}  // namespace sluice
