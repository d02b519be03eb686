// SPDX-License-Identifier: Apache-2.0
// parcel.h — a sealed body on its way, and its homecoming.
//
// In:      a batch that was closed and compressed by a shard.
// Out:     the lane and the wire borrow it; it comes home to the steward with its verdict, and only
//          then are its spans released.
// Owns:    the compressed bytes (given back at the verdict), the spans it carries, the table of its
//          records.
// Thread:  one at a time: shard, lane, steward, through channels. Immutable but for the lane's
//          fields.
// Limits:  the bytes held by a lane's parcels are credited in its LaneGauge; reads stop at the
//          limit.
// Why so:  the spans travel with the bytes, so that no table anywhere has to be asked which lines a
//          request held: an ack is a list of ranges, and a crash forgets nothing but work.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string_view>
#include <vector>

#include "sluice/ids.h"
#include "sluice/record_table.h"
#include "sluice/units.h"

namespace sluice {

// What became of a parcel.
enum class Fate : uint8_t {
  kOnItsWay,
  kDelivered,    // a final 2xx after the whole body was sent
  kSpooled,      // durable in the spool, which sends it from now on
  kDropped,      // by the user's own overflow policy; counted to the line
  kUndelivered,  // given back at shutdown; its spans are not released, the next run reads them
                 // again
};

struct Parcel {
  // Set when sealed, never changed.
  DestinationId destination;
  ShardId sealed_by;
  std::unique_ptr<std::byte[]> body;
  size_t body_bytes = 0;
  std::string_view content_type;      // static storage
  std::string_view content_encoding;  // static storage, empty for identity
  BodyFrame frame;                    // of the body before compression
  RecordTable records;                // empty: the body cannot be cut
  std::vector<Span> spans;            // sorted by arrival; neighbours merged
  Lines lines;
  Bytes raw_bytes;      // of the log files
  Bytes encoded_bytes;  // of the body before compression
  Digest128 key;        // the Idempotency-Key: the same for the same spans
  MonoTime sealed_at;
  MonoTime oldest_read_at;
  bool ordered = false;
  bool at_risk = false;  // it holds lines of a file that was rotated or deleted

  // The lane's.
  std::vector<Span> dead;  // of its spans, what is in the dead letters; one per record
  uint32_t attempts = 0;
  MonoTime not_before;
  Fate fate = Fate::kOnItsWay;

  std::span<const std::byte> bytes() const { return {body.get(), body_bytes}; }
  // What it holds of its lane's credit.
  int64_t held_bytes() const { return static_cast<int64_t>(body_bytes + records.memory_bytes()); }
};

using ParcelPtr = std::unique_ptr<Parcel>;

}  // namespace sluice
