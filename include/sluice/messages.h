// SPDX-License-Identifier: Apache-2.0
// messages.h — what the steward asks of shards, and what shards tell the steward.
//
// In:      orders (steward to one shard), reports (shards to the steward). Parcels come home
//          through a channel of their own; see parcel.h.
// Out:     the same values at the other end, in order per producer.
// Owns:    a message owns what it carries. A FileHandle in a TailSpec is lent: the steward closes
//          it after kReleased, when no read of it can be in flight any more.
// Limits:  per file event, never per line or block.
// Why so:  these two structs are the whole conversation between the control plane and the data
//          plane: who wants to know what a shard can be told reads this page.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "sluice/disk.h"
#include "sluice/ids.h"
#include "sluice/units.h"

namespace sluice {

// Everything a shard needs to follow one file for one destination.
struct TailSpec {
  TailId tail;
  SourceId source;
  DestinationId destination;
  FileHandle file;
  std::string path;     // for the records
  Digest128 file_seed;  // of host id and file identity; record ids come from it
  // The same for the content at `epoch`, which may be a copy of what another file held.
  Digest128 content_seed;
  Epoch epoch;
  FileOffset start;      // the committed offset
  Marker marker;         // the bytes before `start`
  bool waits = false;    // ordered: lines before `start` are on their way, and kAcked will say so
  bool rotated = false;  // no name of ours refers to it any more: its last line may be unfinished
};

struct ShardOrder {
  enum class Kind : uint8_t {
    kAdopt,     // follow `spec`
    kWake,      // the file may have grown: look, and keep looking while it grows
    kRotated,   // the name moved on: after a grace time deliver an unfinished last line as partial
    kYield,     // somebody waits for a descriptor: be cold as soon as you are at the end
    kRelease,   // stop following; answer kReleased when no read of the file is in flight
    kAcked,     // ordered tails only: everything before `offset` of `epoch` is acked
    kDrain,     // stop reading, seal what is open; answer kDrained
    kTell,      // say how far every tail is read that is not cold, then kTold; `tail` is unused
    kReplaced,  // the content is over: go on in `epoch` at 0, if you have not noticed
    kWhere,     // look, and say how far the tail is read when no read of it is in flight: kPlace
  };
  Kind kind = Kind::kWake;
  TailId tail;
  Epoch epoch;
  FileOffset offset;
  std::unique_ptr<TailSpec> spec;  // kAdopt only
};

struct ShardReport {
  enum class Kind : uint8_t {
    kCold,  // nothing new for a while: the shard stops looking until it is woken. `offset` is the
            // end, `missed` how much of it is a line without its end
    kNewEpoch,  // content was replaced: `epoch` begins at 0; the old one was read up to `offset`,
                // behind `marker`, and `missed` bytes of a line behind that were seen
    kReleased,  // the shard will not touch the tail's file again
    kTrouble,   // a read failed with `sys_errno`; the shard tries again after a while
    kRefused,   // the file begins as a compressed one does and is not read as text
    kDrained,   // the shard reads no more and holds no lines; `tail` is unused
    kSkipped,   // a hole: the `missed` bytes before `offset` of `epoch` hold no line
    kPosition,  // the tail is read up to `offset` of `epoch`
    kTold,      // every position is said; `tail` is unused
    kPlace,     // the tail is read up to `offset` of `epoch`, behind `marker`, and no read that was
                // asked for before kWhere changes that any more
  };
  Kind kind = Kind::kCold;
  ShardId shard;
  TailId tail;
  Epoch epoch;
  FileOffset offset;
  Bytes missed;
  int32_t sys_errno = 0;
  Marker marker{};  // kNewEpoch, kPlace
};

}  // namespace sluice
