// SPDX-License-Identifier: Apache-2.0
// Checks of the checks: which schedule finds which planted bug.
#include <cstdio>

#include "campaign.h"
#include "trial.h"

namespace sluice::sim {

#ifdef SLUICE_PLANTED_BUGS

namespace {

bool hunt(size_t bug, uint64_t schedules) {
  const Trial trial = try_apart([&](Board& board) {
    g_planted = static_cast<Planted>(bug);
    for (uint64_t seed = 1; seed <= schedules; ++seed) {
      if (!board.run(seed, draw_plan(seed), false)) return;
    }
  });
  if (trial.good) {
    std::printf("%-32s %8s %8s  NOT FOUND\n", kPlantedNames[bug], "-", "-");
  } else {
    std::printf("%-32s %8lu %8ld  %s: %.110s\n", kPlantedNames[bug],
                static_cast<unsigned long>(trial.seed), static_cast<long>(trial.step),
                trial.invariant.c_str(), trial.what.c_str());
  }
  std::fflush(stdout);
  return !trial.good;
}

}  // namespace

int run_planted(Planted only, uint64_t schedules) {
  size_t bugs = 0, found = 0;
  std::printf("%-32s %8s %8s  %s\n", "bug", "schedule", "step", "found by");
  for (size_t i = 1; i < kPlantedNames.size(); ++i) {
    if (only != Planted::kNothing && only != static_cast<Planted>(i)) continue;
    ++bugs;
    found += hunt(i, schedules) ? 1 : 0;
  }
  std::printf("%zu planted bugs, %zu found within %lu schedules each\n", bugs, found,
              static_cast<unsigned long>(schedules));
  return found == bugs ? 0 : 1;
}

#else

int run_planted(Planted, uint64_t) {
  std::fprintf(stderr, "sluice-sim: this build has no planted bugs; use scripts/sim --planted\n");
  return 2;
}

#endif

}  // namespace sluice::sim
