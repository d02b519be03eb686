// SPDX-License-Identifier: Apache-2.0
#include "flow/checkpoint/tail_ledger.h"

#include <algorithm>

#include "sluice/check.h"

namespace sluice {
namespace {

Bytes sum_of(const std::vector<AckedRange>& ranges) {
  Bytes sum;
  for (const AckedRange& range : ranges) sum += range.end - range.begin;
  return sum;
}

Bytes& missed_for(PastGeneration& past, MissedReason reason) {
  return past.missed[static_cast<size_t>(reason)];
}

// Adds the second generation to the first: the oldest ones are told apart no longer.
void fold_oldest(std::vector<PastGeneration>& past) {
  PastGeneration& sum = past[0];
  const PastGeneration& next = past[1];
  sum.epoch = next.epoch;
  sum.generations += next.generations;
  sum.size += next.size;
  sum.skipped += next.skipped;
  sum.acked += next.acked;
  sum.dropped += next.dropped;
  for (size_t i = 0; i < kMissedReasons; ++i) sum.missed[i] += next.missed[i];
  sum.ended = next.ended;
  past.erase(past.begin() + 1);
}

void add_past(std::vector<PastGeneration>& past, const PastGeneration& ended) {
  past.push_back(ended);
  if (past.size() > RowLedger::kPastMax) fold_oldest(past);
}

// In the order of epochs.
void insert_past(std::vector<PastGeneration>& past, const PastGeneration& ended) {
  const auto at = std::find_if(past.begin(), past.end(), [&](const PastGeneration& each) {
    return each.epoch > ended.epoch;
  });
  past.insert(at, ended);
  if (past.size() > RowLedger::kPastMax) fold_oldest(past);
}

}  // namespace

// A file that is smaller than it was has begun another life, whose size is not this one's.
void TailLedger::saw_size(Bytes size) {
  shrunk_ = shrunk_ || size < stored_.seen;
  if (!shrunk_) stored_.seen = size;
}

void TailLedger::released(const Span& span, bool dropped, const AckWindow& window) {
  const Bytes bytes = span.end - span.begin;
  if (span.epoch < window.epoch()) {
    PastGeneration& past = past_of(span.epoch);
    (dropped ? past.dropped : past.acked) += bytes;
    if (past.in_flight() < Bytes(0)) past.size = past.size - past.in_flight();
    return;
  }
  if (dropped) dropped_ahead_.push_back({span.begin, span.end});
  settle_ahead(window);
}

void TailLedger::skipped(const Span& span, const AckWindow& window) {
  if (span.epoch < window.epoch()) {
    PastGeneration& past = past_of(span.epoch);
    past.skipped += span.end - span.begin;
    if (past.in_flight() < Bytes(0)) past.size = past.size - past.in_flight();
    return;
  }
  skipped_ahead_.push_back({span.begin, span.end});
  settle_ahead(window);
}

// What the offset has reached counts for the row from now on.
void TailLedger::settle_ahead(const AckWindow& window) {
  const auto take = [&](std::vector<AckedRange>& ahead) {
    Bytes reached;
    std::erase_if(ahead, [&](const AckedRange& range) {
      const bool is_reached = range.end <= window.committed();
      if (is_reached) reached += range.end - range.begin;
      return is_reached;
    });
    return reached;
  };
  stored_.dropped += take(dropped_ahead_);
  stored_.begin += take(skipped_ahead_);
}

TailLedger TailLedger::part_with_generation() {
  TailLedger parted = *this;
  parted.stored_.past.clear();
  parted.shrunk_ = false;
  stored_.begin = FileOffset(0);
  stored_.dropped = Bytes(0);
  stored_.seen = Bytes(0);
  shrunk_ = false;
  dropped_ahead_.clear();
  skipped_ahead_.clear();
  return parted;
}

void TailLedger::goes_on_with(Bytes size) {
  stored_.seen = size;
  shrunk_ = false;
}

void TailLedger::ends_at(FileOffset offset) {
  stored_.begin = std::min(stored_.begin, offset);
  stored_.dropped = std::min(stored_.dropped, offset - stored_.begin);
  const auto is_behind = [&](const AckedRange& range) { return range.end > offset; };
  std::erase_if(dropped_ahead_, is_behind);
  std::erase_if(skipped_ahead_, is_behind);
}

PastGeneration TailLedger::ended(const AckWindow& window, FileOffset read_end, MissedReason reason,
                                 WallTime now) const {
  const GenerationSums sums = this->sums(window, read_end, stored_.seen);
  PastGeneration ended;
  ended.epoch = window.epoch();
  ended.size = sums.size;
  ended.skipped = sums.skipped;
  ended.acked = sums.acked;
  ended.dropped = sums.dropped;
  missed_for(ended, reason) = sums.unread;
  ended.ended = now;
  return ended;
}

void TailLedger::take_back(const PastGeneration& generation) {
  insert_past(stored_.past, generation);
}

GenerationSums TailLedger::sums(const AckWindow& window, FileOffset read_end, Bytes size) const {
  FileOffset end = std::max({read_end, window.committed(), stored_.begin});
  Bytes ahead;
  for (const AckedRange& range : window.outstanding_ranges()) {
    ahead += range.end - range.begin;
    end = std::max(end, range.end);
  }
  const Bytes dropped_ahead = sum_of(dropped_ahead_), skipped_ahead = sum_of(skipped_ahead_);
  GenerationSums sums;
  sums.skipped = stored_.begin - FileOffset(0) + skipped_ahead;
  sums.dropped = stored_.dropped + dropped_ahead;
  sums.acked =
      window.committed() - stored_.begin - stored_.dropped + ahead - dropped_ahead - skipped_ahead;
  sums.in_flight = (end - window.committed()) - ahead;
  sums.unread = std::max(size - (end - FileOffset(0)), Bytes(0));
  sums.size = (end - FileOffset(0)) + sums.unread;
  return sums;
}

RowLedger TailLedger::stored(FileOffset offset) const {
  RowLedger ledger = stored_;
  if (ledger.seen <= offset - FileOffset(0)) ledger.seen = Bytes(0);
  return ledger;
}

// The entry that speaks of the epoch; a new one if there is none yet.
PastGeneration& TailLedger::past_of(Epoch epoch) {
  auto& past = stored_.past;
  const auto at = std::find_if(past.begin(), past.end(),
                               [&](const PastGeneration& each) { return each.epoch >= epoch; });
  const bool found = at != past.end() && (at->epoch == epoch || at->generations > 1);
  if (found) return *at;
  PastGeneration made;
  made.epoch = epoch;
  if (at == past.begin() && past.size() >= RowLedger::kPastMax) return past.front();
  const auto position = static_cast<size_t>(at - past.begin());
  past.insert(at, made);
  if (past.size() <= RowLedger::kPastMax) return past[position];
  fold_oldest(past);
  return past[position - 1];
}

Bytes end_generation(RowLedger& ledger, Epoch epoch, FileOffset offset, MissedReason reason,
                     WallTime now) {
  SLUICE_CHECK(offset >= ledger.begin, "an offset only moves forward");
  PastGeneration ended;
  ended.epoch = epoch;
  ended.skipped = ledger.begin - FileOffset(0);
  ended.dropped = ledger.dropped;
  ended.acked = offset - ledger.begin - ledger.dropped;
  ended.size = std::max(ledger.seen, offset - FileOffset(0));
  missed_for(ended, reason) = ended.size - (offset - FileOffset(0));
  ended.ended = now;
  add_past(ledger.past, ended);
  ledger.begin = FileOffset(0);
  ledger.dropped = Bytes(0);
  ledger.seen = Bytes(0);
  return sum_of(ended.missed);
}

Bytes settle_past(RowLedger& ledger) {
  Bytes settled;
  for (PastGeneration& past : ledger.past) {
    const Bytes open = past.in_flight();
    missed_for(past, MissedReason::kUnacked) += open;
    settled += open;
  }
  return settled;
}

}  // namespace sluice
