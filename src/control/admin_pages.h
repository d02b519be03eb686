// SPDX-License-Identifier: Apache-2.0
// admin_pages.h — what the admin port shows: /metrics, /health and a page that leads there.
//
// In:      the counters, the status board, the clock.
// Out:     pages. Each request for /metrics or /health asks the steward for a survey first.
// Owns:    nothing. REQUIRES: view, board and clock outlive the server that calls the pages.
// Thread:  any.
// Limits:  waits up to 500 ms for the steward, then shows the last survey and says so.
// Fails:   cannot. A steward that is silent for 10 s is itself a reason to be unhealthy.
// Why so:  /health must turn 503 while the agent drains, so that an orchestrator sends no more
//          work, and must say why: a status without a reason is a night without sleep. It stays
//          200, degraded, where a restart would make things worse: while positions are not stored.
#pragma once

#include <string>

#include "control/admin_server.h"
#include "control/status_board.h"
#include "sluice/agent_metrics.h"
#include "sluice/clock.h"

namespace sluice {

AdminPages make_admin_pages(const AgentMetricsView& view, StatusBoard& board, Clock& clock);

// 200 while lines can be delivered, else 503; the reasons as JSON.
AdminPage health_page(const StatusBoard::Reading& reading);

}  // namespace sluice
