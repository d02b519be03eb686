// SPDX-License-Identifier: Apache-2.0
// world.h — one schedule from its seed to its verdict.
//
// In:      a seed.
// Out:     a Verdict; the trace on stdout if asked to tell.
// Owns:    disk, network, receivers, writers, operator and the agent's lives, all on one thread.
// Limits:  about 5 ms of CPU. After the troubled time more must be delivered within each
//          kCalmMax of simulated time.
// Why so:  whoever may act next is drawn from the seed, one turn at a time; between two turns (and,
//          in some schedules, between two system calls) anything else may happen.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "agent_life.h"
#include "writers.h"

namespace sluice::sim {

struct Verdict {
  bool good = true;
  uint64_t hash = 0;  // of the trace
  int64_t steps = 0;
  MonoTime ended{0};  // simulated
  std::string invariant, what;
  RareCounts rare{};
};

class World {
 public:
  World(uint64_t seed, const Plan& plan, bool tells);
  ~World();

  Verdict run();
  const Witness& witness() const { return witness_; }

 private:
  enum class Act : uint8_t {
    kWrite,
    kRotate,
    kTruncateCopy,
    kWeather,
    kStoreFull,
    kStoreFree,
    kCrash,
    kPowerLoss,
    kStop,
    kStart,
    kClock,
    kMove,
  };
  struct Event {
    MonoTime at;
    Act act;
    size_t which = 0;
    int64_t value = 0;
  };

  // world_plan.cc: what will happen when.
  void plan_events();
  void plan_operator();
  void at_random(int count, Act act, int64_t value = 0);
  void add(Event event);

  // world.cc
  void act(const Event& event);
  void rotate(size_t stream, Rotation how);
  void race();
  void start_agent();
  void end_agent(bool crash);
  void lose_power();
  void treat_store();
  bool step(MonoTime until);
  void run_until(MonoTime until);
  MonoTime next_moment() const;
  bool turn_someone();
  void after_turn(size_t thread);
  void calm_down();
  bool wait_for_the_rest();
  bool mend_receivers();
  void wait_until_empty(Duration at_most);
  void settle();
  void stop_at_last();

  const Plan plan_;
  Witness witness_;
  Dice dice_;
  bool faults_ = true;
  int64_t wall_shift_ns_ = 0;
  SimFeed feed_;
  SimDisk disk_;
  Ledger ledger_;
  SimStore store_;
  std::vector<DestinationSky> skies_;
  std::vector<SpoolShelf> shelves_;
  Writers writers_;
  bool up_ = false;
  bool racing_ = false;
  int lives_ended_ = 0;
  std::unique_ptr<AgentLife> agent_;
  std::vector<MonoTime> stalled_until_;
  std::vector<int64_t> turns_;  // of the present life, by thread
  std::vector<Event> events_;   // the next one last
  const MonoTime begin_;
};

// One schedule. `tells`: prints the trace while it happens.
Verdict run_schedule(uint64_t seed, bool tells);

}  // namespace sluice::sim
