// SPDX-License-Identifier: Apache-2.0
// plan.h — what one schedule is made of: its configuration and the faults it may meet.
//
// In:      a seed.
// Out:     a Plan; what it says, for people.
// Thread:  values.
// Limits:  sizes are tiny on purpose: 256 bytes are a block, three lines a batch, two parcels a
//          lane, so that every bound is met within seconds of simulated time.
// Why so:  swarm testing: each seed leaves out a random half of the faults, because a fault that
//          is always there hides what happens without it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <set>
#include <string>
#include <vector>

#include "nth_failure.h"
#include "sluice/config.h"
#include "sluice/units.h"

namespace sluice::sim {

struct DestinationPlan {
  bool ordered = false;
  bool drop_oldest = false;
  bool ndjson = false;
  size_t batch_bytes = 4096;
  int64_t batch_lines = 0;
  Duration wait{50'000'000};
  int32_t workers = 2;
  int64_t bytes_max = 65'536;  // of the gauge
  int64_t lines_max = 0;
  int64_t parcels_max = 64;
  size_t home_room = 64;
  RateLimit rate_bytes;
  RateLimit rate_requests;
  bool spool = false;
  bool at_risk = false;  // only what is at risk goes there
  int64_t spool_max = 1 << 20;
  Duration spool_after{100'000'000};
};

struct SourcePlan {
  std::vector<std::string> paths;  // patterns
  std::vector<std::string> exclude;
};

struct Plan {
  // The agent.
  int shards = 1;
  bool lanes_on_shard = true;  // lanes turn on the first shard's loop
  int buffers = 4;             // per shard
  int oversize_buffers = 1;
  size_t block_bytes = 256;
  uint32_t block_lines = 64;
  size_t line_bytes_max = 1024;
  bool strip_cr = true;
  bool from_end = false;
  bool wide_pattern = false;  // rotated names match too
  size_t open_files_max = 64;
  size_t orders_max = 64;
  Duration tick{20'000'000};
  Duration credit_retry{20'000'000};
  Duration hot_for{300'000'000};
  Duration partial_grace{1'000'000'000};
  Duration retry_delay{100'000'000};
  Duration checkpoint_interval{500'000'000};
  Duration reconcile_interval{2'000'000'000};
  Duration retry_min_delay{20'000'000};
  Duration retry_max_delay{1'000'000'000};
  Duration request_timeout{2'000'000'000};
  Duration shutdown_timeout{1'000'000'000};
  std::vector<DestinationPlan> destinations;
  std::vector<SourcePlan> sources;  // none: one that takes /logs and /logs/app

  // The machine.
  bool reuse_inodes = false;
  bool birth_times = true;
  bool coarse_times = false;
  size_t watches_max = 8;

  // The load.
  int streams = 2;
  int bursts = 30;  // per stream, over the troubled time
  int lines_per_burst = 4;
  int long_line = 0;      // per mille of lines that are longer than a block
  int partial_write = 0;  // per mille of bursts that end inside a line
  int no_append = 0;      // per mille of streams that go on at their own offset after a truncation
  int links = 0;          // per mille of streams whose name is a link into another directory
  Duration troubled{6'000'000'000};

  // Faults, per mille of the occasions; 0 is off.
  int lost_hint = 0;
  int hint_overflow = 0;
  Duration hint_delay_max{0};
  int disk_error = 0;
  int read_error = 0;
  int short_read = 0;
  Duration read_delay_max{200'000};
  int race_in_turn = 0;
  int store_error = 0;  // of changes of the weather
  int request_fault = 0;
  int poison = 0;       // of lines: the receivers refuse every body with one of them
  size_t body_max = 0;  // larger bodies are answered 413; 0: any size is taken
  int dead_error = 0;   // of dead letters: their disk is full
  int spool_error = 0;  // of calls of the spool to its disk
  int outages = 0;      // how many
  bool long_outage = false;
  Duration answer_delay_max{5'000'000};
  int stall = 0;          // a turn is followed by a pause of that thread
  int rotations = 0;      // how many over the troubled time
  int double_copies = 0;  // two rotators copy one file before either truncates it
  int truncations = 0;
  int cuts = 0;  // truncations that leave a part
  int deletions = 0;
  int packs = 0;      // rotated files that become an archive
  int retargets = 0;  // of links
  int moves = 0;      // of the directory /logs/app, to another name or away
  int crashes = 0;
  int power_losses = 0;
  bool fsync_lies = false;  // after a commit that failed nothing more reaches the disk
  int store_damage = 0;     // of starts
  int store_restored = 0;   // of starts: an old copy of the store is put back
  int stops = 0;
  int clock_jumps = 0;

  // One call that fails while there are faults; null: none does. Borrowed.
  NthFailure* nth = nullptr;

  // Entries of the calendar that are left out; for the shortest trace of a bug.
  std::set<size_t> without;
};

Plan draw_plan(uint64_t seed);
std::string describe(const Plan& plan);

}  // namespace sluice::sim
