// SPDX-License-Identifier: Apache-2.0
// agent_metrics.h — where every counter of one running agent is, and whose it is.
//
// In:      filled once by the composition, after shards, lanes and steward exist.
// Out:     the admin port, the progress line and the final report read through it.
// Owns:    the names; borrows the counters. REQUIRES: shards, lanes and steward outlive it.
// Thread:  constant after construction; the counters behind it allow any reader.
// Limits:  a few dozen entries. Never per file: names of files are as many as an attacker wants.
// Why so:  readers need to know nothing about shards and lanes but their counters.
#pragma once

#include <string>
#include <vector>

#include "sluice/lane_gauge.h"
#include "sluice/metrics.h"
#include "sluice/units.h"

namespace sluice {

struct ShardView {
  std::string name;  // "shard-0"
  const ShardMetrics* metrics = nullptr;
};

struct LaneView {
  std::string destination;  // its name in the configuration
  std::string type;         // "http"
  const LaneMetrics* metrics = nullptr;
  const LaneGauge* gauge = nullptr;
};

// What outlives a configuration: the other counters begin anew with each.
struct ReloadMetrics {
  Counter reloads;  // configurations taken over by a running agent
  Counter errors;   // refused: wrong, or the agent could not start with it
};

struct AgentMetricsView {
  std::vector<ShardView> shards;
  std::vector<LaneView> lanes;
  const StewardMetrics* steward = nullptr;
  const ReloadMetrics* reload = nullptr;

  // What does not change while the agent runs.
  std::string version;
  std::string io_backend;  // "uring" or "pread": what the probe chose
  Bytes memory_limit;
  MonoTime started;
};

}  // namespace sluice
