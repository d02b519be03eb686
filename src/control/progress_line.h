// SPDX-License-Identifier: Apache-2.0
// progress_line.h — what the agent does right now, in one line of a terminal.
//
// In:      two samples of the counters, some time apart, and the width of the terminal.
// Out:     a text that is never wider than that; what matters least is left out first.
// Owns:    nothing.
// Thread:  pure.
// Limits:  plain ASCII, so that bytes are columns.
// Fails:   cannot; a sample that is no later than the previous one shows rates of 0.
// Why so:  the rate is of acknowledged bytes of the log files: what a person wants to know is how
//          fast lines arrive, not how fast they are read.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

#include "control/status_board.h"
#include "sluice/agent_metrics.h"
#include "sluice/units.h"

namespace sluice {

struct ProgressSample {
  MonoTime at;
  AgentPhase phase = AgentPhase::kStarting;
  int64_t acked_raw_bytes = 0;  // of log files, over all destinations
  int64_t acked_lines = 0;
  int64_t acked_body_bytes = 0;  // of request bodies, for the wire ratio
  int64_t lag_bytes = 0;
  int64_t files = 0;
  int64_t in_flight = 0;
  int64_t errors = 0;  // failed requests, reads and commits
};

ProgressSample progress_sample(const AgentMetricsView& view, const AgentStatus& status,
                               MonoTime now);

std::string format_progress(const ProgressSample& previous, const ProgressSample& now,
                            size_t width);

// "512 B", "1.50 MB", "12.3 GB": three digits, powers of 1,000.
std::string bytes_text(double bytes);
// "512", "1.50k", "12.3M".
std::string count_text(double count);

}  // namespace sluice
