// SPDX-License-Identifier: Apache-2.0
// spool.h — the two seams of the spool: what a lane asks of it, and what it asks of a disk.
//
// In:      sealed bodies that a destination does not take now.
// Out:     word that they survive a crash; later the same bodies under the same keys, oldest first.
// Owns:    a draft owns its bytes, so that the parcel it was made of may be delivered, or end,
//          while the disk is being waited for.
// Thread:  Spool: the loop that owns the lane; none of its calls waits. SpoolDisk: whoever waits.
// Limits:  one write and one fetch under way per lane. What is full says so and is asked again.
// Fails:   per call, with the errno; nothing is ever left out to make room unless the user asked.
// Why so:  a position moves over spooled lines only when they are durable, and that word must not
//          hold up a loop. All that is more than a file operation lies between the two seams, where
//          the simulated world can try it (flow/spool/spool_log.h).
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "sluice/ids.h"
#include "sluice/parcel.h"
#include "sluice/result.h"
#include "sluice/units.h"

namespace sluice {

// A body on its way into the spool.
struct SpoolDraft {
  Digest128 key;
  Lines lines;
  Bytes raw_bytes;
  Bytes encoded_bytes;
  bool ordered = false;
  bool in_hand = false;            // the lane goes on trying it, and says when it is delivered
  uint32_t meta_bytes = 0;         // of the payload, what tells how the body is cut and named
  std::vector<std::byte> payload;  // meta and body
};

struct SpooledParcel {
  uint64_t sequence = 0;  // names it in the spool; grows
  ParcelPtr parcel;
};

struct SpoolCounts {
  int64_t records = 0;  // neither delivered, lost nor dropped
  int64_t lines = 0;
  Bytes bytes;  // of the segments
  // Since the start:
  int64_t lost_records = 0;  // damaged on disk, or gone with their segment
  int64_t lost_lines = 0;
  int64_t dropped_records = 0;  // by spool-full: drop-oldest
  int64_t dropped_lines = 0;
};

class Spool {
 public:
  virtual ~Spool() = default;

  // REQUIRES: the outcome of the one before was taken.
  virtual void store(std::vector<SpoolDraft> drafts) = 0;
  // The outcome, once, for all of them together: the sequence of the first, the others follow it.
  virtual std::optional<Result<uint64_t>> stored() = 0;

  // The oldest that was not handed out yet. REQUIRES: as for store().
  virtual void fetch() = 0;
  // The outcome, once; without a parcel: there is none.
  virtual std::optional<Result<SpooledParcel>> fetched() = 0;

  // It is delivered, or the lane has done with it in another way.
  virtual void remove(uint64_t sequence, Lines lines) = 0;
  virtual SpoolCounts counts() = 0;
};

struct SpoolFile {
  uint32_t number = 0;
  uint64_t size = 0;
};

// The segments of one destination.
class SpoolDisk {
 public:
  virtual ~SpoolDisk() = default;

  // In the order of their numbers.
  virtual Result<std::vector<SpoolFile>> list() = 0;
  // A new file with these bytes, durable with its name on return.
  virtual Result<void> create(uint32_t number, std::span<const std::byte> bytes) = 0;
  // Behind the `size` bytes of the file that was created last; durable on return. After a failure
  // it is never asked again for that file.
  virtual Result<void> append(uint32_t number, uint64_t size, std::span<const std::byte> bytes) = 0;
  // What there is, up to the size of `into`.
  virtual Result<size_t> read(uint32_t number, uint64_t offset, std::span<std::byte> into) = 0;
  // Gives back what lies behind `size`, if it can.
  virtual void cut(uint32_t number, uint64_t size) = 0;
  // Notes about a segment. They survive the process; the machine only if `durable`.
  virtual Result<void> note(uint32_t number, std::span<const std::byte> bytes, bool durable) = 0;
  virtual Result<std::vector<std::byte>> notes(uint32_t number) = 0;
  // The segment, then its notes.
  virtual Result<void> remove(uint32_t number) = 0;
  // Out of the way, for a person to look at.
  virtual Result<void> set_aside(uint32_t number) = 0;
};

}  // namespace sluice
