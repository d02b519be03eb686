// SPDX-License-Identifier: Apache-2.0
// audit_lines.h — lines of an audit from what is stored in a checkpoint row.
//
// In:      a row with its ledger; the size of the file that it speaks of, if there is one.
// Out:     the line of the present generation, and those of past ones.
// Owns:    nothing.
// Thread:  pure.
// Limits:  see audit.h.
// Why so:  the steward uses it for files that it has not open, and the audit without an agent for
//          all of them: two commands that must agree share their arithmetic.
#pragma once

#include "sluice/audit.h"
#include "sluice/store.h"

namespace sluice {

// Names and identity; no sums yet.
AuditLine line_of(const CheckpointRow& row);
// As if the file had `size` bytes now and were read from the row's offset.
void fill_from_row(AuditLine& line, const CheckpointRow& row, Bytes size);
// The file is gone: what it held beyond the offset, as far as it was seen, is missed.
void fill_gone(AuditLine& line, const CheckpointRow& row);
// Adds the past generations of the same file, the newest first. `line` is the present one's.
void append_past(std::vector<AuditLine>& lines, const AuditLine& line,
                 const std::vector<PastGeneration>& past);

}  // namespace sluice
