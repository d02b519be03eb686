// SPDX-License-Identifier: Apache-2.0
// part_factory.h — makes the shards and describes the lanes of a composition.
//
// In:      the configuration, and a composition whose pools and doors exist.
// Out:     a Shard for a loop; a LaneSpec from which a loop makes a lane and its wire.
// Owns:    nothing; a value of three references, copied into the plans of loops.
// Thread:  shard() runs on the thread of the loop that will turn it.
// Fails:   cannot: everything that may be refused was tried by compose() before.
// Why so:  what a shard is made of is one question, in which order an agent is put together
//          another.
#pragma once

#include <memory>
#include <vector>

#include "agent/loop.h"
#include "flow/encode/json_encoder.h"
#include "flow/shard.h"
#include "sluice/config.h"
#include "sluice/event_log.h"

namespace sluice {

struct Composition;

std::vector<SourceFacts> source_facts(const AgentConfig& config);
JsonEncoder::Options encoder_options(const DestinationConfig& destination);

class PartFactory {
 public:
  PartFactory(const AgentConfig& config, EventLog& log, Composition& parts)
      : config_(&config), log_(&log), parts_(&parts) {}

  // With enough CPUs each lane has a thread of its own; without, all turn on the first shard's
  // loop.
  static bool lanes_have_threads();

  std::unique_ptr<Shard> shard(ShardId id, bool lanes_here, Io& io) const;
  LaneSpec lane(DestinationId id) const;

 private:
  RoadParts road(ShardId shard, DestinationId destination, bool lanes_here) const;
  Waker* waker_of_lane(DestinationId id) const;

  const AgentConfig* config_;
  EventLog* log_;
  Composition* parts_;
};

}  // namespace sluice
