// SPDX-License-Identifier: Apache-2.0
#include "flow/deliver/token_bucket.h"

#include <algorithm>

#include "sluice/check.h"

namespace sluice {
namespace {

constexpr int64_t kNanosPerSecond = 1'000'000'000;

}  // namespace

TokenBucket::TokenBucket(RateLimit limit)
    : limit_(limit), level_(UnitNanos(limit.burst) * kNanosPerSecond) {
  SLUICE_CHECK(limit.per_second >= 0, "a rate is not negative");
  SLUICE_CHECK(!limit.on() || limit.burst > 0, "a bucket holds at least one unit");
}

TokenBucket::UnitNanos TokenBucket::level_at(MonoTime now) const {
  SLUICE_CHECK(now >= counted_, "monotonic time does not go backwards");
  const UnitNanos full = UnitNanos(limit_.burst) * kNanosPerSecond;
  return std::min(full, level_ + UnitNanos(limit_.per_second) * (now - counted_).value);
}

MonoTime TokenBucket::earliest(int64_t amount, MonoTime now) const {
  SLUICE_CHECK(amount >= 0, "amounts are taken, not given back");
  if (!on()) return now;
  const UnitNanos needed = UnitNanos(std::min(amount, limit_.burst)) * kNanosPerSecond;
  const UnitNanos missing = needed - level_at(now);
  if (missing <= 0) return now;
  const UnitNanos wait = (missing + limit_.per_second - 1) / limit_.per_second;
  // A debt of centuries is still finite: kNever would mean that nobody has to come back.
  const UnitNanos wait_max = kNever.value - 1 - now.value;
  return now + Duration(static_cast<int64_t>(std::min(wait, wait_max)));
}

void TokenBucket::take(int64_t amount, MonoTime now) {
  if (!on()) return;
  SLUICE_CHECK(earliest(amount, now) <= now, "nobody takes before it is granted");
  level_ = level_at(now) - UnitNanos(amount) * kNanosPerSecond;
  counted_ = now;
}

MonoTime RateLimits::earliest(const Cost& cost, MonoTime now) const {
  return std::max({bytes_.earliest(cost.body.value, now), lines_.earliest(cost.lines.value, now),
                   requests_.earliest(1, now)});
}

void RateLimits::take(const Cost& cost, MonoTime now) {
  bytes_.take(cost.body.value, now);
  lines_.take(cost.lines.value, now);
  requests_.take(1, now);
}

}  // namespace sluice
