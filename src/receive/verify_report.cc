// SPDX-License-Identifier: Apache-2.0
// verify_report.cc — the two faces of a VerifyReport: a text for people, JSON for scripts.
#include <fmt/format.h>

#include <iterator>

#include "receive/json_text.h"
#include "receive/verifier.h"

namespace sluice {
namespace {

double milliseconds(Duration d) {
  return static_cast<double>(d.value) / 1e6;
}

void append_missing(const VerifyStream& stream, std::string* text) {
  auto to = std::back_inserter(*text);
  fmt::format_to(to, "  stream {}: {} missing, first", stream.stream, stream.missing);
  for (const uint64_t sequence : stream.missing_first) fmt::format_to(to, " {}", sequence);
  *text += '\n';
}

void append_stream_json(const VerifyStream& stream, std::string* text) {
  auto to = std::back_inserter(*text);
  fmt::format_to(to,
                 "{{\"stream\":{},\"unique\":{},\"duplicate\":{},\"missing\":{},"
                 "\"missing_raced\":{},\"ghost\":{},\"xxhash\":\"{:016x}\",\"hash_matches\":{},"
                 "\"ledger_lines\":",
                 stream.stream, stream.unique, stream.duplicate, stream.missing,
                 stream.missing_raced, stream.ghost, stream.hash_sum, stream.hash_matches);
  if (stream.ledger_lines) {
    fmt::format_to(to, "{}", *stream.ledger_lines);
  } else {
    *text += "null";
  }
  *text += ",\"missing_first\":[";
  const char* comma = "";
  for (const uint64_t sequence : stream.missing_first) {
    fmt::format_to(to, "{}{}", comma, sequence);
    comma = ",";
  }
  *text += "]}";
}

}  // namespace

std::string VerifyReport::text() const {
  std::string text;
  auto to = std::back_inserter(text);
  fmt::format_to(to, "lines      {} arrived, {} unique, {} duplicate, {} damaged\n", lines, unique,
                 duplicate, damaged);
  fmt::format_to(to, "missing    {}{}\n", missing,
                 has_ledger ? "" : " in gaps (no ledger: losses at the end are not known)");
  if (missing_raced != 0) {
    fmt::format_to(to, "raced      {} written between copy and truncate, not delivered\n",
                   missing_raced);
  }
  if (ghost != 0) fmt::format_to(to, "ghost      {} that the ledger does not know\n", ghost);
  if (without_token != 0) {
    fmt::format_to(to, "no token   {} of the damaged lines hold no rid= token\n", without_token);
  }
  if (latency_samples != 0) {
    fmt::format_to(to, "latency    p50 {:.1f} ms, p99 {:.1f} ms, p99.9 {:.1f} ms, max {:.1f} ms\n",
                   milliseconds(latency_p50), milliseconds(latency_p99), milliseconds(latency_p999),
                   milliseconds(latency_max));
  }
  for (const VerifyStream& stream : streams) {
    if (stream.missing != 0) append_missing(stream, &text);
    if (!stream.hash_matches) {
      fmt::format_to(to, "  stream {}: every line arrived, but their hashes differ\n",
                     stream.stream);
    }
  }
  for (const std::string& sample : damaged_samples) {
    fmt::format_to(to, "  damaged: {}\n", json_string(sample));
  }
  return text;
}

std::string VerifyReport::json() const {
  std::string text;
  auto to = std::back_inserter(text);
  fmt::format_to(to,
                 "{{\"complete\":{},\"has_ledger\":{},\"lines\":{},\"unique\":{},\"duplicate\":{},"
                 "\"missing\":{},\"missing_raced\":{},\"ghost\":{},\"damaged\":{},"
                 "\"without_token\":{},\"bytes\":{},\"duplicate_bytes\":{},",
                 is_complete(), has_ledger, lines, unique, duplicate, missing, missing_raced, ghost,
                 damaged, without_token, bytes, duplicate_bytes);
  fmt::format_to(to,
                 "\"latency_ms\":{{\"samples\":{},\"p50\":{:.3f},\"p99\":{:.3f},\"p999\":{:.3f},"
                 "\"max\":{:.3f}}},",
                 latency_samples, milliseconds(latency_p50), milliseconds(latency_p99),
                 milliseconds(latency_p999), milliseconds(latency_max));
  text += "\"streams\":[";
  const char* comma = "";
  for (const VerifyStream& stream : streams) {
    text += comma;
    append_stream_json(stream, &text);
    comma = ",";
  }
  text += "],\"damaged_samples\":[";
  comma = "";
  for (const std::string& sample : damaged_samples) {
    text += comma;
    append_json_string(sample, &text);
    comma = ",";
  }
  text += "]}\n";
  return text;
}

}  // namespace sluice
