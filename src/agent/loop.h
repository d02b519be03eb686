// SPDX-License-Identifier: Apache-2.0
// loop.h — one thread with one place to wait: a shard, lanes, or a shard with lanes.
//
// In:      what turns on it; the controls of the agent (stop, give back, end).
// Out:     turns. The loop alone knows threads; what turns on it does not.
// Owns:    its Io, its shard, its lanes and their wires: all made, used and destroyed on its
//          thread, because a ring belongs to the thread that made it.
// Thread:  start(), wait_ready() and join() by the agent; the rest on its own.
// Limits:  sleeps in Io::wait() until somebody needs it; nothing periodic.
// Fails:   what cannot be made (a ring, a wire with a bad certificate) is said by wait_ready().
// Why so:  on one or two cores a lane turns on a shard's loop: no hand-off, no wake-up, no cache
//          line that travels. On more it has a thread of its own, so that sending does not steal
//          the time of one shard among many.
#pragma once

#include <atomic>
#include <functional>
#include <future>
#include <latch>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "agent/late_waker.h"
#include "agent/spool_desk.h"
#include "agent/wires.h"
#include "flow/lane.h"
#include "flow/shard.h"
#include "platform/dead_letter_desk.h"
#include "platform/io_probe.h"
#include "sluice/clock.h"

namespace sluice {

// What the agent tells all its loops. Set, then wake them.
struct LoopControls {
  // `parties`: the loops and the agent itself.
  explicit LoopControls(ptrdiff_t parties) : nobody_wakes(parties) {}

  std::atomic<int64_t> stop_deadline_ns{0};  // lanes deliver until then; 0: go on
  std::atomic<bool> give_back{false};        // lanes end what is on the wire and send it home
  std::atomic<bool> end{false};              // leave the thread
  // Passed by everybody after its last wake of another loop: only then may an Io be destroyed.
  std::latch nobody_wakes;
};

struct LaneSpec {
  WirePlan wire;
  LaneSettings settings;
  LaneParts parts;  // without those that are made on the loop: wire, cutter, dead letters
  uint64_t seed = 0;
  Compression compression = Compression::kGzip;
  CompressionLevel level;
  std::string dead_directory;
  Bytes dead_bytes_max;
  std::string spool_directory;
  SpoolSettings spool;
  Waker* waker = nullptr;  // of the loop, for the dead letters and the spool
};

struct LoopPlan {
  std::string name;        // of the thread, at most 15 bytes
  std::optional<int> cpu;  // to run on, when pinned
  IoBackend io = IoBackend::kAuto;
  UringProbe probe;
  std::vector<iovec> registrations;
  size_t reads_in_flight_max = 1;
  Clock* clock = nullptr;
  LateWaker* waker = nullptr;  // of this loop
  // Shard loops: who may ring when there is too much to do, and this loop's seat there.
  SleeperBell* bell = nullptr;
  size_t seat = 0;
  std::function<std::unique_ptr<Shard>(Io&)> make_shard;  // empty: lanes only
  std::vector<LaneSpec> lanes;
};

class Loop {
 public:
  Loop(LoopPlan plan, LoopControls& controls);
  ~Loop();
  Loop(const Loop&) = delete;
  Loop& operator=(const Loop&) = delete;

  void start();
  // After start(): waits until the loop turns. A sentence if it could not be made.
  std::string wait_ready();
  // The thread is through; join() will not block for long.
  bool ended() const { return ended_.load(std::memory_order_acquire); }
  void join();
  // "uring" or "pread". REQUIRES: wait_ready() found nothing wrong.
  const std::string& backend() const { return backend_; }
  const std::string& note() const { return note_; }

 private:
  struct Post {
    std::unique_ptr<Wire> wire;
    std::unique_ptr<BodyCutter> cutter;
    std::unique_ptr<DeadLetterDesk> dead;
    std::unique_ptr<SpoolDesk> spool;
    std::unique_ptr<Lane> lane;
  };

  void run();
  std::string make();
  std::string open_spool(const LaneSpec& lane, Post& post);
  void turns();
  void obey();
  MonoTime turn_lanes(MonoTime now);

  // Constant after construction.
  LoopPlan plan_;
  LoopControls& controls_;
  std::promise<std::string> ready_;
  std::thread thread_;
  std::atomic<bool> ended_{false};
  std::string backend_;
  std::string note_;

  // The loop's thread only; destroyed there, in reverse order.
  std::unique_ptr<LoopIo> io_;
  std::vector<Post> posts_;
  std::unique_ptr<Shard> shard_;
  bool stop_told_ = false;
  bool give_back_told_ = false;
};

}  // namespace sluice
