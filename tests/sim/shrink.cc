// SPDX-License-Identifier: Apache-2.0
#include "shrink.h"

#include <algorithm>
#include <iterator>

namespace sluice::sim {
namespace {

using namespace literals;

constexpr int kTrialsMax = 2'000;
// Worlds in which a smaller plan is tried: another plan is another story, and the bug may need
// luck.
constexpr uint64_t kSeedsPerPlan = 6;
constexpr uint64_t kSeedsAtLast = 150;

// Makes the plan smaller in one way; false if it is that small already.
using Cut = bool (*)(Plan&);

template <auto Member, auto Least>
bool set_least(Plan& plan) {
  if (plan.*Member == Least) return false;
  plan.*Member = Least;
  return true;
}

template <auto Member>
bool halve(Plan& plan) {
  if (plan.*Member <= 1) return false;
  plan.*Member /= 2;
  return true;
}

template <auto Member>
bool none_late(Plan& plan) {
  if (plan.*Member == Duration(0)) return false;
  plan.*Member = Duration(0);
  return true;
}

bool one_destination(Plan& plan) {
  if (plan.destinations.size() < 2) return false;
  plan.destinations.pop_back();
  return true;
}

bool calm_destinations(Plan& plan) {
  bool changed = false;
  for (DestinationPlan& each : plan.destinations) {
    changed = changed || each.rate_bytes.per_second > 0 || each.rate_requests.per_second > 0;
    each.rate_bytes = each.rate_requests = {};
  }
  return changed;
}

bool shorter(Plan& plan) {
  if (plan.troubled <= 300_ms) return false;
  plan.troubled = Duration(plan.troubled.value / 2);
  return true;
}

constexpr Cut kCuts[] = {
    one_destination,
    calm_destinations,
    set_least<&Plan::streams, 1>,
    set_least<&Plan::shards, 1>,
    set_least<&Plan::lost_hint, 0>,
    set_least<&Plan::hint_overflow, 0>,
    set_least<&Plan::disk_error, 0>,
    set_least<&Plan::read_error, 0>,
    set_least<&Plan::short_read, 0>,
    set_least<&Plan::race_in_turn, 0>,
    set_least<&Plan::store_error, 0>,
    set_least<&Plan::request_fault, 0>,
    set_least<&Plan::outages, 0>,
    set_least<&Plan::stall, 0>,
    set_least<&Plan::rotations, 0>,
    set_least<&Plan::double_copies, 0>,
    set_least<&Plan::truncations, 0>,
    set_least<&Plan::deletions, 0>,
    set_least<&Plan::packs, 0>,
    set_least<&Plan::moves, 0>,
    set_least<&Plan::retargets, 0>,
    set_least<&Plan::links, 0>,
    set_least<&Plan::no_append, 0>,
    set_least<&Plan::cuts, 0>,
    set_least<&Plan::power_losses, 0>,
    set_least<&Plan::fsync_lies, false>,
    set_least<&Plan::store_damage, 0>,
    set_least<&Plan::store_restored, 0>,
    set_least<&Plan::long_outage, false>,
    set_least<&Plan::crashes, 0>,
    set_least<&Plan::stops, 0>,
    set_least<&Plan::clock_jumps, 0>,
    set_least<&Plan::long_line, 0>,
    set_least<&Plan::partial_write, 0>,
    set_least<&Plan::lines_per_burst, 1>,
    set_least<&Plan::reuse_inodes, false>,
    set_least<&Plan::coarse_times, false>,
    none_late<&Plan::hint_delay_max>,
    halve<&Plan::bursts>,
    halve<&Plan::rotations>,
    halve<&Plan::truncations>,
    halve<&Plan::cuts>,
    halve<&Plan::power_losses>,
    halve<&Plan::deletions>,
    halve<&Plan::crashes>,
    halve<&Plan::outages>,
    shorter,
};

class Search {
 public:
  Search(const Plan& plan, const Trial& broken) : best_{plan, broken, 0} {}

  // True if the plan breaks the same promise with a trace that is not longer.
  bool try_plan(const Plan& plan, uint64_t seeds) {
    for (uint64_t i = 0; i < seeds && best_.trials < kTrialsMax; ++i) {
      const Trial trial = try_schedule(best_.trial.seed + i * 1'000'003, plan, false);
      ++best_.trials;
      const bool same = !trial.good && trial.invariant == best_.trial.invariant;
      if (!same || trial.lines > best_.trial.lines) continue;
      best_.plan = plan;
      best_.trial = trial;
      return true;
    }
    return false;
  }

  void cut_plan() {
    bool smaller = true;
    while (std::exchange(smaller, false)) {
      for (const Cut cut : kCuts) {
        Plan plan = best_.plan;
        if (cut(plan)) smaller = try_plan(plan, kSeedsPerPlan) || smaller;
      }
    }
  }

  // Other worlds with the same plan: some come to the point faster.
  void find_faster_world() {
    for (uint64_t i = 1; i <= kSeedsAtLast && best_.trials < kTrialsMax; ++i) {
      const Trial trial = try_schedule(best_.trial.seed + i, best_.plan, false);
      ++best_.trials;
      const bool same = !trial.good && trial.invariant == best_.trial.invariant;
      if (same && trial.lines < best_.trial.lines) best_.trial = trial;
    }
  }

  // One entry of the calendar after the other, the latest first.
  void cut_calendar() {
    for (size_t entry = 120; entry-- > 0;) {
      if (best_.plan.without.contains(entry)) continue;
      Plan plan = best_.plan;
      plan.without.insert(entry);
      try_plan(plan, 1);
    }
  }

  const Shortest& best() const { return best_; }

 private:
  Shortest best_;
};

}  // namespace

Shortest shrink(const Plan& plan, const Trial& broken) {
  Search search(plan, broken);
  search.cut_plan();
  search.find_faster_world();
  search.cut_plan();
  search.cut_calendar();
  return search.best();
}

}  // namespace sluice::sim
