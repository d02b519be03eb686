// SPDX-License-Identifier: Apache-2.0
// memory_plan.h — what every pool may hold, as a sum that stays under the user's limit.
//
// In:      the limit (`memory`), the number of shards, what each destination asks for.
// Out:     the size of each pool, and the table of terms that start-up prints; or a refusal that
//          says the least that would do.
// Owns:    values only. Pure.
// Limits:  counts what can be resident at the same time. Not counted: the program and its
//          libraries (about 12 MiB), TLS sessions, and 128 bytes per parked file.
// Fails:   a limit under the least is refused, never exceeded.
// Why so:  a lane's credit stops at 4 bodies per worker although more memory may be left. Credit
//          hides stalls of the destination; beyond that it only moves lines from their file into
//          memory. With 2 shards and 257 MB of incompressible lines in 100 files the process grew
//          to 46 MB at 4 bodies and to 57 MB at 8, in the same time.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "platform/read_pool.h"
#include "sluice/units.h"

namespace sluice {

struct PlanDestination {
  Bytes batch_bytes;       // DestinationConfig::batch_bytes
  Bytes worst_line_bytes;  // the encoder's for the longest max_line of its sources
  Bytes codec_bytes;       // state of one compressor
  int32_t workers = 1;
};

struct PlanInput {
  Bytes limit;
  int32_t shards = 1;
  Bytes max_line;  // the longest of all sources
  std::vector<PlanDestination> destinations;
  Bytes decoded_line = {};  // what a shard needs to decode and join lines; 0: all are plain text
};

struct LanePlan {
  Bytes body_capacity;  // of an open body: BodyBuffer::capacity
  Bytes bytes_max;      // of LaneGauge
  int64_t parcels_max = 0;
};

struct MemoryTerm {
  const char* what = "";
  int64_t count = 0;
  Bytes each;
  const char* why = "";

  Bytes total() const { return each * count; }
};

struct MemoryPlan {
  ReadPoolShape pool;
  std::vector<LanePlan> lanes;  // by DestinationId
  std::vector<MemoryTerm> terms;

  Bytes total() const;
  // One line per term and one for the sum.
  std::string table() const;
};

struct MemoryPlanOutcome {
  std::optional<MemoryPlan> plan;
  Bytes least;          // the smallest limit that these shards and destinations work with
  std::string refusal;  // for people; empty with a plan
};

MemoryPlanOutcome make_memory_plan(const PlanInput& input);

// How many shards of at most `shards_max` the limit gives room to work at full speed; at least 1.
int32_t shards_that_fit(PlanInput input, int32_t shards_max);

}  // namespace sluice
