// SPDX-License-Identifier: Apache-2.0
#include "flow/deliver/dissection.h"

#include <algorithm>

#include "sluice/check.h"

namespace sluice {

Dissection::Step Dissection::next(int64_t successes, bool may_bury_unproven) const {
  if (has_suspects() && successes > suspects_.front().successes_then) {
    const Suspect& first = suspects_.front();
    const bool sure = first.confirmed || first.successes_then > successes_begun_ || in_order_;
    if (sure) return {Step::Kind::kBury, {}};
    return {Step::Kind::kSend, {first.record, first.record + 1}};
  }
  if (suspects_.size() >= kSuspectsMax) return {Step::Kind::kHold, {}};
  if (!exhausted()) return {Step::Kind::kSend, next_range()};
  if (!has_suspects()) return {Step::Kind::kDone, {}};
  return {may_bury_unproven ? Step::Kind::kBury : Step::Kind::kHold, {}};
}

RecordRange Dissection::next_range() const {
  if (refused_end_ == 0) return {begin_, end_};
  const uint32_t bad_among = refused_end_ - begin_;
  if (bad_among == 1) return {begin_, begin_ + 1};
  // Everything so far was refused. Another place of the body tells a run of bad records from a
  // destination that takes nothing; by turns, as the first neighbour may tell as well.
  const bool look_back = in_row_ % 2 == 1 && !in_order_;
  if (look_back) return {end_ - 1, end_};
  if (beside_bad_) return {begin_, begin_ + 1};
  return {begin_, begin_ + bad_among / 2};
}

bool Dissection::is_confirmation(RecordRange range) const {
  return has_suspects() &&
         range == RecordRange{suspects_.front().record, suspects_.front().record + 1};
}

void Dissection::delivered(RecordRange range) {
  if (is_confirmation(range)) return buried();
  SLUICE_CHECK(range.first == begin_ || range.end == end_, "a part at an edge was sent");
  in_row_ = 0;
  if (range.first == begin_) {
    begin_ = range.end;
    beside_bad_ = false;
  } else {
    end_ = range.first;
  }
  refused_end_ = std::min(refused_end_, end_);
  if (refused_end_ <= begin_) refused_end_ = 0;
}

void Dissection::refused(RecordRange range, int32_t status, int64_t successes) {
  if (is_confirmation(range)) {
    suspects_.front().confirmed = true;
    return;
  }
  SLUICE_CHECK(range.first == begin_ || range.end == end_, "a part at an edge was sent");
  if (range.size() > 1) {
    SLUICE_CHECK(range.first == begin_, "only single records are tried at the end");
    refused_end_ = range.end;
    return;
  }
  suspects_.push_back({range.first, status, successes});
  ++in_row_;
  if (range.first != begin_) {
    end_ = range.first;
  } else {
    begin_ = range.end;
    beside_bad_ = true;
    // The first explains why its neighbours were refused; later ones are about a run of them.
    if (in_row_ == 1) refused_end_ = 0;
  }
  refused_end_ = std::min(refused_end_, end_);
  if (refused_end_ <= begin_) refused_end_ = 0;
}

void Dissection::buried() {
  SLUICE_CHECK(has_suspects(), "there was somebody to bury");
  suspects_.erase(suspects_.begin());
}

void Dissection::look_again(int64_t successes, bool keeps_suspects) {
  const bool taken_meanwhile = has_suspects() && successes > suspects_.front().successes_then;
  if (taken_meanwhile && !in_order_) {
    successes_begun_ = successes;
  } else if (taken_meanwhile || !keeps_suspects || suspects_.size() >= kSuspectsMax) {
    start_over(successes);
  }
}

// Whatever was settled since the first of them would have proved them, so they lie at the edges.
void Dissection::start_over(int64_t successes) {
  successes_begun_ = successes;
  for (const Suspect& suspect : suspects_) {
    if (suspect.record < begin_) begin_ = std::min(begin_, suspect.record);
    if (suspect.record >= end_) end_ = std::max(end_, suspect.record + 1);
  }
  suspects_.clear();
  in_row_ = 0;
  refused_end_ = 0;
  beside_bad_ = false;
}

}  // namespace sluice
