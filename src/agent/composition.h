// SPDX-License-Identifier: Apache-2.0
// composition.h — the only place that names the concrete parts and wires them together.
//
// In:      a checked configuration.
// Out:     everything that turns, ready to be started: the steward here, shards and lanes as plans
//          of loops, because they are made on their own threads.
// Owns:    pools, channels, gauges, metrics, the store, the lock of the state directory. Declared
//          in the order in which they depend on each other, so they end in the reverse one.
// Thread:  the agent's; afterwards the parts follow their own rules.
// Limits:  all memory is counted by the memory plan before anything is made.
// Fails:   compose() answers with a sentence that names the remedy.
// Why so:  no registries, no singletons, no global configuration: a part gets the few values it
//          needs, and whoever asks who talks to whom reads one file.
#pragma once

#include <atomic>
#include <memory>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "agent/home_bell.h"
#include "agent/late_waker.h"
#include "agent/loop.h"
#include "agent/name_watch.h"
#include "flow/steward.h"
#include "platform/inotify_feed.h"
#include "platform/instance_lock.h"
#include "platform/lazy_memory.h"
#include "platform/memory_plan.h"
#include "platform/mpmc_block_queue.h"
#include "platform/mpmc_channel.h"
#include "platform/read_pool.h"
#include "platform/scratch_files.h"
#include "platform/sqlite_store.h"
#include "platform/system_clock.h"
#include "platform/system_disk.h"
#include "sluice/agent_metrics.h"
#include "sluice/config.h"
#include "sluice/event_log.h"

namespace sluice {

// The lock on a state directory, and which one it is.
struct StateLock {
  std::string directory;
  std::vector<InstanceLock> lock;  // one or none
};

struct Composition {
  explicit Composition(FollowLinks follow) : disk(follow) {}

  // How many shards, and what they may hold.
  int32_t shards = 1;
  MemoryPlan plan;
  UringProbe probe;

  SystemClock clock;
  StateLock lock;
  SystemDisk disk;
  std::unique_ptr<DirectoryFeed> feed;
  int feed_fd = -1;  // readable when there are hints; -1: there never are
  std::unique_ptr<SqliteStore> store;
  std::unique_ptr<NameWatch> name_watch;  // the steward's way to the store
  std::unique_ptr<ScratchFiles> scratch_files;

  // Doors and credit.
  LateWaker steward_waker;
  HomeBell home_bell{steward_waker};
  std::unique_ptr<SleeperBell> shard_bell;
  std::vector<std::unique_ptr<LateWaker>> lane_wakers;  // of lanes with a loop of their own
  std::unique_ptr<ReadPool> pool;
  std::unique_ptr<MpmcBlockQueue> blocks;
  std::vector<std::unique_ptr<MpmcChannel<ShardOrder>>> orders;  // by ShardId
  std::unique_ptr<MpmcChannel<ShardReport>> reports;
  size_t home_room = 0;  // parcels at home above which lanes wait for the steward
  std::unique_ptr<MpmcChannel<ParcelPtr>> home;
  std::vector<std::unique_ptr<MpmcChannel<ParcelPtr>>> arriving;  // by DestinationId
  std::vector<LaneGauge> gauges;                                  // by DestinationId
  std::vector<LazyMemory> bodies;   // shard * destinations + destination
  std::vector<LazyMemory> scratch;  // by ShardId

  // Numbers.
  std::vector<ShardMetrics> shard_metrics;
  std::vector<LaneMetrics> lane_metrics;
  StewardMetrics steward_metrics;
  AgentMetricsView view;

  std::unique_ptr<Steward> steward;
  std::unique_ptr<LoopControls> controls;
  std::vector<std::unique_ptr<Loop>> loops;
};

// Either the parts, or why they cannot be made. `kept`: the lock on the state directory of an
// earlier composition, taken over if it is the same directory.
std::variant<std::unique_ptr<Composition>, std::string> compose(const AgentConfig& config,
                                                                EventLog& log, StateLock* kept);

// Whether these shards and destinations fit into `memory`; a sentence with the least that would do.
// Used by `sluice check` too.
std::string memory_refusal(const AgentConfig& config);
// What the plan of memory adds up to; nothing when it is refused.
std::optional<Bytes> planned_memory(const AgentConfig& config);

}  // namespace sluice
