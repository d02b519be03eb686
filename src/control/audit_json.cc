// SPDX-License-Identifier: Apache-2.0
#include "control/audit_json.h"

#include <fmt/format.h>
#include <simdjson.h>

#include "control/audit_words.h"
#include "control/json_text.h"

namespace sluice {
namespace {

namespace dom = simdjson::dom;

void append_missed(std::string& out, const MissedBytes& missed) {
  out += "{";
  for (size_t i = 0; i < kMissedReasons; ++i) {
    out += fmt::format("{}\"{}\":{}", i == 0 ? "" : ",", name_of(static_cast<MissedReason>(i)),
                       missed[i].value);
  }
  out += "}";
}

void append_bytes(std::string& out, const AuditLine& line) {
  for (const AuditColumn& column : audit_columns()) {
    out += fmt::format(",\"{}\":", column.name);
    if (column.bytes == nullptr) {
      append_missed(out, line.missed);
    } else {
      out += std::to_string((line.*column.bytes).value);
    }
  }
}

void append_text(std::string& out, std::string_view key, std::string_view text) {
  out += fmt::format(",\"{}\":", key);
  append_json_string(out, text);
}

int64_t number_of(const dom::element& object, std::string_view key) {
  int64_t number = 0;
  return object[key].get(number) == simdjson::SUCCESS ? number : 0;
}

// Inodes and hashes use all 64 bits.
uint64_t bits_of(const dom::element& object, std::string_view key) {
  uint64_t number = 0;
  return object[key].get(number) == simdjson::SUCCESS ? number : 0;
}

std::string text_of(const dom::element& object, std::string_view key) {
  std::string_view text;
  return object[key].get(text) == simdjson::SUCCESS ? std::string(text) : std::string();
}

AuditLine line_of(const dom::element& object) {
  AuditLine line;
  line.path = text_of(object, "path");
  line.present_name = text_of(object, "present_name");
  line.source = text_of(object, "source");
  line.destination = text_of(object, "destination");
  line.state = state_named(text_of(object, "state")).value_or(AuditState::kFollowed);
  line.generation = static_cast<uint32_t>(number_of(object, "generation"));
  line.generations = static_cast<uint32_t>(number_of(object, "generations"));
  line.identity.device = bits_of(object, "device");
  line.identity.inode = bits_of(object, "inode");
  line.identity.birth_ns = number_of(object, "birth_ns");
  line.identity.head_bytes = static_cast<uint32_t>(number_of(object, "head_bytes"));
  line.identity.head_hash = bits_of(object, "head_hash");
  line.offset = FileOffset(number_of(object, "offset"));
  line.at = WallTime(number_of(object, "at_ns"));
  line.error = text_of(object, "error");
  dom::element missed;
  const bool has_missed = object["missed"].get(missed) == simdjson::SUCCESS && missed.is_object();
  for (const AuditColumn& column : audit_columns()) {
    if (column.bytes != nullptr) line.*column.bytes = Bytes(number_of(object, column.name));
  }
  for (size_t i = 0; i < kMissedReasons && has_missed; ++i) {
    line.missed[i] = Bytes(number_of(missed, name_of(static_cast<MissedReason>(i))));
  }
  return line;
}

}  // namespace

void append_audit_line(std::string& out, const AuditLine& line) {
  out += "{\"path\":";
  append_json_string(out, line.path);
  if (!line.present_name.empty()) append_text(out, "present_name", line.present_name);
  append_text(out, "source", line.source);
  append_text(out, "destination", line.destination);
  append_text(out, "state", name_of(line.state));
  out += fmt::format(",\"generation\":{},\"generations\":{}", line.generation, line.generations);
  append_bytes(out, line);
  out += fmt::format(
      ",\"offset\":{},\"at_ns\":{},\"device\":{},\"inode\":{},\"birth_ns\":{},\"head_bytes\":{},"
      "\"head_hash\":{}",
      line.offset.value, line.at.value, line.identity.device, line.identity.inode,
      line.identity.birth_ns, line.identity.head_bytes, line.identity.head_hash);
  if (!line.error.empty()) append_text(out, "error", line.error);
  out += "}";
}

std::string audit_as_json(const AuditReport& report) {
  const AuditSummary summary = summary_of(report);
  std::string out;
  out.reserve(512 + report.lines.size() * 512);
  out += fmt::format("{{\"verdict\":\"{}\"", name_of(summary.verdict));
  append_text(out, "sentence", verdict_sentence(summary));
  out += fmt::format(",\"live\":{},\"exact\":{},\"at_ns\":{}", report.live, report.exact,
                     report.at.value);
  append_text(out, "state_dir", report.state_dir);
  out +=
      fmt::format(",\"files\":{},\"files_behind\":{},\"files_missing\":{},\"sums\":{{\"lines\":{}",
                  summary.files, summary.files_behind, summary.files_missing, report.lines.size());
  append_bytes(out, summary.sums);
  out += "},\"lines\":[";
  for (size_t i = 0; i < report.lines.size(); ++i) {
    out += i == 0 ? "\n" : ",\n";
    append_audit_line(out, report.lines[i]);
  }
  out += "\n]}\n";
  return out;
}

std::optional<AuditReport> audit_from_json(std::string_view json, std::string& problem) {
  dom::parser parser(kAuditJsonMax);
  dom::element root;
  const auto failed = parser.parse(json.data(), json.size()).get(root);
  if (failed != simdjson::SUCCESS) {
    problem = fmt::format("the answer is not JSON: {}", simdjson::error_message(failed));
    return std::nullopt;
  }
  dom::array lines;
  bool exact = false, live = false;
  if (root["lines"].get(lines) != simdjson::SUCCESS ||
      root["exact"].get(exact) != simdjson::SUCCESS ||
      root["live"].get(live) != simdjson::SUCCESS) {
    problem = "the answer is no audit";
    return std::nullopt;
  }
  AuditReport report;
  report.live = live;
  report.exact = exact;
  report.at = WallTime(number_of(root, "at_ns"));
  report.state_dir = text_of(root, "state_dir");
  for (const dom::element line : lines) report.lines.push_back(line_of(line));
  return report;
}

}  // namespace sluice
