// SPDX-License-Identifier: Apache-2.0
#include "platform/system_clock.h"

#include <ctime>

#include "sluice/check.h"

namespace sluice {
namespace {

int64_t nanoseconds_of(clockid_t id) {
  timespec now{};
  SLUICE_CHECK(clock_gettime(id, &now) == 0, "the kernel has this clock");
  return int64_t{now.tv_sec} * 1'000'000'000 + now.tv_nsec;
}

}  // namespace

MonoTime SystemClock::mono() {
  return MonoTime(nanoseconds_of(CLOCK_MONOTONIC));
}
WallTime SystemClock::wall() {
  return WallTime(nanoseconds_of(CLOCK_REALTIME));
}

}  // namespace sluice
