// SPDX-License-Identifier: Apache-2.0
// shard_parts.h — the private rooms of a Shard: a seat per tail, a road per destination.
//
// In:      included by the shard's own source files only.
// Out:     nothing.
// Owns:    as said at each member.
// Thread:  the shard's.
// Why so:  the shard is written in three files, by question: what to do next (shard.cc), how reads
//          become blocks (shard_read.cc), how blocks become parcels (shard_work.cc).
#pragma once

#include "flow/shard.h"

namespace sluice {

struct Shard::Seat {
  TailSpec spec;
  Tail tail;
  Road* road;
  bool listed_ready = false;
  bool listed_hot = false;
  bool replaced = false;  // the steward says so
  bool refused = false;   // said that the file is compressed
  bool at_risk = false;   // counted so: rotated, with text to be read

  Seat(const TailSpec& s, std::unique_ptr<TailOrigin> origin, const TailTimings& timings, Road* r,
       MonoTime now)
      : spec{s.tail,         s.source, s.destination, s.file,   s.path,  s.file_seed,
             s.content_seed, s.epoch,  s.start,       s.marker, s.waits, s.rotated},
        tail(s, std::move(origin), timings, now),
        road(r) {}
};

struct Shard::Road {
  struct Work {
    LineBlock* block = nullptr;
    uint32_t next_line = 0;
  };

  RoadParts parts;
  Batch batch;
  std::deque<Seat*> ready;       // tails that may have text
  std::deque<Work> pending;      // blocks to encode; more than one only while the lane has no room
  bool awaits_oversize = false;  // a long line found no buffer in this turn; its pool wakes us
  int32_t tails_at_risk = 0;     // rotated ones with text to be read
  bool probes_at_risk = false;   // more of them may be ready, and are not counted
  std::atomic<int32_t> buffers_held{0};

  explicit Road(RoadParts p) : parts(std::move(p)), batch(parts.body) {}
  bool has_parcel_room() const { return parts.gauge->has_parcel_room(); }
  bool only_at_risk() const { return parts.gauge->only_at_risk.load(std::memory_order_relaxed); }
  // Whether a tail may be read as far as the destination is concerned.
  bool may_read() const {
    return parts.gauge->has_credit() && (!only_at_risk() || tails_at_risk > 0);
  }
  // What a new body may hold, as far as the destination's limit is known.
  size_t body_bytes() const {
    const int64_t limit = parts.gauge->body_bytes_max.load(std::memory_order_relaxed);
    return limit == 0 ? parts.body.soft_limit
                      : std::min(parts.body.soft_limit, static_cast<size_t>(limit));
  }
};

struct Shard::Flight {
  Seat* seat = nullptr;
  ReadBuffer* buffer = nullptr;
  ReadWish wish;
};

}  // namespace sluice
