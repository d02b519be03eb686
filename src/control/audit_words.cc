// SPDX-License-Identifier: Apache-2.0
#include "control/audit_words.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <set>
#include <tuple>

namespace sluice {
namespace {

constexpr std::array<std::string_view, 10> kStates = {
    "followed",   "parked",  "rotated", "deleted",      "waiting",
    "unreadable", "stopped", "gone",    "unconfigured", "past"};
constexpr std::array<std::string_view, kMissedReasons> kReasons = {"truncated", "replaced",
                                                                   "deleted", "unacked"};

constexpr std::array<AuditColumn, 8> kColumns = {{
    {"size", "bytes of the file, or as many as were seen of a generation that is over",
     &AuditLine::size},
    {"acked", "acknowledged by the destination", &AuditLine::acked},
    {"in_flight", "read, and not acknowledged yet", &AuditLine::in_flight},
    {"unread", "waits in the file", &AuditLine::unread},
    {"filtered", "taken out by a filter of yours", &AuditLine::filtered},
    {"dropped", "given up by your overflow: drop-oldest", &AuditLine::dropped},
    {"skipped", "was there before following began (from: end), or is a hole that nobody wrote",
     &AuditLine::skipped},
    {"missed", "cannot be delivered any more; the reason stands beside it", nullptr},
}};

std::string reasons_of(const AuditLine& sums) {
  std::string text;
  for (size_t i = 0; i < kMissedReasons; ++i) {
    if (sums.missed[i] == Bytes(0)) continue;
    text += fmt::format("{}{} {}", text.empty() ? "" : ", ", kReasons[i], sums.missed[i].value);
  }
  return text;
}

std::string counted(size_t count, std::string_view noun) {
  return fmt::format("{} {}{}", count, noun, count == 1 ? "" : "s");
}

}  // namespace

std::string_view name_of(AuditState state) {
  return kStates[static_cast<size_t>(state)];
}

std::string_view name_of(MissedReason reason) {
  return kReasons[static_cast<size_t>(reason)];
}

std::optional<AuditState> state_named(std::string_view name) {
  const auto at = std::find(kStates.begin(), kStates.end(), name);
  if (at == kStates.end()) return std::nullopt;
  return static_cast<AuditState>(at - kStates.begin());
}

std::span<const AuditColumn> audit_columns() {
  return kColumns;
}

Bytes bytes_of(const AuditLine& line, const AuditColumn& column) {
  return column.bytes != nullptr ? line.*column.bytes : sum_of(line.missed);
}

std::string_view name_of(AuditVerdict verdict) {
  constexpr std::array<std::string_view, 4> kVerdicts = {"complete", "behind", "missing", "broken"};
  return kVerdicts[static_cast<size_t>(verdict)];
}

AuditSummary summary_of(const AuditReport& report) {
  AuditSummary summary;
  AuditLine& sums = summary.sums;
  std::set<std::pair<uint64_t, std::string_view>> files, behind, missing, unreadable;
  for (const AuditLine& line : report.lines) {
    for (const AuditColumn& column : audit_columns()) {
      if (column.bytes != nullptr) sums.*column.bytes += line.*column.bytes;
    }
    for (size_t i = 0; i < kMissedReasons; ++i) sums.missed[i] += line.missed[i];
    const std::pair<uint64_t, std::string_view> file(line.identity.inode, line.path);
    files.insert(file);
    if (line.lag() > Bytes(0)) behind.insert(file);
    if (sum_of(line.missed) > Bytes(0)) missing.insert(file);
    if (line.state == AuditState::kUnreadable) unreadable.insert(file);
    if (!line.balanced()) ++summary.unbalanced;
  }
  summary.files = files.size();
  summary.files_behind = behind.size();
  summary.files_missing = missing.size();
  summary.files_unreadable = unreadable.size();
  if (summary.unbalanced > 0) {
    summary.verdict = AuditVerdict::kBroken;
  } else if (!missing.empty()) {
    summary.verdict = AuditVerdict::kMissing;
  } else if (!behind.empty() || !unreadable.empty()) {
    summary.verdict = AuditVerdict::kBehind;
  }
  return summary;
}

std::string verdict_sentence(const AuditSummary& summary) {
  const AuditLine& sums = summary.sums;
  std::string text;
  switch (summary.verdict) {
    case AuditVerdict::kComplete:
      text = fmt::format("complete: {}, nothing missing, nothing on its way",
                         counted(summary.files, "file"));
      break;
    case AuditVerdict::kBehind:
      text =
          fmt::format("not finished: nothing missing; {} bytes in flight and {} unread in {} of {}",
                      sums.in_flight.value, sums.unread.value, summary.files_behind,
                      counted(summary.files, "file"));
      break;
    case AuditVerdict::kMissing:
      text = fmt::format("MISSING: {} bytes of {} can not be delivered any more ({})",
                         sum_of(sums.missed).value, counted(summary.files_missing, "file"),
                         reasons_of(sums));
      if (sums.lag() > Bytes(0))
        text += fmt::format("; {} bytes are still to be delivered", sums.lag().value);
      break;
    case AuditVerdict::kBroken:
      text = fmt::format(
          "BROKEN: {} not add up; please report this with the output of --json",
          summary.unbalanced == 1 ? "1 line does" : fmt::format("{} lines do", summary.unbalanced));
      break;
  }
  if (summary.files_unreadable > 0)
    text += fmt::format("; {} cannot be opened", counted(summary.files_unreadable, "file"));
  if (sums.dropped > Bytes(0))
    text += fmt::format("; {} bytes dropped by your overflow policy", sums.dropped.value);
  return text;
}

int exit_code_of(AuditVerdict verdict) {
  return verdict >= AuditVerdict::kMissing ? kExitMissing : kExitComplete;
}

void leave_out_older(AuditReport& report, WallTime since) {
  std::erase_if(report.lines, [&](const AuditLine& line) {
    const bool over = line.state == AuditState::kPast || line.state == AuditState::kGone;
    return over && line.at < since;
  });
}

void leave_out_complete(AuditReport& report) {
  std::erase_if(report.lines, [](const AuditLine& line) {
    return line.balanced() && line.lag() == Bytes(0) && sum_of(line.missed) == Bytes(0) &&
           line.error.empty();
  });
}

void sort_lines(AuditReport& report) {
  std::stable_sort(report.lines.begin(), report.lines.end(),
                   [](const AuditLine& a, const AuditLine& b) {
                     return std::tie(a.path, a.destination, a.identity.inode, b.generation) <
                            std::tie(b.path, b.destination, b.identity.inode, a.generation);
                   });
}

}  // namespace sluice
