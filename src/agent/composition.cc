// SPDX-License-Identifier: Apache-2.0
#include "agent/composition.h"

#include <sys/resource.h>

#include <algorithm>
#include <utility>

#include "agent/part_factory.h"
#include "control/config_values.h"
#include "flow/compress/codecs.h"
#include "flow/encode/json_encoder.h"
#include "platform/cpu_affinity.h"
#include "platform/no_feed.h"

namespace sluice {
namespace {

// Descriptors that are not followed files: sockets, rings, the store, the log, libraries.
constexpr size_t kOtherDescriptors = 96;
// What does not fit waits with its sender. All of it is memory from the start: a report has the
// bytes before its place and takes 128, so 65,536 of them were 12 MiB of a resident set of 56. More
// spares a turn of a shard when tens of thousands of files fall quiet together.
constexpr size_t kOrdersMax = 4096;
constexpr size_t kReportsMax = 1 << 14;

// The most descriptors that this process may have, after asking for as many as it may ask for.
size_t raise_open_files_limit() {
  rlimit limit{};
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return 256;
  if (limit.rlim_cur < limit.rlim_max) {
    limit.rlim_cur = limit.rlim_max;
    setrlimit(RLIMIT_NOFILE, &limit);
    getrlimit(RLIMIT_NOFILE, &limit);
  }
  return static_cast<size_t>(std::min<rlim_t>(limit.rlim_cur, 1 << 20));
}

// The largest record that any line of any source can become at this destination.
size_t worst_record_bytes(const AgentConfig& config, const DestinationConfig& destination) {
  const JsonEncoder encoder(encoder_options(destination));
  size_t worst = 0;
  for (const SourceFacts& facts : source_facts(config)) {
    TailOrigin origin;
    origin.path.assign(4096, '\x01');  // PATH_MAX bytes that all need the longest escape
    origin.host = facts.host;
    origin.labels = facts.labels;
    origin.form = facts.form;
    worst = std::max(worst, encoder.worst_line_bytes(facts.line_bytes_max, origin));
  }
  return worst;
}

PlanInput plan_input(const AgentConfig& config, int32_t shards) {
  PlanInput input;
  input.limit = config.memory;
  input.shards = shards;
  for (const SourceConfig& source : config.sources) {
    input.max_line = std::max(input.max_line, source.max_line);
    const bool plain = LineForm{source.format, source.encoding}.is_plain();
    const auto line_bytes = static_cast<size_t>(source.max_line.value);
    const Bytes decoded(static_cast<int64_t>(LineReader::memory_bytes(line_bytes)));
    if (!plain) input.decoded_line = std::max(input.decoded_line, decoded);
  }
  for (const DestinationConfig& destination : config.destinations) {
    PlanDestination plan;
    plan.batch_bytes = destination.batch_bytes;
    plan.worst_line_bytes = Bytes(static_cast<int64_t>(worst_record_bytes(config, destination)));
    plan.codec_bytes = Bytes(1 << 20);
    plan.workers = destination.planned_workers();
    input.destinations.push_back(plan);
  }
  return input;
}

int32_t choose_shards(const AgentConfig& config) {
  if (config.shards > 0) return config.shards;
  return shards_that_fit(plan_input(config, 1), usable_cpus());
}

// Builds a Composition step by step; each step may refuse with a sentence.
class Composer {
 public:
  Composer(const AgentConfig& config, EventLog& log, StateLock* kept)
      : config_(config), log_(log), kept_(kept) {}

  std::variant<std::unique_ptr<Composition>, std::string> build() {
    for (const auto step :
         {&Composer::plan_memory, &Composer::open_state, &Composer::make_doors,
          &Composer::make_bodies, &Composer::make_steward, &Composer::plan_loops}) {
      std::string problem = (this->*step)();
      if (!problem.empty()) return problem;
    }
    describe();
    return std::move(made_);
  }

 private:
  std::string plan_memory() {
    made_->shards = choose_shards(config_);
    MemoryPlanOutcome outcome = make_memory_plan(plan_input(config_, made_->shards));
    if (!outcome.plan) return outcome.refusal;
    made_->plan = std::move(*outcome.plan);
    made_->probe = probe_uring();
    return {};
  }

  std::string open_state() {
    std::string problem = lock_state();
    if (!problem.empty()) return problem;
    made_->store = std::make_unique<SqliteStore>(config_.state_dir, made_->clock.wall());
    made_->scratch_files = std::make_unique<ScratchFiles>(config_.state_dir);
    Result<std::unique_ptr<InotifyFeed>> feed = InotifyFeed::create();
    if (feed) {
      made_->feed_fd = feed.value()->fd();
      made_->feed = std::move(feed).value();
      return {};
    }
    log_.event(Severity::kWarning, "agent.inotify",
               "cannot watch directories, so new files are found at the reconcile interval only; "
               "raise fs.inotify.max_user_instances: " +
                   feed.error().message());
    made_->feed = std::make_unique<NoFeed>();
    return {};
  }

