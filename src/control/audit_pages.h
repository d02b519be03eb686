// SPDX-License-Identifier: Apache-2.0
// audit_pages.h — the pages /audit and /explain/PATH of the admin port.
//
// In:      the audit board; what knows the patterns and the disk.
// Out:     JSON; 503 with a sentence while the steward does not answer.
// Owns:    nothing. REQUIRES: board and explainer outlive the server.
// Thread:  the admin port's two.
// Limits:  waits up to 3 s for the steward; audits are shared, so that asking often costs no more
//          than asking four times a second.
// Why so:  the books are kept by the steward, the text is made here: ten thousand lines of JSON
//          are none of the steward's work.
#pragma once

#include <functional>
#include <string>

#include "control/admin_server.h"
#include "control/audit_board.h"
#include "control/explanation.h"

namespace sluice {

using Explainer = std::function<Explanation(const std::string& path, const AuditReport& report)>;

inline constexpr std::string_view kAuditPage = "/audit";
inline constexpr std::string_view kExplainPages = "/explain";  // and the absolute path behind it

// The pages of `others`, and these.
AdminPages with_audit_pages(AdminPages others, AuditBoard& board, std::string state_dir,
                            Explainer explain);

}  // namespace sluice
