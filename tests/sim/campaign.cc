// SPDX-License-Identifier: Apache-2.0
#include "campaign.h"

#include <time.h>
#include <unistd.h>

#include <chrono>
#include <cstdio>
#include <unordered_set>

#include "shrink.h"
#include "trial.h"

namespace sluice::sim {
namespace {

// I9: of every hundredth seed the trace is made twice.
constexpr uint64_t kTwiceEvery = 100;
// Fewer schedules may miss a rare state by chance.
constexpr uint64_t kEnoughToSeeAll = 2'000;

double cpu_seconds() {
  timespec now{};
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) + static_cast<double>(now.tv_nsec) * 1e-9;
}

struct Totals {
  RareCounts rare{};
  int64_t steps = 0;
  uint64_t twice = 0;
  uint64_t simulated_s = 0;
  std::unordered_set<uint64_t> traces;
};

bool same_again(uint64_t seed, const Plan& plan, uint64_t hash, Board& board) {
  Verdict again;
  board.run(seed, plan, false, &again);
  if (again.hash == hash) return true;
  board.broken = true;
  std::snprintf(board.invariant, sizeof board.invariant, "I9 SEED");
  std::snprintf(board.what, sizeof board.what, "two runs of one seed differ");
  return false;
}

void show_progress(uint64_t done, uint64_t count) {
  std::printf("\r%lu of %lu schedules", static_cast<unsigned long>(done),
              static_cast<unsigned long>(count));
  std::fflush(stdout);
}

bool run_all(uint64_t from, uint64_t count, Totals& totals, Board& board) {
  const bool terminal = isatty(STDOUT_FILENO) == 1;
  for (uint64_t seed = from; seed < from + count; ++seed) {
    const Plan plan = draw_plan(seed);
    Verdict verdict;
    if (!board.run(seed, plan, false, &verdict)) return false;
    if (seed % kTwiceEvery == 0) {
      if (!same_again(seed, plan, verdict.hash, board)) return false;
      ++totals.twice;
    }
    totals.traces.insert(verdict.hash);
    totals.steps += verdict.steps;
    totals.simulated_s += static_cast<uint64_t>(verdict.ended.value / 1'000'000'000 - 1000);
    for (size_t i = 0; i < totals.rare.size(); ++i) totals.rare[i] += verdict.rare[i];
    if (terminal && (seed - from) % 50 == 0) show_progress(seed - from, count);
  }
  if (terminal) std::printf("\r");
  return true;
}

// Nothing brings it about: two contents have to begin alike by chance.
constexpr Rare kByChance = Rare::kTwin;

// Returns whether each state was reached; prints how often.
bool print_rare(const RareCounts& rare) {
  bool all = true;
  for (size_t i = 0; i < rare.size(); ++i) {
    const bool missed = rare[i] == 0 && static_cast<Rare>(i) != kByChance;
    std::printf("  %12ld  %s%s\n", static_cast<long>(rare[i]), name_of(static_cast<Rare>(i)),
                missed ? "   <- never reached" : "");
    all = all && !missed;
  }
  return all;
}

void print_figures(uint64_t from, uint64_t count, const Totals& totals, double took, double cpu) {
  const auto schedules = static_cast<double>(count);
  std::printf("%lu schedules, seeds %lu to %lu: all promises held\n",
              static_cast<unsigned long>(count), static_cast<unsigned long>(from),
              static_cast<unsigned long>(from + count - 1));
  std::printf("  %zu distinct traces; %lu seeds run twice, the same both times\n",
              totals.traces.size(), static_cast<unsigned long>(totals.twice));
  std::printf("  %ld steps, %lu hours of simulated time\n", static_cast<long>(totals.steps),
              static_cast<unsigned long>(totals.simulated_s / 3600));
  std::printf("  %.0f seeds/s, %.2f ms CPU per schedule\n", schedules / took,
              cpu * 1e3 / schedules);
}

void print_broken(const Trial& trial) {
  std::printf("seed %lu, step %ld: %s: %s\n", static_cast<unsigned long>(trial.seed),
              static_cast<long>(trial.step), trial.invariant.c_str(), trial.what.c_str());
}

}  // namespace

int tell(uint64_t seed) {
  const Plan plan = draw_plan(seed);
  std::printf("%s\n", describe(plan).c_str());
  Verdict verdict;
  const Trial trial = try_apart([&](Board& board) {
    if (board.run(seed, plan, true, &verdict))
      std::printf("seed %lu: all promises held; %ld steps, %.1f s simulated, trace %016lx\n",
                  static_cast<unsigned long>(seed), static_cast<long>(verdict.steps),
                  static_cast<double>(verdict.ended.value) * 1e-9 - 1000,
                  static_cast<unsigned long>(verdict.hash));
  });
  if (!trial.good) print_broken(trial);
  return trial.good ? 0 : 1;
}

int tell_shortest(uint64_t seed) {
  const Plan plan = draw_plan(seed);
  const Trial first = try_schedule(seed, plan, false);
  if (first.good) {
    std::printf("seed %lu: all promises held\n", static_cast<unsigned long>(seed));
    return 0;
  }
  print_broken(first);
  const Shortest found = shrink(plan, first);
  std::printf("After %d trials, %ld lines of trace instead of %ld:\n\n%s\n", found.trials,
              static_cast<long>(found.trial.lines), static_cast<long>(first.lines),
              describe(found.plan).c_str());
  try_schedule(found.trial.seed, found.plan, true);
  print_broken(found.trial);
  return 1;
}

int run_campaign(uint64_t from, uint64_t count) {
  bool reached_all = true;
  const Trial trial = try_apart([&](Board& board) {
    const auto started = std::chrono::steady_clock::now();
    Totals totals;
    if (!run_all(from, count, totals, board)) return;
    const std::chrono::duration<double> took = std::chrono::steady_clock::now() - started;
    print_figures(from, count, totals, took.count(), cpu_seconds());
    std::printf("Rare states:\n");
    reached_all = print_rare(totals.rare);
    if (reached_all || count < kEnoughToSeeAll) return;
    board.broken = true;
    std::snprintf(board.invariant, sizeof board.invariant, "RARE");
    std::printf("A state was never reached: these schedules prove less than they should.\n");
  });
  if (trial.good) return 0;
  if (trial.invariant == "RARE") return 1;
  std::printf("%s", isatty(STDOUT_FILENO) == 1 ? "\n" : "");
  if (trial.invariant != "I9 SEED") return tell_shortest(trial.seed);
  print_broken(trial);
  return 1;
}

int run_planted(Planted only, uint64_t schedules) {
#ifdef SLUICE_PLANTED_BUGS
  size_t bugs = 0, missed = 0;
  std::printf("%-32s %8s %8s  %s\n", "bug", "schedule", "step", "found by");
  for (size_t i = 1; i < kPlantedNames.size(); ++i) {
    if (only != Planted::kNothing && only != static_cast<Planted>(i)) continue;
    const Trial trial = try_apart([&](Board& board) {
      g_planted = static_cast<Planted>(i);
      for (uint64_t seed = 1; seed <= schedules; ++seed) {
        if (!board.run(seed, draw_plan(seed), false)) return;
      }
    });
    ++bugs;
    if (trial.good) ++missed;
    if (trial.good) {
      std::printf("%-32s %8s %8s  NOT FOUND\n", kPlantedNames[i], "-", "-");
    } else {
      std::printf("%-32s %8lu %8ld  %s: %.110s\n", kPlantedNames[i],
                  static_cast<unsigned long>(trial.seed), static_cast<long>(trial.step),
                  trial.invariant.c_str(), trial.what.c_str());
    }
    std::fflush(stdout);
  }
  std::printf("%zu planted bugs, %zu found within %lu schedules each\n", bugs, bugs - missed,
              static_cast<unsigned long>(schedules));
  return missed == 0 ? 0 : 1;
#else
  (void)only;
  (void)schedules;
  std::fprintf(stderr, "sluice-sim: this build has no planted bugs; use scripts/sim --planted\n");
  return 2;
#endif
}

}  // namespace sluice::sim
