// SPDX-License-Identifier: Apache-2.0
// steward_settings.h — what a steward is given: which files to follow and for whom, the bounds it
// keeps, the doors to shards and lanes, and the world around it.
//
// In:      the configuration, compiled by steward_settings(); the rest from whoever composes.
// Out:     plain structs; Survey is what it says of itself.
// Owns:    StewardSettings own their patterns; doors and world are borrowed and outlive the
//          steward.
// Thread:  constant after construction.
// Why so:  apart from the steward, so that whoever makes one need not know what it is made of.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "flow/discover/catalogue.h"
#include "sluice/channel.h"
#include "sluice/config.h"
#include "sluice/disk.h"
#include "sluice/event_log.h"
#include "sluice/messages.h"
#include "sluice/metrics.h"
#include "sluice/parcel.h"
#include "sluice/scratch.h"
#include "sluice/store.h"
#include "sluice/units.h"
#include "sluice/waker.h"

namespace sluice {

struct StewardSource {
  std::string name;
  PathRules rules;
  StartFrom from = StartFrom::kBeginning;
  std::vector<DestinationId> destinations;
};

struct StewardDestination {
  std::string name;
  bool ordered = false;
};

struct StewardSettings {
  std::vector<StewardSource> sources;
  std::vector<StewardDestination> destinations;
  Duration checkpoint_interval{1'000'000'000};
  Duration reconcile_interval{10'000'000'000};
  // Positions are stored before the interval has passed when they moved by so much: a crash now
  // would deliver those bytes again. Raising it writes less often while catching up at full
  // speed. Measured there without it: 24 MiB exposed; with it: 12 MiB at most, in 20 commits a
  // second.
  Bytes exposed_bytes{4 << 20};
  // The same per row to be written, when that is more: a row costs 20 us. 32 KiB left 17 MiB
  // exposed when 256 files had been adopted just before.
  Bytes exposed_bytes_per_row{8 << 10};
  // Descriptors for followed files. Raising it needs a higher RLIMIT_NOFILE; lowering it makes
  // quiet files be closed and opened again when they grow.
  size_t open_files_max = 900;
  uint32_t producer = 0;  // the steward's index in the channels that it pushes to
  // At most this many orders are in one shard's channel; the rest waits here. The channel has at
  // least so much room.
  size_t orders_max = 1'024;
};

// Compiles the patterns. Fails for a pattern that has no meaning or is not absolute.
Result<StewardSettings> steward_settings(const AgentConfig& config, size_t open_files_max);

// Borrowed; everything outlives the steward.
struct StewardDoors {
  struct Shard {
    Channel<ShardOrder>* orders = nullptr;
    Waker* waker = nullptr;
  };
  std::vector<Shard> shards;  // by ShardId
  Channel<ShardReport>* reports = nullptr;
  Channel<ParcelPtr>* home = nullptr;
};

struct StewardWorld {
  Disk& disk;
  DirectoryFeed& feed;
  Store& store;
  EventLog& log;
  StewardMetrics& metrics;
  Scratch* scratch = nullptr;  // null: compressed files are read by nobody
};

// Exact at the moment of the survey.
struct Survey {
  Bytes lag;           // written and not acknowledged
  Duration lag_age{};  // of the oldest such byte, as seen by earlier surveys
  size_t files = 0;
  size_t tails = 0;
  size_t tails_behind = 0;
  size_t open_files = 0;
};

}  // namespace sluice
