// SPDX-License-Identifier: Apache-2.0
// ack_window.h — how far one tail is acknowledged: the contiguous prefix and what lies beyond it.
//
// In:      spans that nobody holds any more, in any order; one window per tail.
// Out:     the position (epoch, committed offset): everything before it is acknowledged.
// Owns:    the released ranges that are still ahead of the prefix, sorted and merged.
// Thread:  the steward. Pure: no clock, no I/O; allocates only when acks come out of order.
// Limits:  ranges ahead <= parcels of this tail in flight, a handful; so a sorted vector, no tree.
// Fails:   cannot. A byte released twice is a bug in this program and stops it: going on could
//          store an offset beyond a line that nobody has delivered.
// Why so:  the stored offset is the only promise that survives a crash. An ack names its epoch, so
//          one that comes late from before a truncation cannot move the new content's offset.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "sluice/ids.h"
#include "sluice/units.h"

namespace sluice {

// Bytes [begin, end) that are acknowledged.
struct AckedRange {
  FileOffset begin;
  FileOffset end;
  uint64_t end_proof = 0;  // of the span that ends here

  friend bool operator==(const AckedRange&, const AckedRange&) = default;
};

class AckWindow {
 public:
  // Everything before `committed` of `epoch` counts as acknowledged; `proof` as Span::end_proof.
  AckWindow(Epoch epoch, FileOffset committed, uint64_t proof = 0);

  // True if the position moved: a longer prefix, or a newer epoch. A span of an older epoch is
  // counted and ignored; a span of a newer epoch first starts that epoch.
  // REQUIRES: the span is not empty, and none of its bytes was released or committed before.
  bool release(const Span& span);

  // The content was replaced: the position is 0 of `epoch`, and what was known is forgotten.
  // True if `epoch` is newer than the present one; else nothing happens.
  bool start_epoch(Epoch epoch);

  // What it knows of the bytes before `end`, which follow those of `proof`.
  AckWindow up_to(FileOffset end, uint64_t proof) const;

  Epoch epoch() const { return epoch_; }
  FileOffset committed() const { return committed_; }
  // Span::end_proof of the bytes before committed(): what a row that says so much must be able to
  // find on disk. Meaningless at offset 0.
  uint64_t proof() const { return proof_; }
  // Released, but not contiguous with the prefix; sorted, never touching each other.
  std::span<const AckedRange> outstanding_ranges() const { return ahead_; }
  // All that was released of this epoch, with what the position began with.
  Bytes released() const;
  // Releases that came for an epoch that is over.
  int64_t stale_releases() const { return stale_releases_; }

 private:
  void keep(AckedRange range);
  bool advance(const AckedRange& range);

  Epoch epoch_;
  FileOffset committed_;
  uint64_t proof_;
  std::vector<AckedRange> ahead_;
  int64_t stale_releases_ = 0;
};

}  // namespace sluice
