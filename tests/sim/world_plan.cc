// SPDX-License-Identifier: Apache-2.0
// What will happen when: the calendar of one schedule.
#include <algorithm>

#include "world.h"

namespace sluice::sim {

using namespace literals;

void World::add(Event event) {
  const auto later = [](const Event& a, const Event& b) { return a.at > b.at; };
  events_.insert(std::upper_bound(events_.begin(), events_.end(), event, later), event);
}

void World::at_random(int count, Act act, int64_t value) {
  for (int i = 0; i < count; ++i) {
    const MonoTime at = begin_ + dice_.between(0_ms, plan_.troubled);
    add({at, act, dice_.below(writers_.count()), value});
  }
}

void World::plan_events() {
  for (size_t i = 0; i < writers_.count(); ++i) {
    for (int k = 0; k < plan_.bursts; ++k)
      add({begin_ + dice_.between(0_ms, plan_.troubled), Act::kWrite, i, 0});
  }
  for (int i = 0; i < plan_.rotations; ++i) {
    // Whether an archive holds a file or its copy only names can tell, and here both are followed.
    const bool copies = plan_.packs == 0 || !plan_.wide_pattern;
    const Rotation how = dice_.chance(750) || !copies ? Rotation::kRename : Rotation::kCopyTruncate;
    at_random(1, Act::kRotate, static_cast<int64_t>(how));
  }
  at_random(plan_.truncations, Act::kRotate, static_cast<int64_t>(Rotation::kTruncate));
  at_random(plan_.cuts, Act::kRotate, static_cast<int64_t>(Rotation::kCut));
  for (int i = 0; i < plan_.deletions; ++i) {
    const Rotation how = dice_.chance(500) ? Rotation::kDelete : Rotation::kReplace;
    at_random(1, Act::kRotate, static_cast<int64_t>(how));
  }
  for (int i = 0; i < plan_.double_copies; ++i) {
    const MonoTime at = begin_ + dice_.between(0_ms, plan_.troubled);
    const size_t which = dice_.below(writers_.count());
    for (int twice = 0; twice < 2; ++twice)
      add({at, Act::kRotate, which, static_cast<int64_t>(Rotation::kCopyTruncate)});
  }
  at_random(plan_.packs, Act::kRotate, static_cast<int64_t>(Rotation::kPack));
  at_random(plan_.retargets, Act::kRotate, static_cast<int64_t>(Rotation::kRetarget));
  at_random(plan_.moves, Act::kMove);
  plan_operator();
  for (auto entry = plan_.without.rbegin(); entry != plan_.without.rend(); ++entry) {
    if (*entry < events_.size()) events_.erase(events_.begin() + static_cast<ptrdiff_t>(*entry));
  }
}

void World::plan_operator() {
  add({begin_ + (dice_.chance(500) ? 0_ms : dice_.between(0_ms, 300_ms)), Act::kStart, 0, 0});
  at_random(plan_.crashes, Act::kCrash);
  at_random(plan_.power_losses, Act::kPowerLoss);
  at_random(plan_.stops, Act::kStop);
  // A stop that takes long is sometimes ended by a second signal.
  if (plan_.stops > 0 && dice_.chance(200)) {
    const MonoTime at = begin_ + dice_.between(0_ms, plan_.troubled);
    add({at, Act::kStop, 0, 0});
    add({at + dice_.between(0_ms, 100_ms), Act::kCrash, 0, 0});
  }
  for (int i = 0; i < plan_.outages; ++i) {
    const size_t which = dice_.below(skies_.size());
    const MonoTime at = begin_ + dice_.between(0_ms, plan_.troubled);
    const auto kinds = static_cast<int64_t>(Weather::kCount);
    add({at, Act::kWeather, which, dice_.between(1, kinds - 1)});
    add({at + dice_.between(10_ms, 2000_ms), Act::kWeather, which, 0});
  }
  if (plan_.long_outage) {
    witness_.saw(Rare::kLongOutage);
    const auto kinds = static_cast<int64_t>(Weather::kCount);
    const size_t which = dice_.below(skies_.size());
    add({begin_ + dice_.between(0_ms, 2000_ms), Act::kWeather, which, dice_.between(1, kinds - 1)});
    add({begin_ + plan_.troubled - dice_.between(0_ms, 3000_ms), Act::kWeather, which, 0});
  }
  if (plan_.reconcile_interval > 1'000'000_ms) witness_.saw(Rare::kHintsAlone);
  if (plan_.store_error > 0) {
    const MonoTime at = begin_ + dice_.between(0_ms, plan_.troubled);
    add({at, Act::kStoreFull, 0, 0});
    add({at + dice_.between(10_ms, 3000_ms), Act::kStoreFree, 0, 0});
  }
  for (int i = 0; i < plan_.clock_jumps; ++i) {
    constexpr int64_t kHour = 3'600'000'000'000;
    const MonoTime at = begin_ + dice_.between(0_ms, plan_.troubled);
    add({at, Act::kClock, 0, dice_.one_of({-kHour, kHour, 24 * 365 * 10 * kHour})});
  }
}

Verdict run_schedule(uint64_t seed, bool tells) {
  return World(seed, draw_plan(seed), tells).run();
}

}  // namespace sluice::sim
