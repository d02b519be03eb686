// SPDX-License-Identifier: Apache-2.0
// agent_life.h — one life of the agent process: the real shells, wired as the composition wires
// them.
//
// In:      the plan; the machine it runs on; stop orders.
// Out:     threads to turn: loop 0..n and the steward, each with the time when it wants to.
// Owns:    shards, lanes, steward, channels, pool, metrics. A crash is the destructor.
// Thread:  one for all; which of them turns next is the schedule's choice.
// Limits:  a thread turns only when it is due or woken, so a wake-up that is missing is found.
// Why so:  the same wiring as in src/agent/composition.cc, with other parts at the seams.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "flow/lane.h"
#include "flow/shard.h"
#include "flow/steward.h"
#include "ledger.h"
#include "sim_dead.h"
#include "sim_doors.h"
#include "sim_feed.h"
#include "sim_io.h"
#include "sim_scratch.h"
#include "sim_spool.h"
#include "sim_store.h"
#include "sim_wire.h"

namespace sluice::sim {

// What an agent finds when it starts, and leaves behind when it dies.
struct Machine {
  const Plan& plan;
  Witness& witness;
  SimDisk& disk;
  SimFeed& feed;
  SimStore& store;
  Ledger& ledger;
  std::vector<DestinationSky>& skies;
  std::vector<SpoolShelf>& shelves;
  int64_t& wall_shift_ns;  // what operators did to the wall clock
  bool& faults;
};

class AgentLife {
 public:
  AgentLife(const Machine& machine, uint64_t seed);
  ~AgentLife();
  AgentLife(const AgentLife&) = delete;
  AgentLife& operator=(const AgentLife&) = delete;

  size_t threads() const { return loops_.size() + 1; }
  // When the thread wants to turn; `now` or earlier if it was woken.
  MonoTime due(size_t thread) const;
  void turn(size_t thread);
  // The kernel and the network move what is due.
  void work();

  void begin_stop();
  bool stopping() const { return stage_ != Stage::kRunning; }
  bool ended() const { return stage_ == Stage::kEnded; }
  // The last words of a graceful stop. REQUIRES: ended().
  void finish();
  // SIGKILL: what was on the wire arrives or not, nothing else happens.
  void die();

  Survey survey() { return steward_->survey(machine_.witness.now); }
  // Nothing is held or under way between the files and the destinations.
  bool empty() const;
  int64_t bytes_in_flight() const;
  // What the agent says of itself.
  const StewardMetrics& steward_metrics() const { return steward_metrics_; }
  const std::vector<ShardMetrics>& shard_metrics() const { return shard_metrics_; }
  const std::vector<LaneMetrics>& lane_metrics() const { return lane_metrics_; }
  // I7 and I8, at any moment.
  void check_counts();
  // I8: every line of the audit adds up, and nothing is in flight. REQUIRES: empty().
  void check_audit();

 private:
  enum class Stage : uint8_t { kRunning, kDraining, kGivingBack, kEnded };
  struct Post {
    std::unique_ptr<SimWire> wire;
    std::unique_ptr<SimDead> dead;
    std::unique_ptr<SimSpool> spool;
    std::unique_ptr<BodyCutter> cutter;
    std::unique_ptr<Lane> lane;
  };
  struct Loop {
    SimWaker waker;
    std::unique_ptr<SimIo> io;
    std::vector<Post> posts;
    std::unique_ptr<Shard> shard;
    MonoTime wants{0};
    bool stop_told = false;
    bool give_back_told = false;
  };
  // Wakes some shard that sleeps.
  struct SleeperBell final : Waker {
    explicit SleeperBell(AgentLife& life) : life_(life) {}
    void wake() noexcept override;
    AgentLife& life_;
  };
  // Lets the steward sleep on for a while, as HomeBell does.
  struct HomeBell final : Waker {
    explicit HomeBell(AgentLife& life) : life_(life) {}
    void wake() noexcept override;
    AgentLife& life_;
  };
  struct Log final : EventLog {
    explicit Log(Witness& witness) : witness_(witness) {}
    using EventLog::event;
    void event(Severity, std::string_view key, std::string_view,
               std::span<const EventField> fields) noexcept override {
      witness_.quote(key);
      for (const EventField& field : fields) witness_.quote(field.value);
    }
    Witness& witness_;
  };
  struct Memory {
    std::vector<uint8_t> body;
    std::vector<std::byte> scratch;
  };

  void make_doors();
  void make_loops();
  void make_steward();
  std::unique_ptr<Shard> make_shard(uint32_t index);
  RoadParts make_road(uint32_t shard, uint32_t destination);
  void add_post(Loop& loop, uint32_t destination);
  void turn_loop(Loop& loop);
  void turn_steward();
  void interleave(ShardId shard);
  void advance_stop();
  bool lanes_empty() const;
  WallTime wall() const;
  void check_lane(uint32_t destination);

  const Machine machine_;
  Dice dice_;
  Log log_;
  SleeperBell sleeper_bell_{*this};
  HomeBell home_bell_{*this};
  SimWaker steward_waker_;
  std::vector<std::unique_ptr<Loop>> loops_;
  std::unique_ptr<SimBuffers> buffers_;
  std::unique_ptr<SimBlockQueue> blocks_;
  std::vector<std::unique_ptr<SimChannel<ShardOrder>>> orders_;
  std::unique_ptr<SimChannel<ShardReport>> reports_;
  std::unique_ptr<SimChannel<ParcelPtr>> home_;
  std::vector<std::unique_ptr<SimChannel<ParcelPtr>>> arriving_;
  std::vector<LaneGauge> gauges_;
  std::vector<Memory> memory_;
  std::vector<std::unique_ptr<Waker>> lane_wakers_;
  std::vector<ShardMetrics> shard_metrics_;
  std::vector<LaneMetrics> lane_metrics_;
  StewardMetrics steward_metrics_;
  SimScratch scratch_{machine_.disk};
  std::unique_ptr<Steward> steward_;

  MonoTime steward_wants_{0};
  MonoTime home_bell_at_ = kNever;
  MonoTime stop_deadline_ = kNever;
  Stage stage_ = Stage::kRunning;
  bool give_back_ = false;
  bool interleaving_ = false;
};

}  // namespace sluice::sim
