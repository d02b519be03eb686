// SPDX-License-Identifier: Apache-2.0
// audit_table.h — an audit as a table for people: exact bytes, and a last line that says it all.
//
// In:      a report, sorted.
// Out:     text for a terminal or a file.
// Owns:    nothing.
// Thread:  pure.
// Limits:  one line per line of the report; columns as wide as their widest number.
// Why so:  bytes are written out and not rounded: they are to be compared with `ls -l`.
#pragma once

#include <string>

#include "control/audit_words.h"

namespace sluice {

// `summary` is of the whole report, even if lines were left out for reading.
std::string audit_table(const AuditReport& report, const AuditSummary& summary);

// "2026-11-22T17:10:17Z"
std::string time_text(WallTime time);

}  // namespace sluice
