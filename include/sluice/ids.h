// SPDX-License-Identifier: Apache-2.0
// ids.h — names for things: which shard, which destination, which tail, which bytes.
//
// In:      small integers handed out by the composition and the steward.
// Out:     types that cannot be mixed up, and the span, the unit of every promise this agent makes.
// Owns:    nothing; all are trivially copyable values.
// Limits:  a TailId is never used twice in one run, so that a late ack cannot meet a new tail.
// Why so:  a file name is never an identity: names move at rotation. A file is known by its
//          FileIdentity across restarts, and inside one run by the descriptor that holds it open.
#pragma once

#include <array>
#include <compare>
#include <cstdint>

#include "sluice/units.h"

namespace sluice {

// A number that names one kind of thing.
template <class Tag>
struct Id {
  uint32_t value = 0;

  constexpr Id() = default;
  constexpr explicit Id(uint32_t v) : value(v) {}
  constexpr auto operator<=>(const Id&) const = default;
};

using ShardId = Id<struct ShardTag>;    // index into the agent's shards
using SourceId = Id<struct SourceTag>;  // index into AgentConfig::sources
using DestinationId =
    Id<struct DestinationTag>;      // index into AgentConfig::destinations; its lane too
using TailId = Id<struct TailTag>;  // one file on its way to one destination

// One content life of a file. Grows by one when the file is truncated or replaced in place; an ack
// of an older epoch can therefore never move the offset of a newer one.
using Epoch = Id<struct EpochTag>;

// What lets a file be recognised after a restart, when only names and inodes are left.
struct FileIdentity {
  uint64_t device = 0;      // st_dev; may change over a reboot, so it is a hint and not a proof
  uint64_t inode = 0;       // reused at once by most file systems
  int64_t birth_ns = 0;     // statx birth time, 0 where the file system has none
  uint32_t head_bytes = 0;  // how much of the head is hashed: what existed, at most kHeadBytesMax
  uint64_t head_hash = 0;   // XXH3-64 of the first head_bytes bytes

  friend bool operator==(const FileIdentity&, const FileIdentity&) = default;
};
inline constexpr uint32_t kHeadBytesMax = 1024;

// The last bytes before a position. A read starts this far before its position and compares: other
// bytes there mean that the content was replaced, even if the file has regrown past the position.
struct Marker {
  static constexpr uint32_t kBytesMax = 64;
  std::array<uint8_t, kBytesMax> bytes{};
  uint32_t size = 0;  // min(position, kBytesMax)
};

// Bytes [begin, end) of one epoch of one tail. Every byte of a file belongs to exactly one span at
// a time; it is released once, when nobody holds its bytes any more.
struct Span {
  TailId tail;
  Epoch epoch;
  FileOffset begin;
  FileOffset end;
  // XXH3-64 of the Marker's worth of bytes before `end`, as the shard read them: the only proof
  // that a row may carry. What lies there on disk by now may be another content. 0: not known.
  uint64_t end_proof = 0;

  friend bool operator==(const Span&, const Span&) = default;
};

// 128 bits that name a record or a parcel by content address, not by time or chance.
struct Digest128 {
  uint64_t low = 0;
  uint64_t high = 0;

  friend bool operator==(const Digest128&, const Digest128&) = default;
};

}  // namespace sluice
