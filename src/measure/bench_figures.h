// SPDX-License-Identifier: Apache-2.0
// bench_figures.h — what `sluice bench` found out: plain numbers, ready to be shown.
//
// In:      filled by bench_run.cc.
// Out:     read by bench_report.cc.
// Owns:    its strings and rows.
// Thread:  value types.
// Limits:  "GB" is 10^9 bytes of raw log. Ratios are medians over rounds, each round against the
//          first row in the same round; above 1 is more MB per CPU second.
// Why so:  numbers apart from words: the table, the JSON object and the tests see the same.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "measure/median.h"

namespace sluice {

struct BenchStage {
  std::string name;
  double cpu_s_per_gb = 0;
  double share = 0;  // of the sum of all stages
};

// One way to set the flags, sending included.
struct BenchRow {
  std::string flag;  // "-level 6"
  bool current = false;
  double mb_per_cpu_s = 0;
  Spread ratio;  // to the current flags
  double wire_per_raw = 0;
  double requests_per_gb = 0;
};

struct BenchShards {
  int32_t shards = 1;
  double mb_per_s = 0;       // of wall time, all together
  Spread ratio;              // to one shard
  int64_t memory_bytes = 0;  // of the plan; 0: does not fit into -memory
};

struct BenchFigures {
  std::string log;      // what was measured
  std::string warning;  // about it; empty: none
  double line_bytes = 0;
  std::string flags;  // the current ones
  std::string simd;
  int32_t cpus = 1;
  size_t rounds = 0;
  double seconds = 0;

  double ceiling_mb_per_cpu_s = 0;  // the raw loop: no network
  double ceiling_lines_per_cpu_s = 0;
  std::vector<BenchStage> stages;
  double send_us_per_request = 0;
  double send_cpu_s_per_wire_gb = 0;
  std::vector<BenchRow> levels;
  std::vector<BenchRow> batches;
  std::vector<BenchShards> shards;
};

}  // namespace sluice
