// SPDX-License-Identifier: Apache-2.0
// audit_json.h — an audit as JSON: the page /audit, the output of --json, and back again.
//
// In:      a report; or the text of a page that an agent, perhaps of another version, has sent.
// Out:     one JSON object: verdict, sums, and a line for each file, generation and destination.
// Owns:    nothing.
// Thread:  pure.
// Limits:  some 400 bytes a line; what is read back is at most kAuditJsonMax bytes.
// Fails:   reading answers nothing and a sentence. Unknown keys are skipped, missing ones are zero.
// Why so:  the command reads the page that everybody can read: no second protocol.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "sluice/audit.h"

namespace sluice {

inline constexpr size_t kAuditJsonMax = size_t{1} << 30;

std::string audit_as_json(const AuditReport& report);
// One line, as it stands in the array "lines".
void append_audit_line(std::string& out, const AuditLine& line);

std::optional<AuditReport> audit_from_json(std::string_view json, std::string& problem);

}  // namespace sluice
