// SPDX-License-Identifier: Apache-2.0
#include "control/audit_pages.h"

#include <utility>

#include "control/audit_json.h"
#include "control/audit_words.h"

namespace sluice {
namespace {

constexpr Duration kAuditWaitMax(3'000'000'000);
constexpr const char* kJson = "application/json";

AdminPage no_answer() {
  return {.status = 503,
          .content_type = kJson,
          .body =
              "{\"error\":\"the control thread does not answer; the agent is starting or "
              "stuck\"}\n"};
}

}  // namespace

AdminPages with_audit_pages(AdminPages others, AuditBoard& board, std::string state_dir,
                            Explainer explain) {
  return [others = std::move(others), &board, state_dir = std::move(state_dir),
          explain = std::move(explain)](std::string_view path) -> std::optional<AdminPage> {
    const bool explains =
        path.starts_with(kExplainPages) && path.substr(kExplainPages.size()).starts_with('/');
    if (path != kAuditPage && !explains) return others(path);
    const AuditBoard::Report report = board.ask(kAuditWaitMax);
    if (report == nullptr) return no_answer();
    if (explains) {
      const std::string subject(path.substr(kExplainPages.size()));
      return AdminPage{200, kJson, explanation_as_json(explain(subject, *report))};
    }
    AuditReport sorted = *report;
    sorted.state_dir = state_dir;
    sort_lines(sorted);
    return AdminPage{200, kJson, audit_as_json(sorted)};
  };
}

}  // namespace sluice
