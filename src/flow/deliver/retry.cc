// SPDX-License-Identifier: Apache-2.0
#include "flow/deliver/retry.h"

#include <algorithm>

#include "sluice/check.h"

namespace sluice {
namespace {

// Uniform in [low, high]. The bias of a remainder is below 2^-20 for pauses under five hours.
Duration uniform(Duration low, Duration high, uint64_t random) {
  SLUICE_CHECK(low <= high, "a range has its ends in order");
  const auto width = static_cast<uint64_t>((high - low).value) + 1;
  return low + Duration(static_cast<int64_t>(random % width));
}

// min_delay doubled `failures` times, at most max_delay.
Duration ceiling(Duration min_delay, Duration max_delay, uint32_t failures) {
  if (failures >= 62 || min_delay.value > max_delay.value >> failures) return max_delay;
  return Duration(min_delay.value << failures);
}

}  // namespace

Retry::Retry(Duration min_delay, Duration max_delay)
    : min_delay_(min_delay),
      max_delay_(max_delay),
      retry_after_max_(std::max(max_delay, kRetryAfterMax)) {
  SLUICE_CHECK(min_delay > Duration(0), "a pause of zero is a busy loop");
  SLUICE_CHECK(min_delay <= max_delay, "the shortest pause is not longer than the longest");
}

Duration Retry::pause(uint32_t failures, Duration retry_after, uint64_t random) const {
  SLUICE_CHECK(failures > 0, "only a failed attempt has a pause behind it");
  if (retry_after > Duration(0)) return asked_for(retry_after, min_delay_, random);
  return uniform(min_delay_, ceiling(min_delay_, max_delay_, failures), random);
}

Duration Retry::hold(Duration retry_after, uint64_t random) const {
  if (retry_after > max_delay_) return asked_for(retry_after, max_delay_, random);
  const Duration low = std::max({min_delay_, retry_after, max_delay_ - max_delay_ / 10});
  return uniform(low, max_delay_, random);
}

// Never earlier than asked for, and up to a tenth later: everybody was told the same second.
Duration Retry::asked_for(Duration retry_after, Duration pause_min, uint64_t random) const {
  const Duration earliest = std::clamp(retry_after, pause_min, retry_after_max_);
  const Duration latest = std::min(earliest + earliest / 10, retry_after_max_);
  return uniform(earliest, latest, random);
}

}  // namespace sluice
