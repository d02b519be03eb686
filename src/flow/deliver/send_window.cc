// SPDX-License-Identifier: Apache-2.0
#include "flow/deliver/send_window.h"

#include <algorithm>

#include "sluice/check.h"

namespace sluice {
namespace {

// Slower by less than this is no sign: a busy machine answers that much later.
constexpr Duration kSlack{2'000'000};
// One lucky answer is not the idle time, nor is one unlucky answer a sign.
constexpr int32_t kAnswersLeast = 8;
constexpr int32_t kProbeAnswersLeast = 2;  // each of them costs throughput
// Slow answers make a probe long: it may take a small share of the time only.
constexpr int64_t kAnswerTimesBetweenProbes = 64;
// A faster period counts for a quarter: the fastest of a hundred is luck too.
constexpr int64_t kShare = 4;

}  // namespace

SendWindow::SendWindow(int32_t most, bool adapts)
    : most_(most), adapts_(adapts), limit_(adapts ? 1 : most) {
  SLUICE_CHECK(most >= 1, "a lane without a permit never sends");
}

int32_t SendWindow::limit() const {
  return probing_ ? std::max(1, limit_ / 4) : limit_;
}

void SendWindow::answered(Sign sign, Duration took, int32_t open, MonoTime now) {
  if (!adapts_ || sign == Sign::kNoSign || now - took < began_at_) return;
  if (sign == Sign::kOverloaded) {
    shrink_to(limit_ / 2);
    probing_ = false;
    begin_period(now);
    return;
  }
  was_full_ = was_full_ || open >= limit();
  took_sum_ = took_sum_ + took;
  const int32_t least = probing_ ? kProbeAnswersLeast : kAnswersLeast;
  if (++answers_ >= std::max(limit(), least)) end_period(now);
}

void SendWindow::end_period(MonoTime now) {
  if (was_full_) judge_load(Duration(took_sum_.value / answers_));
  if (probing_ || probe_at_ == MonoTime{}) {
    probing_ = false;
    const Duration pause(idle_time_.value * kAnswerTimesBetweenProbes);
    probe_at_ = now + std::max(kProbeEvery, pause);
  } else {
    probing_ = now >= probe_at_;
  }
  begin_period(now);
}

// Small requests of a quiet time are answered sooner than full ones, so only a full window speaks.
void SendWindow::judge_load(Duration average) {
  if (idle_time_ == Duration(0)) idle_time_ = average;
  if (probing_ || average < idle_time_) {
    idle_time_ = Duration(idle_time_.value + (average.value - idle_time_.value) / kShare);
  }
  if (probing_) return;
  const Duration most(idle_time_.value * 2 + kSlack.value);
  if (average > most) {
    shrink_to(std::min<int64_t>(limit_ - 1, limit_ * most.value / average.value));
  } else {
    limit_ = std::min(most_, doubling_ ? limit_ * 2 : limit_ + 1);
  }
}

void SendWindow::shrink_to(int64_t limit) {
  limit_ = static_cast<int32_t>(std::max<int64_t>(1, limit));
  doubling_ = false;
}

void SendWindow::begin_period(MonoTime now) {
  began_at_ = now;
  took_sum_ = Duration(0);
  answers_ = 0;
  was_full_ = false;
}

}  // namespace sluice
