// SPDX-License-Identifier: Apache-2.0
#include "agent/part_factory.h"

#include "agent/composition.h"
#include "flow/compress/codecs.h"
#include "platform/cpu_affinity.h"
#include "platform/dead_letter_text.h"
#include "platform/spool_files.h"

namespace sluice {
namespace {

// From this many usable CPUs on a lane has a thread of its own.
constexpr int32_t kCpusForLaneThreads = 3;

}  // namespace

std::vector<SourceFacts> source_facts(const AgentConfig& config) {
  std::vector<SourceFacts> all;
  for (const SourceConfig& source : config.sources) {
    SourceFacts facts;
    facts.host = config.host;
    facts.labels.assign(source.labels.begin(), source.labels.end());
    facts.line_bytes_max = static_cast<size_t>(source.max_line.value);
    facts.form = {source.format, source.encoding};
    facts.strip_cr = source.carriage_return == CarriageReturn::kStrip;
    all.push_back(std::move(facts));
  }
  return all;
}

JsonEncoder::Options encoder_options(const DestinationConfig& destination) {
  return {destination.framing, destination.with_offset, destination.with_id};
}

bool PartFactory::lanes_have_threads() {
  return usable_cpus() >= kCpusForLaneThreads;
}

std::unique_ptr<Shard> PartFactory::shard(ShardId id, bool lanes_here, Io& io) const {
  ShardSettings settings;
  settings.shard = id;
  settings.report_producer = id.value;
  settings.buffers = parts_->plan.pool.buffers_per_shard;
  ShardParts parts;
  parts.io = &io;
  parts.buffers = parts_->pool.get();
  parts.blocks = parts_->blocks.get();
  parts.orders = parts_->orders[id.value].get();
  parts.reports = parts_->reports.get();
  parts.steward = &parts_->steward_waker;
  parts.metrics = &parts_->shard_metrics[id.value];
  parts.idle_shard = parts_->shards > 1 ? parts_->shard_bell.get() : nullptr;
  parts.sources = source_facts(*config_);
  for (uint32_t i = 0; i < config_->destinations.size(); ++i) {
    parts.roads.push_back(road(id, DestinationId(i), lanes_here));
  }
  return std::make_unique<Shard>(settings, std::move(parts));
}

RoadParts PartFactory::road(ShardId shard, DestinationId id, bool lanes_here) const {
  const DestinationConfig& destination = config_->destinations[id.value];
  const LazyMemory& body = parts_->bodies[shard.value * config_->destinations.size() + id.value];
  RoadParts road;
  road.destination = id;
  road.encoder = std::make_unique<JsonEncoder>(encoder_options(destination));
  road.compressor = make_compressor(destination.compression, destination.level).value();
  road.body.data = reinterpret_cast<uint8_t*>(body.bytes().data());
  road.body.capacity = body.bytes().size();
  road.body.soft_limit = static_cast<size_t>(destination.batch_bytes.value);
  road.compressed = parts_->scratch[shard.value].bytes();
  road.rules.lines_max = destination.batch;
  road.rules.wait = destination.wait;
  road.gauge = &parts_->gauges[id.value];
  road.lane = parts_->arriving[id.value].get();
  road.lane_waker = lanes_here ? nullptr : waker_of_lane(id);
  road.ordered = destination.order == DeliveryOrder::kFile;
  return road;
}

Waker* PartFactory::waker_of_lane(DestinationId id) const {
  if (lanes_have_threads()) return parts_->lane_wakers[id.value].get();
  return &parts_->shard_bell->waker_of(0);
}

LaneSpec PartFactory::lane(DestinationId id) const {
  const DestinationConfig& destination = config_->destinations[id.value];
  LaneSpec spec;
  spec.settings.name = destination.name;
  spec.settings.home_producer = id.value;
  spec.settings.home_room = parts_->home_room;
  spec.settings.workers = destination.most_workers();
  spec.settings.workers_adapt = true;
  // With the defaults 4 MiB; see StewardSettings::exposed_bytes for the other part of the promise.
  spec.settings.ahead_bytes_max = destination.batch_bytes * (2 * destination.planned_workers());
  spec.settings.rate_bytes = destination.rate_bytes;
  spec.settings.rate_lines = destination.rate_lines;
  spec.settings.rate_requests = destination.rate_requests;
  spec.settings.body_bytes = static_cast<size_t>(destination.batch_bytes.value);
  spec.compression = destination.compression;
  spec.level = destination.level;
  spec.dead_directory = config_->state_dir + "/" + std::string(kDeadLetterDirectory);
  spec.dead_bytes_max = destination.dead_letter_max;
  spec.spool_directory = config_->state_dir + "/" + std::string(kSpoolDirectory);
  spec.spool.bytes_max = destination.spool_max;
  spec.spool.drop_oldest = destination.spool_full == Overflow::kDropOldest;
  // Who drops the oldest lines on purpose keeps none of them elsewhere.
  const bool drops = destination.overflow == Overflow::kDropOldest;
  spec.settings.spool = drops ? SpoolMode::kOff : destination.spool;
  spec.waker = waker_of_lane(id);
  spec.settings.retry_min_delay = destination.retry_min_delay;
  spec.settings.retry_max_delay = destination.retry_max_delay;
  spec.parts.arriving = parts_->arriving[id.value].get();
  spec.parts.home = parts_->home.get();
  spec.parts.gauge = &parts_->gauges[id.value];
  spec.parts.metrics = &parts_->lane_metrics[id.value];
  spec.parts.events = log_;
  // An ordered file waits for its ack: there nobody may be late.
  const bool ordered = destination.order == DeliveryOrder::kFile;
  spec.parts.steward = ordered ? static_cast<Waker*>(&parts_->steward_waker) : &parts_->home_bell;
  // Only the jitter of retries comes from it; agents that start together must not retry together.
  spec.seed = static_cast<uint64_t>(parts_->clock.wall().value) + id.value;
  spec.wire = wire_plan(destination, spec.seed);
  return spec;
}

}  // namespace sluice
