// SPDX-License-Identifier: Apache-2.0
// metrics_text.h — the counters as Prometheus text, and the table as documentation.
//
// In:      one scrape: the view, the status at that time, the process.
// Out:     text format 0.0.4, valid UTF-8, every family once with HELP and TYPE; or Markdown.
// Owns:    nothing.
// Thread:  any; relaxed reads of the counters.
// Limits:  some 80 families; 10 to 20 KiB with a handful of shards and destinations.
// Fails:   cannot. Names of destinations are escaped.
// Why so:  docs/metrics.md is compared with metrics_reference() in a test, so it is never stale.
#pragma once

#include <string>

#include "control/metrics_table.h"

namespace sluice {

inline constexpr const char* kMetricsContentType = "text/plain; version=0.0.4; charset=utf-8";

std::string metrics_text(const MetricsScrape& scrape);

// The table of docs/metrics.md.
std::string metrics_reference();

}  // namespace sluice
