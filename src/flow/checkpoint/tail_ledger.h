// SPDX-License-Identifier: Apache-2.0
// tail_ledger.h — the books of one tail: what became of every byte of every generation of its file.
//
// In:      spans that come home with their fate, ends of epochs, sizes and positions as they are
//          seen; the ack window of the same tail.
// Out:     the present generation's sums, those of past ones, and the form that is stored.
// Owns:    numbers; a short list of dropped ranges that lie ahead of the offset.
// Thread:  the steward's. Pure: no clock, no I/O.
// Limits:  per parcel and tail one call of a few additions; RowLedger::kPastMax past generations.
// Fails:   cannot. What a late word corrects is corrected when it comes: lines of a new epoch may
//          come home before the shard's report that it began, those of an old one long after.
// Why so:  apart from the ack window, for nothing that is delivered may ever depend on the books.
#pragma once

#include <utility>
#include <vector>

#include "flow/checkpoint/ack_window.h"
#include "sluice/row_ledger.h"

namespace sluice {

// The sums of the present generation; together they are its size.
struct GenerationSums {
  Bytes size, skipped, acked, dropped, in_flight, unread;
};

class TailLedger {
 public:
  TailLedger() = default;
  explicit TailLedger(RowLedger stored) : stored_(std::move(stored)) {}

  // The file was seen with this size.
  void saw_size(Bytes size);
  // The span came home. REQUIRES: `window` has taken it already.
  void released(const Span& span, bool dropped, const AckWindow& window);
  // The span holds no line (a hole). REQUIRES: as released().
  void skipped(const Span& span, const AckWindow& window);
  // Parts with the present generation, whose books another one goes on with.
  TailLedger part_with_generation();
  // The generation goes on in another file of this size.
  void goes_on_with(Bytes size);
  // That one ends before some of what this one had: nothing behind `offset` is in it.
  void ends_at(FileOffset offset);
  // It is over and goes on nowhere.
  PastGeneration ended(const AckWindow& window, FileOffset read_end, MissedReason reason,
                       WallTime now) const;
  // Takes the books of a generation that was parted with.
  void take_back(const PastGeneration& generation);

  // `read_end` as the shard said last; `size` as the disk says now.
  GenerationSums sums(const AckWindow& window, FileOffset read_end, Bytes size) const;
  const std::vector<PastGeneration>& past() const { return stored_.past; }
  Bytes seen() const { return stored_.seen; }
  // The part of the books that goes with the window's offset. Empty for a file that was only ever
  // read on from its beginning and is delivered to its end, as almost all are.
  RowLedger stored(FileOffset offset) const;

 private:
  PastGeneration& past_of(Epoch epoch);
  void settle_ahead(const AckWindow& window);

  RowLedger stored_;
  std::vector<AckedRange> dropped_ahead_;  // beyond the offset
  std::vector<AckedRange> skipped_ahead_;  // the same
  bool shrunk_ = false;                    // truncated, and the shard has not noticed yet
};

// A generation ended while nobody followed it: what was not delivered of it is missed.
// Both return how many bytes became missed.
Bytes end_generation(RowLedger& ledger, Epoch epoch, FileOffset offset, MissedReason reason,
                     WallTime now);
// The row goes on with a tail of a new run: nobody holds the lines of past generations any more.
Bytes settle_past(RowLedger& ledger);

}  // namespace sluice
