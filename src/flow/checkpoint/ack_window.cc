// SPDX-License-Identifier: Apache-2.0
#include "flow/checkpoint/ack_window.h"

#include <algorithm>

#include "sluice/check.h"

namespace sluice {

AckWindow::AckWindow(Epoch epoch, FileOffset committed) : epoch_(epoch), committed_(committed) {
  SLUICE_CHECK(committed >= FileOffset(0), "a committed offset lies inside the file");
}

bool AckWindow::start_epoch(Epoch epoch) {
  if (epoch <= epoch_) return false;
  epoch_ = epoch;
  committed_ = FileOffset(0);
  ahead_.clear();
  return true;
}

bool AckWindow::release(const Span& span) {
  SLUICE_CHECK(span.begin >= FileOffset(0) && span.begin < span.end, "a span holds bytes");
  if (span.epoch < epoch_) {
    ++stale_releases_;
    return false;
  }
  const bool new_epoch = start_epoch(span.epoch);
  SLUICE_CHECK(span.begin >= committed_, "bytes before the committed offset are released once");
  if (span.begin == committed_) return advance(span.end);
  keep({span.begin, span.end});
  return new_epoch;
}

// The prefix grows to `end`, and on over the range that begins there, if there is one.
bool AckWindow::advance(FileOffset end) {
  committed_ = end;
  if (ahead_.empty()) return true;
  SLUICE_CHECK(ahead_.front().begin >= end, "a byte is released once");
  if (ahead_.front().begin == end) {
    committed_ = ahead_.front().end;
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
    (next - 1)->end = joins_next ? next->end : range.end;
    if (joins_next) ahead_.erase(next);
  } else if (joins_next) {
    next->begin = range.begin;
  } else {
    ahead_.insert(next, range);
  }
}

}  // namespace sluice
