// SPDX-License-Identifier: Apache-2.0
#include "control/explanation.h"

#include <fmt/format.h>
#include <simdjson.h>

#include "control/audit_json.h"
#include "control/audit_table.h"
#include "control/audit_words.h"
#include "control/json_text.h"

namespace sluice {
namespace {

namespace dom = simdjson::dom;

constexpr size_t kNameWidth = 12;

void append_fact(std::string& out, std::string_view name, std::string_view text) {
  out += fmt::format("  {:<{}}", name, kNameWidth);
  append_terminal_safe(out, text);
  out += "\n";
}

std::string identity_text(const AuditLine& line) {
  const FileIdentity& identity = line.identity;
  std::string text = fmt::format("device {}, inode {}", identity.device, identity.inode);
  if (identity.birth_ns != 0) text += ", born " + time_text(WallTime(identity.birth_ns));
  if (identity.head_bytes != 0)
    text += fmt::format(", first {} bytes {:016x}", identity.head_bytes, identity.head_hash);
  return text;
}

std::string bytes_text(const AuditLine& line) {
  std::string text = fmt::format("{} bytes", line.size.value);
  for (const AuditColumn& column : audit_columns().subspan(1)) {
    const Bytes bytes = bytes_of(line, column);
    if (bytes == Bytes(0) && column.name != "acked") continue;
    std::string name(column.name);
    for (char& letter : name) letter = letter == '_' ? ' ' : letter;
    text += fmt::format(", {} {}", bytes.value, name);
  }
  return text;
}

void append_line(std::string& out, const AuditLine& line) {
  const bool past = line.state == AuditState::kPast;
  out += fmt::format(
      "\n  generation {}{} to '{}': {}\n", line.generation,
      line.generations > 1 ? fmt::format(" and {} before it", line.generations - 1) : std::string(),
      line.destination, name_of(line.state));
  if (!line.source.empty()) append_fact(out, "source", line.source);
  if (!line.present_name.empty()) append_fact(out, "now at", line.present_name);
  if (!past) {
    append_fact(out, "identity", identity_text(line));
    append_fact(out, "offset", std::to_string(line.offset.value));
    append_fact(out, "lag", fmt::format("{} bytes", line.lag().value));
  } else {
    append_fact(out, "ended", time_text(line.at));
  }
  append_fact(out, "bytes", bytes_text(line));
  for (size_t i = 0; i < kMissedReasons; ++i) {
    if (line.missed[i] > Bytes(0))
      append_fact(
          out, "missed",
          fmt::format("{} bytes {}", line.missed[i].value, name_of(static_cast<MissedReason>(i))));
  }
  if (!line.error.empty()) append_fact(out, "last error", line.error);
}

}  // namespace

std::string explanation_text(const Explanation& explanation) {
  std::string out;
  append_terminal_safe(out, explanation.path);
  out += "\n";
  for (const Explanation::Fact& fact : explanation.facts) append_fact(out, fact.name, fact.text);
  for (const AuditLine& line : explanation.lines) append_line(out, line);
  out += "\n";
  out += explanation.followed ? "followed: " : "NOT followed: ";
  append_terminal_safe(out, explanation.verdict);
  return out + "\n";
}

std::string explanation_as_json(const Explanation& explanation) {
  std::string out = "{\"path\":";
  append_json_string(out, explanation.path);
  out += fmt::format(",\"followed\":{},\"live\":{},\"verdict\":", explanation.followed,
                     explanation.live);
  append_json_string(out, explanation.verdict);
  out += ",\"facts\":[";
  for (size_t i = 0; i < explanation.facts.size(); ++i) {
    out += i == 0 ? "\n{\"name\":" : ",\n{\"name\":";
    append_json_string(out, explanation.facts[i].name);
    out += ",\"text\":";
    append_json_string(out, explanation.facts[i].text);
    out += "}";
  }
  // As the page /audit has them.
  out += "],\"audit\":";
  AuditReport report;
  report.live = explanation.live;
  report.lines = explanation.lines;
  out += audit_as_json(report);
  out.back() = '}';
  return out + "\n";
}

std::optional<Explanation> explanation_from_json(std::string_view json, std::string& problem) {
  dom::parser parser(kAuditJsonMax);
  dom::element root, audit;
  dom::array facts;
  std::string_view path, verdict;
  Explanation explanation;
  if (parser.parse(json.data(), json.size()).get(root) != simdjson::SUCCESS ||
      root["path"].get(path) != simdjson::SUCCESS ||
      root["verdict"].get(verdict) != simdjson::SUCCESS ||
      root["followed"].get(explanation.followed) != simdjson::SUCCESS ||
      root["live"].get(explanation.live) != simdjson::SUCCESS ||
      root["facts"].get(facts) != simdjson::SUCCESS ||
      root["audit"].get(audit) != simdjson::SUCCESS) {
    problem = "the answer is no explanation";
    return std::nullopt;
  }
  explanation.path = path;
  explanation.verdict = verdict;
  for (const dom::element fact : facts) {
    std::string_view name, text;
    if (fact["name"].get(name) == simdjson::SUCCESS && fact["text"].get(text) == simdjson::SUCCESS)
      explanation.facts.push_back({std::string(name), std::string(text)});
  }
  std::optional<AuditReport> report = audit_from_json(simdjson::minify(audit), problem);
  if (!report) return std::nullopt;
  explanation.lines = std::move(report->lines);
  return explanation;
}

}  // namespace sluice
