// SPDX-License-Identifier: Apache-2.0
// Short scripts in the simulated world in which the n-th call at one seam fails, once and from then
// on, for each n until a run passes untouched. When the faults are over everything must arrive, and
// the oracle's invariants hold at every step.
#include <gtest/gtest.h>

#include <array>
#include <cstdio>
#include <string>
#include <tuple>
#include <vector>

#include "world.h"

namespace sluice::sim {
namespace {

using namespace literals;

// A run with more calls than this is no short script.
constexpr int64_t kMostCalls = 5'000;

constexpr std::array<const char*, static_cast<size_t>(Seam::kCount)> kSeamNames = {
    "List", "Stat", "Open", "ReadAt", "Read", "Commit", "Watch", "Send", "SendStored"};

Plan short_script() {
  Plan plan;
  plan.destinations.emplace_back();
  plan.streams = 2;
  plan.bursts = 8;
  plan.lines_per_burst = 3;
  plan.troubled = 1500_ms;
  plan.checkpoint_interval = 100_ms;
  plan.reconcile_interval = 400_ms;
  return plan;
}

// Rotation by renaming, a crash and a stop.
Plan rotation() {
  Plan plan = short_script();
  plan.rotations = 3;
  plan.crashes = 1;
  plan.stops = 1;
  return plan;
}

// In order, to two destinations, with truncations and deletions; inodes are reused at once.
Plan truncation() {
  Plan plan = short_script();
  plan.shards = 2;
  plan.destinations.emplace_back();
  plan.destinations[1].ordered = true;
  plan.reuse_inodes = true;
  plan.wide_pattern = true;
  plan.truncations = 2;
  plan.deletions = 2;
  plan.crashes = 1;
  return plan;
}

// More files than descriptors, more directories than watches, lines longer than a block.
Plan shortage() {
  Plan plan = short_script();
  plan.streams = 4;
  plan.open_files_max = 2;
  plan.watches_max = 1;
  plan.long_line = 100;
  plan.partial_write = 200;
  plan.rotations = 2;
  plan.stops = 1;
  return plan;
}

struct Script {
  const char* name;
  Plan (*plan)();
  uint64_t seed;
};

class FailNth : public testing::TestWithParam<std::tuple<Script, Seam, bool>> {};

TEST_P(FailNth, RES_2_EverythingArrivesWhicheverCallFails) {
  const auto& [script, seam, from_then_on] = GetParam();
  for (int64_t n = 1; n <= kMostCalls; ++n) {
    NthFailure nth(seam, n, from_then_on);
    Plan plan = script.plan();
    plan.nth = &nth;
    const Verdict verdict = World(script.seed, plan, false).run();
    if (!verdict.good) {
      NthFailure again(seam, n, from_then_on);
      plan.nth = &again;
      World(script.seed, plan, true).run();  // tells what happened
      FAIL() << "call " << n << ": " << verdict.invariant << ": " << verdict.what;
    }
    if (nth.calls() >= n) continue;
    std::printf("%ld calls failed one by one, the run after them was untouched\n", n - 1);
    return;
  }
  FAIL() << "each of " << kMostCalls << " runs was touched; the script is too long";
}

std::vector<Seam> all_seams() {
  std::vector<Seam> seams;
  for (size_t i = 0; i < static_cast<size_t>(Seam::kCount); ++i)
    seams.push_back(static_cast<Seam>(i));
  return seams;
}

INSTANTIATE_TEST_SUITE_P(Seams, FailNth,
                         testing::Combine(testing::Values(Script{"Rotation", rotation, 1},
                                                          Script{"Truncation", truncation, 2},
                                                          Script{"Shortage", shortage, 3}),
                                          testing::ValuesIn(all_seams()), testing::Bool()),
                         [](const auto& tested) {
                           return std::string(std::get<0>(tested.param).name) +
                                  kSeamNames[static_cast<size_t>(std::get<1>(tested.param))] +
                                  (std::get<2>(tested.param) ? "FromThenOn" : "Once");
                         });

}  // namespace
}  // namespace sluice::sim