  // Between two configurations nobody else may take the directory.
  std::string lock_state() {
    if (kept_ != nullptr && kept_->directory == config_.state_dir && !kept_->lock.empty()) {
      made_->lock = std::move(*kept_);
      return {};
    }
    std::string problem;
    Result<InstanceLock> lock =
        InstanceLock::acquire(config_.state_dir, InstanceLock::kSilence, problem);
    if (!lock && lock.error().code == Errc::kBusy) {
      const Duration rest = InstanceLock::kPatience - InstanceLock::kSilence;
      log_.event(Severity::kInfo, "agent.lock",
                 "waiting " + format_duration(rest) + " for it to end: " + problem);
      lock = InstanceLock::acquire(config_.state_dir, rest, problem);
    }
    if (!lock) return problem;
    made_->lock.directory = config_.state_dir;
    made_->lock.lock.push_back(std::move(lock).value());
    return {};
  }

  std::string make_doors() {
    const auto shards = static_cast<uint32_t>(made_->shards);
    const auto destinations = static_cast<uint32_t>(config_.destinations.size());
    Result<std::unique_ptr<ReadPool>> pool = ReadPool::create(made_->plan.pool);
    if (!pool) return pool.error().message();
    made_->pool = std::move(pool).value();
    made_->shard_bell = std::make_unique<SleeperBell>(shards);
    const ReadPoolShape& buffers = made_->plan.pool;
    const size_t blocks_max = size_t{shards} * static_cast<size_t>(buffers.buffers_per_shard) +
                              static_cast<size_t>(buffers.oversize);
    made_->blocks = std::make_unique<MpmcBlockQueue>(shards, blocks_max);
    made_->reports = std::make_unique<MpmcChannel<ShardReport>>(kReportsMax, shards);
    size_t parcels_max = 0;
    made_->gauges = std::vector<LaneGauge>(destinations);
    for (uint32_t i = 0; i < destinations; ++i) {
      const DestinationConfig& destination = config_.destinations[i];
      const LanePlan& memory = made_->plan.lanes[i];
      LaneGauge& gauge = made_->gauges[i];
      gauge.bytes_max = memory.bytes_max.value;
      gauge.lines_max = destination.queue.value;
      gauge.parcels_max = memory.parcels_max;
      gauge.drop_oldest = destination.overflow == Overflow::kDropOldest;
      // Each shard may see the last free place at the same time, and once more when it drains.
      const size_t capacity = static_cast<size_t>(memory.parcels_max) + size_t{2} * shards;
      made_->arriving.push_back(std::make_unique<MpmcChannel<ParcelPtr>>(capacity, shards));
      parcels_max += capacity;
    }
    made_->home_room = parcels_max;
    made_->home = std::make_unique<MpmcChannel<ParcelPtr>>(2 * parcels_max, destinations);
    for (uint32_t i = 0; i < shards; ++i) {
      made_->orders.push_back(std::make_unique<MpmcChannel<ShardOrder>>(kOrdersMax, 1));
      made_->pool->set_waker(ShardId(i), &made_->shard_bell->waker_of(i));
    }
    made_->shard_metrics = std::vector<ShardMetrics>(shards);
    made_->lane_metrics = std::vector<LaneMetrics>(destinations);
    return {};
  }

  std::string make_bodies() {
    for (int32_t shard = 0; shard < made_->shards; ++shard) {
      size_t scratch_bytes = 0;
      for (size_t i = 0; i < config_.destinations.size(); ++i) {
        const auto capacity = static_cast<size_t>(made_->plan.lanes[i].body_capacity.value);
        Result<LazyMemory> body = LazyMemory::create(capacity);
        if (!body) return body.error().message();
        made_->bodies.push_back(std::move(body).value());
        auto codec =
            make_compressor(config_.destinations[i].compression, config_.destinations[i].level);
        if (!codec) {
          return "destination '" + config_.destinations[i].name +
                 "': this build has no codec for its compression and level; choose another, or "
                 "install the library and build again";
        }
        scratch_bytes = std::max(scratch_bytes, codec.value()->bound(capacity));
      }
      Result<LazyMemory> scratch = LazyMemory::create(scratch_bytes);
      if (!scratch) return scratch.error().message();
      made_->scratch.push_back(std::move(scratch).value());
    }
    return {};
  }

