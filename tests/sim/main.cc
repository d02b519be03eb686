// SPDX-License-Identifier: Apache-2.0
// sluice-sim — the simulated world on the command line.
//
//   sluice-sim SEED                       one schedule, told step by step
//   sluice-sim --campaign N [--from SEED] N schedules; the first broken promise ends it
//
// Exit: 0 all promises held, 1 one was broken, 2 the command line is wrong.
#include <unistd.h>

#include <charconv>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string_view>

#include "world.h"

namespace sluice::sim {
namespace {

// For the report of a failed SLUICE_CHECK, which ends the process inside a schedule.
const World* g_world = nullptr;
uint64_t g_seed = 0;

extern "C" void report_abort(int) {
  std::signal(SIGABRT, SIG_DFL);
  std::fprintf(stderr, "sluice-sim: a check of the program failed in seed %lu\n",
               static_cast<unsigned long>(g_seed));
  if (g_world != nullptr) {
    std::fprintf(stderr, "step %ld; the last lines of the trace:\n",
                 static_cast<long>(g_world->witness().step));
    g_world->witness().print_last(stderr);
  }
  std::fflush(stderr);
  std::_Exit(1);
}

Verdict run_watched(uint64_t seed, const Plan& plan, bool tells, bool tell_end) {
  World world(seed, plan, tells);
  g_world = &world;
  g_seed = seed;
  const Verdict verdict = world.run();
  if (tell_end && !verdict.good) {
    std::printf("seed %lu, step %ld: %s: %s\n", static_cast<unsigned long>(seed),
                static_cast<long>(verdict.steps), verdict.invariant.c_str(), verdict.what.c_str());
    if (!tells) {
      std::printf("%sThe last lines of the trace:\n", describe(plan).c_str());
      world.witness().print_last(stdout);
      std::printf("The whole story: sluice-sim %lu\n", static_cast<unsigned long>(seed));
    }
  }
  g_world = nullptr;
  return verdict;
}

int tell(uint64_t seed) {
  const Plan plan = draw_plan(seed);
  std::printf("%s\n", describe(plan).c_str());
  const Verdict verdict = run_watched(seed, plan, true, true);
  if (verdict.good)
    std::printf("seed %lu: all promises held; %ld steps, %.1f s simulated, trace %016lx\n",
                static_cast<unsigned long>(seed), static_cast<long>(verdict.steps),
                static_cast<double>(verdict.ended.value) * 1e-9 - 1000,
                static_cast<unsigned long>(verdict.hash));
  return verdict.good ? 0 : 1;
}

// Returns whether each state was reached; prints how often.
bool print_rare(const RareCounts& rare) {
  bool all = true;
  for (size_t i = 0; i < rare.size(); ++i) {
    std::printf("  %12ld  %s\n", static_cast<long>(rare[i]), name_of(static_cast<Rare>(i)));
    all = all && rare[i] > 0;
  }
  return all;
}

int campaign(uint64_t from, uint64_t count) {
  constexpr uint64_t kTwiceEvery = 100;  // I9
  constexpr uint64_t kEnoughToSeeAll = 1'000;
  const bool terminal = isatty(STDOUT_FILENO) == 1;
  const auto started = std::chrono::steady_clock::now();
  RareCounts rare{};
  int64_t steps = 0;
  for (uint64_t seed = from; seed < from + count; ++seed) {
    const Plan plan = draw_plan(seed);
    const Verdict verdict = run_watched(seed, plan, false, true);
    if (!verdict.good) return 1;
    if (seed % kTwiceEvery == 0 && run_watched(seed, plan, false, false).hash != verdict.hash) {
      std::printf("seed %lu: I9 SEED: two runs differ\n", static_cast<unsigned long>(seed));
      return 1;
    }
    steps += verdict.steps;
    for (size_t i = 0; i < rare.size(); ++i) rare[i] += verdict.rare[i];
    if (terminal && (seed - from) % 50 == 0) {
      std::printf("\r%lu of %lu schedules", static_cast<unsigned long>(seed - from),
                  static_cast<unsigned long>(count));
      std::fflush(stdout);
    }
  }
  const std::chrono::duration<double> took = std::chrono::steady_clock::now() - started;
  std::printf("%s%lu schedules from seed %lu: all promises held; %ld steps, %.2f ms each\n",
              terminal ? "\r" : "", static_cast<unsigned long>(count),
              static_cast<unsigned long>(from), static_cast<long>(steps),
              took.count() * 1e3 / static_cast<double>(count));
  std::printf("Rare states:\n");
  if (print_rare(rare) || count < kEnoughToSeeAll) return 0;
  std::printf("A state with 0 was never reached: these schedules prove less than they should.\n");
  return 1;
}

bool parse(std::string_view text, uint64_t& value) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  return error == std::errc() && end == text.data() + text.size();
}

int usage() {
  std::fprintf(stderr, "usage: sluice-sim SEED | sluice-sim --campaign N [--from SEED]\n");
  return 2;
}

int run(int argc, char** argv) {
  std::signal(SIGABRT, report_abort);
  uint64_t number = 0;
  uint64_t from = 1;
  if (argc == 2 && parse(argv[1], number)) return tell(number);
  const bool campaigns = argc >= 3 && std::strcmp(argv[1], "--campaign") == 0;
  if (!campaigns || !parse(argv[2], number)) return usage();
  if (argc == 5 && (std::strcmp(argv[3], "--from") != 0 || !parse(argv[4], from))) return usage();
  if (argc != 3 && argc != 5) return usage();
  return campaign(from, number);
}

}  // namespace
}  // namespace sluice::sim

int main(int argc, char** argv) {
  return sluice::sim::run(argc, argv);
}
