// SPDX-License-Identifier: Apache-2.0
// audit_words.h — the words of an audit: states, reasons, sums and the verdict.
//
// In:      an audit's lines.
// Out:     names as they appear in tables, JSON, metrics and docs/audit.md; the sums; one verdict.
// Owns:    static text.
// Thread:  pure.
// Limits:  none.
// Why so:  the exit code, the last line and the JSON must never disagree, so all three come from
//          here.
#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "sluice/audit.h"

namespace sluice {

std::string_view name_of(AuditState state);
std::string_view name_of(MissedReason reason);
std::optional<AuditState> state_named(std::string_view name);

// A column of bytes.
struct AuditColumn {
  std::string_view name;  // in JSON and in the head of the table, with blanks for underscores
  std::string_view meaning;
  Bytes AuditLine::*bytes = nullptr;  // null: the missed bytes, whatever the reason
};
// In the order of the table. The first is the size, the others add up to it.
std::span<const AuditColumn> audit_columns();
Bytes bytes_of(const AuditLine& line, const AuditColumn& column);

enum class AuditVerdict : uint8_t {
  kComplete,  // every byte is acknowledged
  kBehind,    // nothing is missing; some bytes are still on their way or in their files
  kMissing,   // bytes that were there cannot be delivered any more
  kBroken,    // a line does not add up: a bug
};
std::string_view name_of(AuditVerdict verdict);

struct AuditSummary {
  AuditLine sums;  // of all lines
  size_t files = 0;
  size_t files_behind = 0;
  size_t files_missing = 0;
  size_t files_unreadable = 0;
  size_t unbalanced = 0;
  AuditVerdict verdict = AuditVerdict::kComplete;
};
AuditSummary summary_of(const AuditReport& report);

// The last line of the table, and what a monitoring system shows: one sentence.
std::string verdict_sentence(const AuditSummary& summary);

inline constexpr int kExitComplete = 0;
inline constexpr int kExitMissing = 1;
int exit_code_of(AuditVerdict verdict);

// Takes out the generations that were over before `since`.
void leave_out_older(AuditReport& report, WallTime since);
// Takes out the lines that are acknowledged to their end.
void leave_out_complete(AuditReport& report);
// By path, destination, and generation, the newest first.
void sort_lines(AuditReport& report);

}  // namespace sluice