  std::string make_steward() {
    const size_t limit = raise_open_files_limit();
    const size_t files = limit > 2 * kOtherDescriptors ? limit - kOtherDescriptors : limit / 2;
    Result<StewardSettings> settings = steward_settings(config_, files);
    if (!settings) return "a pattern in paths cannot be used: " + settings.error().message();
    StewardDoors doors;
    for (int32_t i = 0; i < made_->shards; ++i) {
      doors.shards.push_back({made_->orders[static_cast<size_t>(i)].get(),
                              &made_->shard_bell->waker_of(static_cast<size_t>(i))});
    }
    doors.reports = made_->reports.get();
    doors.home = made_->home.get();
    made_->name_watch = std::make_unique<NameWatch>(*made_->store, config_, log_);
    made_->steward =
        std::make_unique<Steward>(std::move(settings).value(), std::move(doors),
                                  StewardWorld{made_->disk, *made_->feed, *made_->name_watch, log_,
                                               made_->steward_metrics, made_->scratch_files.get()});
    return {};
  }

  PartFactory factory() const { return PartFactory(config_, log_, *made_); }

  LoopPlan loop_plan(std::string name, LateWaker& waker) const {
    LoopPlan plan;
    plan.name = std::move(name);
    plan.io = config_.io;
    plan.probe = made_->probe;
    plan.clock = &made_->clock;
    plan.waker = &waker;
    return plan;
  }

  std::string plan_loops() {
    const bool threads = PartFactory::lanes_have_threads();
    const auto destinations = static_cast<uint32_t>(config_.destinations.size());
    const size_t loops = static_cast<size_t>(made_->shards) + (threads ? destinations : 0);
    made_->controls = std::make_unique<LoopControls>(static_cast<ptrdiff_t>(loops) + 1);
    for (uint32_t i = 0; threads && i < destinations; ++i) {
      made_->lane_wakers.push_back(std::make_unique<LateWaker>());
      LoopPlan plan = loop_plan("lane-" + config_.destinations[i].name, *made_->lane_wakers[i]);
      plan.lanes.push_back(factory().lane(DestinationId(i)));
      made_->loops.push_back(std::make_unique<Loop>(std::move(plan), *made_->controls));
    }
    const std::vector<int> cpus = allowed_cpus();
    for (uint32_t i = 0; i < static_cast<uint32_t>(made_->shards); ++i) {
      LoopPlan plan = loop_plan("shard-" + std::to_string(i), made_->shard_bell->waker_of(i));
      if (config_.pin) plan.cpu = cpus[i % cpus.size()];
      plan.registrations = made_->pool->registrations(ShardId(i));
      plan.reads_in_flight_max = static_cast<size_t>(made_->plan.pool.buffers_per_shard) +
                                 static_cast<size_t>(made_->plan.pool.oversize);
      plan.bell = made_->shard_bell.get();
      plan.seat = i;
      const bool lanes_here = !threads && i == 0;
      for (uint32_t lane = 0; lanes_here && lane < destinations; ++lane) {
        plan.lanes.push_back(factory().lane(DestinationId(lane)));
      }
      // Called on the loop's thread, which ends before the composition does.
      plan.make_shard = [make = factory(), i, lanes_here](Io& io) {
        return make.shard(ShardId(i), lanes_here, io);
      };
      made_->loops.push_back(std::make_unique<Loop>(std::move(plan), *made_->controls));
    }
    return {};
  }

  void describe() {
    AgentMetricsView& view = made_->view;
    for (size_t i = 0; i < made_->shard_metrics.size(); ++i) {
      view.shards.push_back({"shard-" + std::to_string(i), &made_->shard_metrics[i]});
    }
    for (size_t i = 0; i < config_.destinations.size(); ++i) {
      view.lanes.push_back(
          {config_.destinations[i].name, "http", &made_->lane_metrics[i], &made_->gauges[i]});
    }
    view.steward = &made_->steward_metrics;
    view.version = SLUICE_VERSION;
    view.memory_limit = config_.memory;
    view.started = made_->clock.mono();
  }

  const AgentConfig& config_;
  EventLog& log_;
  StateLock* kept_;
  std::unique_ptr<Composition> made_ = std::make_unique<Composition>(config_.follow_links);
};

}  // namespace

std::variant<std::unique_ptr<Composition>, std::string> compose(const AgentConfig& config,
                                                                EventLog& log, StateLock* kept) {
  return Composer(config, log, kept).build();
}

std::string memory_refusal(const AgentConfig& config) {
  return make_memory_plan(plan_input(config, choose_shards(config))).refusal;
}

std::optional<Bytes> planned_memory(const AgentConfig& config) {
  const MemoryPlanOutcome outcome = make_memory_plan(plan_input(config, choose_shards(config)));
  if (!outcome.plan) return std::nullopt;
  return outcome.plan->total();
}

}  // namespace sluice
