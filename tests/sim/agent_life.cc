// SPDX-License-Identifier: Apache-2.0
// How an agent is put together; how it turns is in agent_turns.cc.
#include "agent_life.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "flow/compress/codecs.h"
#include "flow/encode/json_encoder.h"

namespace sluice::sim {
namespace {

constexpr const char* kHost = "sim-host";

JsonEncoder::Options encoder_options(const DestinationPlan& destination) {
  return {destination.ndjson ? Framing::kNdjson : Framing::kJson, true, false};
}

}  // namespace

AgentLife::AgentLife(const Machine& machine, uint64_t seed)
    : machine_(machine), dice_(seed), log_(machine.witness) {
  make_doors();
  make_loops();
  make_steward();
}

AgentLife::~AgentLife() {
  const bool passed = std::any_of(shard_metrics_.begin(), shard_metrics_.end(),
                                  [](const auto& each) { return each.hole_bytes.get() > 0; });
  if (passed) machine_.witness.saw(Rare::kHolePassed);
  if (steward_metrics_.archives_read.get() > 0) machine_.witness.saw(Rare::kArchiveRead);
}

void AgentLife::make_doors() {
  const Plan& plan = machine_.plan;
  const auto shards = static_cast<size_t>(plan.shards);
  std::vector<SimWaker*> wakers;
  for (size_t i = 0; i < shards; ++i) {
    loops_.push_back(std::make_unique<Loop>());
    wakers.push_back(&loops_.back()->waker);
  }
  buffers_ = std::make_unique<SimBuffers>(plan, machine_.witness, wakers);
  blocks_ = std::make_unique<SimBlockQueue>(shards, machine_.witness);
  blocks_->on_publish = [this](const LineBlock& block) { machine_.ledger.published(block); };
  blocks_->after_publish = [this](ShardId shard) { interleave(shard); };
  for (size_t i = 0; i < shards; ++i) {
    orders_.push_back(std::make_unique<SimChannel<ShardOrder>>(plan.orders_max));
    orders_.back()->on_push = [this](const ShardOrder& order) {
      if (order.kind == ShardOrder::Kind::kAdopt) machine_.ledger.adopted(*order.spec);
    };
  }
  reports_ = std::make_unique<SimChannel<ShardReport>>(1 << 16);
  reports_->on_push = [this](const ShardReport& report) {
    if (report.kind == ShardReport::Kind::kNewEpoch) machine_.witness.saw(Rare::kEpochBegun);
  };
  gauges_ = std::vector<LaneGauge>(plan.destinations.size());
  size_t home_capacity = 0;
  for (size_t i = 0; i < gauges_.size(); ++i) {
    const DestinationPlan& destination = plan.destinations[i];
    gauges_[i].bytes_max = destination.bytes_max;
    gauges_[i].lines_max = destination.lines_max;
    gauges_[i].parcels_max = destination.parcels_max;
    gauges_[i].drop_oldest = destination.drop_oldest;
    const size_t capacity = static_cast<size_t>(destination.parcels_max) + 2 * shards;
    arriving_.push_back(std::make_unique<SimChannel<ParcelPtr>>(capacity));
    home_capacity += destination.home_room + capacity;
  }
  home_ = std::make_unique<SimChannel<ParcelPtr>>(home_capacity);
  home_->on_push = [this](const ParcelPtr& parcel) { machine_.ledger.came_home(*parcel); };
  shard_metrics_ = std::vector<ShardMetrics>(shards);
  lane_metrics_ = std::vector<LaneMetrics>(gauges_.size());
}

void AgentLife::make_loops() {
  const Plan& plan = machine_.plan;
  memory_.resize(loops_.size() * gauges_.size());
  for (uint32_t i = 0; i < static_cast<uint32_t>(plan.shards); ++i) {
    Loop& loop = *loops_[i];
    loop.io = std::make_unique<SimIo>(plan, machine_.witness, machine_.disk, machine_.ledger,
                                      loop.waker, dice_.fork());
    loop.wants = machine_.witness.now;
    loop.shard = make_shard(i);
  }
  for (uint32_t i = 0; i < gauges_.size(); ++i) {
    if (!plan.lanes_on_shard) loops_.push_back(std::make_unique<Loop>());
    Loop& loop = plan.lanes_on_shard ? *loops_.front() : *loops_.back();
    loop.wants = machine_.witness.now;
    add_post(loop, i);
  }
}

void AgentLife::add_post(Loop& loop, uint32_t destination) {
  const DestinationPlan& plan = machine_.plan.destinations[destination];
  Post post;
  post.wire = std::make_unique<SimWire>(machine_.plan, destination, machine_.witness,
                                        machine_.ledger, machine_.skies[destination], dice_.fork());
  LaneSettings settings;
  settings.name = fmt::format("d{}", destination);
  settings.home_producer = destination;
  settings.home_room = plan.home_room;
  settings.workers = plan.workers;
  settings.workers_adapt = true;
  settings.ahead_bytes_max = Bytes(static_cast<int64_t>(plan.batch_bytes) * 2 * plan.workers);
  settings.rate_bytes = plan.rate_bytes;
  settings.rate_requests = plan.rate_requests;
  settings.retry_min_delay = machine_.plan.retry_min_delay;
  settings.retry_max_delay = machine_.plan.retry_max_delay;
  LaneParts parts;
  parts.wire = post.wire.get();
  parts.arriving = arriving_[destination].get();
  parts.home = home_.get();
  parts.gauge = &gauges_[destination];
  parts.metrics = &lane_metrics_[destination];
  parts.events = &log_;
  post.dead = std::make_unique<SimDead>(machine_.plan, destination, machine_.witness,
                                        machine_.ledger, dice_.fork());
  if (plan.spool) {
    post.spool =
        std::make_unique<SimSpool>(machine_.plan, destination, machine_.witness, machine_.ledger,
                                   machine_.shelves[destination], dice_.fork(), wall());
    parts.spool = post.spool.get();
    settings.spool = plan.at_risk ? SpoolMode::kAtRisk : SpoolMode::kAll;
    settings.spool_after = plan.spool_after;
  }
  post.cutter = std::make_unique<BodyCutter>(make_identity());
  parts.dead = post.dead.get();
  parts.cutter = post.cutter.get();
  settings.body_bytes = plan.batch_bytes;
  settings.proof_patience = Duration(3'000'000'000);
  parts.steward = plan.ordered ? static_cast<Waker*>(&steward_waker_) : &home_bell_;
  post.lane = std::make_unique<Lane>(settings, parts, dice_.next());
  loop.posts.push_back(std::move(post));
}

std::unique_ptr<Shard> AgentLife::make_shard(uint32_t index) {
  const Plan& plan = machine_.plan;
  ShardSettings settings;
  settings.shard = ShardId(index);
  settings.report_producer = index;
  settings.buffers = plan.buffers;
  settings.tick = plan.tick;
  settings.credit_retry = plan.credit_retry;
  settings.tail = {plan.hot_for, plan.partial_grace, plan.retry_delay};
  ShardParts parts;
  parts.io = loops_[index]->io.get();
  parts.buffers = buffers_.get();
  parts.blocks = blocks_.get();
  parts.orders = orders_[index].get();
  parts.reports = reports_.get();
  parts.steward = &steward_waker_;
  parts.metrics = &shard_metrics_[index];
  parts.idle_shard = plan.shards > 1 ? &sleeper_bell_ : nullptr;
  for (size_t i = 0; i < std::max<size_t>(1, plan.sources.size()); ++i) {
    SourceFacts facts;
    facts.host = kHost;
    facts.line_bytes_max = plan.line_bytes_max;
    facts.strip_cr = plan.strip_cr;
    parts.sources.push_back(std::move(facts));
  }
  for (uint32_t i = 0; i < gauges_.size(); ++i) parts.roads.push_back(make_road(index, i));
  return std::make_unique<Shard>(settings, std::move(parts));
}

RoadParts AgentLife::make_road(uint32_t shard, uint32_t destination) {
  const DestinationPlan& plan = machine_.plan.destinations[destination];
  Memory& memory = memory_[shard * gauges_.size() + destination];
  RoadParts road;
  road.destination = DestinationId(destination);
  road.encoder = std::make_unique<JsonEncoder>(encoder_options(plan));
  road.compressor = make_identity();
  TailOrigin longest;
  longest.path.assign(64, 'x');
  longest.host = kHost;
  const size_t capacity =
      plan.batch_bytes + road.encoder->worst_line_bytes(machine_.plan.line_bytes_max, longest);
  memory.body.resize(capacity);
  memory.scratch.resize(road.compressor->bound(capacity));
  road.body.data = memory.body.data();
  road.body.capacity = capacity;
  road.body.soft_limit = plan.batch_bytes;
  road.compressed = memory.scratch;
  road.rules.lines_max = Lines(plan.batch_lines);
  road.rules.wait = plan.wait;
  road.gauge = &gauges_[destination];
  road.lane = arriving_[destination].get();
  const bool lanes_here = machine_.plan.lanes_on_shard && shard == 0;
  const size_t lane_loop =
      machine_.plan.lanes_on_shard ? 0 : static_cast<size_t>(machine_.plan.shards) + destination;
  // Loops of lanes are made after the shards, so the waker is looked up when it is rung.
  struct LaneWaker final : Waker {
    void wake() noexcept override { life->loops_[loop]->waker.wake(); }
    AgentLife* life = nullptr;
    size_t loop = 0;
  };
  if (!lanes_here) {
    auto waker = std::make_unique<LaneWaker>();
    waker->life = this;
    waker->loop = lane_loop;
    road.lane_waker = waker.get();
    lane_wakers_.push_back(std::move(waker));
  }
  road.ordered = plan.ordered;
  return road;
}

void AgentLife::make_steward() {
  const Plan& plan = machine_.plan;
  StewardSettings settings;
  const std::string ending = plan.wide_pattern ? "*.log*" : "*.log";
  std::vector<SourcePlan> sources = plan.sources;
  if (sources.empty()) sources.push_back({{"/logs/" + ending, "/logs/app/" + ending}, {}});
  for (const SourcePlan& each : sources) {
    StewardSource source;
    source.name = fmt::format("sim{}", settings.sources.size());
    source.rules = std::move(PathRules::compile(each.paths, each.exclude).value());
    source.from = plan.from_end ? StartFrom::kEnd : StartFrom::kBeginning;
    for (uint32_t i = 0; i < gauges_.size(); ++i) source.destinations.push_back(DestinationId(i));
    settings.sources.push_back(std::move(source));
  }
  for (uint32_t i = 0; i < gauges_.size(); ++i)
    settings.destinations.push_back({fmt::format("d{}", i), plan.destinations[i].ordered});
  settings.checkpoint_interval = plan.checkpoint_interval;
  settings.reconcile_interval = plan.reconcile_interval;
  settings.open_files_max = plan.open_files_max;
  settings.orders_max = plan.orders_max;
  StewardDoors doors;
  for (size_t i = 0; i < orders_.size(); ++i)
    doors.shards.push_back({orders_[i].get(), &loops_[i]->waker});
  doors.reports = reports_.get();
  doors.home = home_.get();
  steward_ = std::make_unique<Steward>(std::move(settings), std::move(doors),
                                       StewardWorld{machine_.disk, machine_.feed, machine_.store,
                                                    log_, steward_metrics_, &scratch_});
  const Result<void> started = steward_->start(machine_.witness.now, wall());
  SLUICE_CHECK(started.ok(), "the simulated store can always be read");
  steward_wants_ = machine_.witness.now;
}

}  // namespace sluice::sim
