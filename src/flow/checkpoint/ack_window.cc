// SPDX-License-Identifier: Apache-2.0
#include "flow/checkpoint/ack_window.h"

#include <algorithm>

#include "sluice/check.h"
#include "sluice/planted.h"

namespace sluice {

AckWindow::AckWindow(Epoch epoch, FileOffset committed, uint64_t proof)
    : epoch_(epoch), committed_(committed), proof_(proof) {
  SLUICE_CHECK(committed >= FileOffset(0), "a committed offset lies inside the file");
}

bool AckWindow::start_epoch(Epoch epoch) {
  if (epoch <= epoch_) return false;
  epoch_ = epoch;
  committed_ = FileOffset(0);
  proof_ = 0;
  ahead_.clear();
  return true;
}

bool AckWindow::release(const Span& span) {
  SLUICE_CHECK(span.begin >= FileOffset(0) && span.begin < span.end, "a span holds bytes");
  if (span.epoch < epoch_ && !planted(Planted::kForgetEpoch)) {
    ++stale_releases_;
    return false;
  }
  const bool new_epoch = start_epoch(span.epoch);
  SLUICE_CHECK(span.begin >= committed_, "bytes before the committed offset are released once");
  const AckedRange range{span.begin, span.end, span.end_proof};
  if (span.begin == committed_ || planted(Planted::kAckBeforeContiguous)) return advance(range);
  keep(range);
  return new_epoch;
}

AckWindow AckWindow::up_to(FileOffset end, uint64_t proof) const {
  if (committed_ >= end) return {epoch_, end, committed_ == end ? proof_ : proof};
  AckWindow window(epoch_, committed_, proof_);
  for (AckedRange range : ahead_) {
    if (range.begin >= end) break;
    if (range.end > end) range = {range.begin, end, proof};
    window.ahead_.push_back(range);
  }
  return window;
}

Bytes AckWindow::released() const {
  Bytes sum = committed_ - FileOffset(0);
  for (const AckedRange& range : ahead_) sum += range.end - range.begin;
  return sum;
}

// The prefix grows to the end of `range`, and on over the range that begins there, if there is one.
bool AckWindow::advance(const AckedRange& range) {
  committed_ = range.end;
  proof_ = range.end_proof;
  if (ahead_.empty()) return true;
  SLUICE_CHECK(ahead_.front().begin >= range.end, "a byte is released once");
  if (ahead_.front().begin == range.end) {
    committed_ = ahead_.front().end;
    if (!planted(Planted::kProofLostInMerge)) proof_ = ahead_.front().end_proof;
    ahead_.erase(ahead_.begin());
  }
  return true;
}

void AckWindow::keep(AckedRange range) {
  const auto next = std::upper_bound(
      ahead_.begin(), ahead_.end(), range.begin,
      [](FileOffset begin, const AckedRange& known) { return begin < known.begin; });
  const bool has_next = next != ahead_.end();
  const bool has_previous = next != ahead_.begin();
  SLUICE_CHECK(!has_next || range.end <= next->begin, "a byte is released once");
  SLUICE_CHECK(!has_previous || (next - 1)->end <= range.begin, "a byte is released once");

  const bool joins_next = has_next && range.end == next->begin;
  if (has_previous && (next - 1)->end == range.begin) {
    const AckedRange& last = joins_next ? *next : range;
    (next - 1)->end = last.end;
    (next - 1)->end_proof = last.end_proof;
    if (joins_next) ahead_.erase(next);
  } else if (joins_next) {
    next->begin = range.begin;
  } else {
    ahead_.insert(next, range);
  }
}

}  // namespace sluice
