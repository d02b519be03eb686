// SPDX-License-Identifier: Apache-2.0
// metrics_table.h — every exported series, once: its name, its meaning, and the counter behind it.
//
// In:      nothing.
// Out:     rows, grouped by family in the order of the output and of docs/metrics.md.
// Owns:    static text.
// Thread:  constant.
// Limits:  labels come from the configuration and from this table, never from names of files: a
//          hostile directory cannot make more series.
// Why so:  the scrape, the documentation and its test read the same rows, so none can be forgotten
//          or renamed alone. Names follow what dashboards of this trade already know (component_…,
//          buffer_…, http_client_…), behind the prefix `sluice_`.
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <variant>

#include "control/process_usage.h"
#include "control/status_board.h"
#include "sluice/agent_metrics.h"

namespace sluice {

// What one scrape looks at.
struct MetricsScrape {
  const AgentMetricsView* view = nullptr;
  StatusBoard::Reading board;
  ProcessUsage process;
  MonoTime now;
};

enum class MetricType : uint8_t { kCounter, kGauge, kSummary };

// One sample per shard, per lane, or one.
using ShardCounter = Counter ShardMetrics::*;
using LaneCounter = Counter LaneMetrics::*;
using LaneGaugeLevel = std::atomic<int64_t> LaneGauge::*;
using LaneGaugeLimit = int64_t LaneGauge::*;
using StewardCounter = Counter StewardMetrics::*;
struct LaneStatus {
  size_t status_class;  // index into StatusClasses
};
using AgentNumber = double (*)(const MetricsScrape&);
struct AgentText {  // value 1, the text is a label
  std::string_view label;
  std::string (*text)(const MetricsScrape&);
};

using MetricSource = std::variant<ShardCounter, LaneCounter, LaneGaugeLevel, LaneGaugeLimit,
                                  LaneStatus, StewardCounter, AgentNumber, AgentText>;

struct MetricRow {
  std::string_view family;  // without the prefix
  MetricType type;
  std::string_view help;  // of the family; empty in its further rows
  MetricSource source;
  std::string_view labels = "";  // fixed ones of this row: `status="2xx"`
  std::string_view suffix = "";  // "_sum" and "_count" of summaries
  double scale = 1.0;            // from the counter's unit to the base unit of the name
};

inline constexpr std::string_view kMetricPrefix = "sluice_";

std::span<const MetricRow> metric_rows();

}  // namespace sluice
