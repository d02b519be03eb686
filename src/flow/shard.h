// SPDX-License-Identifier: Apache-2.0
// shard.h — one thread's share of the data plane: reads its tails, encodes anybody's blocks.
//
// In:      orders from the steward; completions from its Io; blocks of its own and, when it has
//          none, of other shards.
// Out:     parcels to the lanes, reports to the steward.
// Owns:    its tails, one open batch and encoder and compressor per destination. Borrows buffers
//          from the pool for as long as a read or a block uses them.
// Thread:  one. turn() is the only entry while running; it never waits.
// Limits:  no read starts without a free buffer and credit of the destination's lane; a destination
//          holds at most its equal share of this shard's buffers, so one that is stuck cannot
//          starve the others. At most kBlocksPerTurn blocks per turn, so that sockets and reads
//          stay served.
// Fails:   a failed read is reported and tried again; what is read but not delivered at the end is
//          simply read again by the next run.
// Why so:  turn() is the architecture in one scroll: read, split, encode, seal, in that order.
#pragma once

#include <array>
#include <cstdint>
#include <deque>
#include <memory>
#include <span>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "flow/batch/batch.h"
#include "flow/read/tail.h"
#include "flow/split/line_reader.h"
#include "sluice/channel.h"
#include "sluice/compressor.h"
#include "sluice/encoder.h"
#include "sluice/io.h"
#include "sluice/lane_gauge.h"
#include "sluice/messages.h"
#include "sluice/metrics.h"
#include "sluice/parcel.h"
#include "sluice/read_buffer.h"
#include "sluice/waker.h"

namespace sluice {

struct FrameCut;

struct ShardSettings {
  ShardId shard;
  uint32_t report_producer = 0;       // index in the report channel
  int32_t buffers = 4;                // of this shard in the pool
  Duration tick{5'000'000};           // how often hot files are looked at; longer: fewer looks
  Duration credit_retry{20'000'000};  // how often a lane without credit is asked again
  TailTimings tail;
};

// What every record of a source has in common, and how its lines are cut.
struct SourceFacts {
  std::string host;
  std::vector<std::pair<std::string, std::string>> labels;
  size_t line_bytes_max = size_t{1} << 20;
  bool strip_cr = true;
  LineForm form;
};

// The way from this shard to one destination's lane.
struct RoadParts {
  DestinationId destination;
  std::unique_ptr<Encoder> encoder;
  std::unique_ptr<Compressor> compressor;
  BodyBuffer body;                  // memory of the open batch
  std::span<std::byte> compressed;  // scratch; REQUIRES: >= compressor->bound(body.capacity)
  BatchRules rules;
  LaneGauge* gauge = nullptr;
  Channel<ParcelPtr>* lane = nullptr;
  Waker* lane_waker = nullptr;  // null when the lane turns on this shard's loop
  bool ordered = false;
};

struct ShardParts {
  Io* io = nullptr;
  ReadBuffers* buffers = nullptr;
  BlockQueue* blocks = nullptr;
  Channel<ShardOrder>* orders = nullptr;
  Channel<ShardReport>* reports = nullptr;
  Waker* steward = nullptr;
  ShardMetrics* metrics = nullptr;
  // Ends the sleep of some shard that has nothing to do; null when there is only one.
  Waker* idle_shard = nullptr;
  std::vector<SourceFacts> sources;  // by SourceId
  std::vector<RoadParts> roads;      // by DestinationId
};

class Shard {
 public:
  Shard(const ShardSettings& settings, ShardParts parts);
  ~Shard();
  Shard(const Shard&) = delete;
  Shard& operator=(const Shard&) = delete;

  // Does what there is to do and returns when it wants its next turn: `now` for at once, kNever for
  // "only when woken". `wall` becomes the timestamp of the lines read in this turn.
  MonoTime turn(MonoTime now, WallTime wall);

 private:
  struct Seat;    // a tail and where it is listed
  struct Road;    // a destination: open batch, ready tails, blocks that wait for room
  struct Flight;  // a read in flight

  // The passes of a turn; see turn().
  void send_what_waits();
  void obey_orders(MonoTime now);
  void take_reads(MonoTime now, WallTime wall);
  void look_at_hot_tails(MonoTime now);
  void start_reads(MonoTime now);
  void work_blocks(MonoTime now);
  void seal_what_is_due(MonoTime now);
  void say_places();
  void finish_leaving();
  void finish_drain();
  MonoTime next_turn(MonoTime now) const;

  void obey(ShardOrder& order, MonoTime now);
  void adopt(const TailSpec& spec, MonoTime now);
  std::unique_ptr<TailOrigin> make_origin(const TailSpec& spec, Epoch epoch) const;

  void take_read(const ReadDone& done, MonoTime now, WallTime wall);
  bool take_text(Seat& seat, ReadBuffer& buffer, const ReadWish& wish, size_t read_bytes,
                 MonoTime now, WallTime wall);
  static bool follows_hole(std::span<const uint8_t> before);
  bool meet_hole(Seat& seat, std::span<const uint8_t> text, MonoTime now);
  void pass_hole(Seat& seat, const ReadWish& wish, std::span<const uint8_t> text, bool reached_end,
                 MonoTime now);
  void refuse(Seat& seat, MonoTime now);
  void replace_content(Seat& seat, MonoTime now);
  void publish(Seat& seat, ReadBuffer& buffer, const FrameCut& cut, bool continuation);
  static bool readable(const Seat& seat);
  bool start_read(Road& road, MonoTime now);
  void submit_read(Seat& seat, ReadBuffer& buffer, MonoTime now);
  void drop_buffer(Road& road, ReadBuffer& buffer);
  void list(Seat& seat);  // puts the tail where its mode belongs
  void rotated(Seat& seat, MonoTime now);
  void enlist(Seat& seat);
  static void count_at_risk(Seat& seat);
  static bool may_read(Road& road);
  void send(const ShardReport& report);
  void report(ShardReport::Kind kind, const Tail& tail, Bytes missed, int32_t sys_errno);
  void tell_positions();

  LineBlock* next_block();
  void pump(Road& road, MonoTime now);
  bool encode_front(Road& road, MonoTime now);
  EncodeStep encode_lines(Road& road, const LineBlock& block, uint32_t first_line,
                          uint32_t records_max);
  void finish_front(Road& road);
  void return_rest_of_front(Road& road);
  void seal(Road& road, MonoTime now);
  bool nothing_held() const;

  // Constant after construction.
  const ShardSettings settings_;
  ShardParts parts_;
  int32_t buffers_per_road_ = 1;

  // The shard's thread only.
  std::vector<std::unique_ptr<Road>> roads_;
  std::unique_ptr<LineReader> reader_;                         // null if all sources are plain text
  std::unordered_map<uint32_t, std::unique_ptr<Seat>> seats_;  // by TailId
  std::vector<Seat*> hot_;                                     // hot and paused tails
  std::vector<TailId> asked_;                                  // their places are to be said
  std::vector<Seat*> released_;                                // wait for their last read
  std::vector<std::unique_ptr<Seat>> leaving_;                 // wait for their last block
  std::unordered_map<int32_t, Flight> flights_;                // by buffer index
  std::deque<ShardReport> unsent_;
  MonoTime next_tick_{0};
  size_t next_road_ = 0;  // whose turn it is to read
  bool draining_ = false;
  bool drained_ = false;
};

}  // namespace sluice
