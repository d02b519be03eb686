// SPDX-License-Identifier: Apache-2.0
// lane_gauge.h — how full the road to one destination is, seen by everybody who feeds it.
//
// In:      shards add when they seal a parcel, the lane takes away when a parcel leaves its hands.
// Out:     relaxed reads: may a shard read more for this destination? has the linger ended?
// Thread:  any; one cache line per lane, touched per parcel and per turn.
// Limits:  the lane says what may be held at present (credit_bytes: half a second's worth), the
//          memory plan and the user cap it. All are soft by what the shards hold in open batches at
//          that moment; the memory plan has a term for that.
// Why so:  backpressure is the absence of credit. Nobody is told to slow down; reads just do not
//          start.
#pragma once

#include <atomic>
#include <cstdint>

#include "sluice/units.h"

namespace sluice {

struct alignas(64) LaneGauge {
  // Compressed bytes of parcels queued, in flight or backing off.
  std::atomic<int64_t> held_bytes{0};
  std::atomic<int64_t> held_lines{0};
  std::atomic<int64_t> held_parcels{0};
  std::atomic<int64_t> on_wire{0};  // requests whose answer is still open
  // What may be held at present. Written by the lane.
  std::atomic<int64_t> credit_bytes{INT64_MAX};
  // The most bytes of a body before compression that the destination takes, as learnt from its
  // answers; 0: nothing is known. Shards seal earlier, the lane cuts what is sealed already.
  std::atomic<int64_t> body_bytes_max{0};
  // Files that were rotated or deleted, and have text that no shard has read. Written by shards.
  std::atomic<int64_t> at_risk{0};
  // Grows with each file that is rotated or deleted, when its lines so far are on their way.
  std::atomic<int64_t> rotations{0};
  // The destination takes nothing, so only what is at risk is read for it. Written by the lane.
  std::atomic<bool> only_at_risk{false};
  // Constant after construction:
  int64_t bytes_max = 0;
  int64_t lines_max = 0;       // 0: no bound but memory
  int64_t parcels_max = 4096;  // what the channel to the lane is made for, whatever the policy
  bool drop_oldest = false;    // the lane makes room by itself, readers need not wait

  bool has_credit() const {
    if (drop_oldest) return true;
    const int64_t held = held_bytes.load(std::memory_order_relaxed);
    if (held >= bytes_max || held >= credit_bytes.load(std::memory_order_relaxed)) return false;
    return lines_max == 0 || held_lines.load(std::memory_order_relaxed) < lines_max;
  }
  // May one more parcel be sealed? Not asked per read but per parcel: bodies of one line are legal.
  bool has_parcel_room() const {
    return held_parcels.load(std::memory_order_relaxed) < parcels_max;
  }
  bool idle() const { return held_parcels.load(std::memory_order_relaxed) == 0; }
};

}  // namespace sluice
