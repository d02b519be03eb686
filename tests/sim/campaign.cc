// SPDX-License-Identifier: Apache-2.0
#include "campaign.h"

#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdio>

#include "shrink.h"

namespace sluice::sim {
namespace {

// Fewer schedules may miss a rare state by chance.
constexpr uint64_t kEnoughToSeeAll = 2'000;
// Who does not sit at a terminal hears of a campaign twenty times.
constexpr uint64_t kReports = 20;
// More would only hide the first ones.
constexpr size_t kListedMax = 50;

// Nothing brings them about: two contents have to begin alike by chance, or all lines that are left
// have to be bad ones.
bool is_by_chance(Rare rare) {
  return rare == Rare::kTwin || rare == Rare::kHeldForProof;
}

unsigned long ul(uint64_t value) {
  return static_cast<unsigned long>(value);
}

class Progress {
 public:
  explicit Progress(uint64_t count)
      : count_(count), every_(std::max<uint64_t>(count / kReports, 5'000)) {}

  void show(const Totals& totals) {
    const uint64_t done = totals.tally.schedules + totals.broken.size();
    const double s = seconds();
    const double rate = s > 0 ? static_cast<double>(done - totals.resumed) / s : 0;
    if (!terminal_ && done < next_) return;
    next_ = done + every_;
    std::printf("%s%lu of %lu schedules, %.0f/s, %zu broken%s", terminal_ ? "\r" : "", ul(done),
                ul(count_), rate, totals.broken.size(), terminal_ ? "  " : "\n");
    std::fflush(stdout);
  }
  void end() const {
    if (terminal_) std::printf("\n");
  }
  double seconds() const {
    return std::chrono::duration<double>(std::chrono::steady_clock::now() - started_).count();
  }

 private:
  const bool terminal_ = isatty(STDOUT_FILENO) == 1;
  const std::chrono::steady_clock::time_point started_ = std::chrono::steady_clock::now();
  const uint64_t count_, every_;
  uint64_t next_ = every_;
};

// Returns whether each state was reached; prints how often.
bool print_rare(const RareCounts& rare) {
  bool all = true;
  std::printf("Rare states:\n");
  for (size_t i = 0; i < rare.size(); ++i) {
    const bool missed = rare[i] == 0 && !is_by_chance(static_cast<Rare>(i));
    std::printf("  %12ld  %s%s\n", static_cast<long>(rare[i]), name_of(static_cast<Rare>(i)),
                missed ? "   <- never reached" : "");
    all = all && !missed;
  }
  return all;
}

void print_figures(const Wanted& wanted, Totals& totals, double took) {
  std::sort(totals.traces.begin(), totals.traces.end());
  const auto distinct = std::unique(totals.traces.begin(), totals.traces.end());
  const Tally& tally = totals.tally;
  const uint64_t all = tally.schedules + totals.broken.size();
  std::printf("%lu schedules, seeds %lu to %lu: %s\n", ul(all), ul(wanted.from),
              ul(wanted.from + wanted.count - 1),
              totals.broken.empty() ? "all promises held" : "promises were broken");
  if (totals.resumed > 0) std::printf("  %lu of them from the journal\n", ul(totals.resumed));
  std::printf("  %ld distinct traces; %lu seeds run twice, the same both times\n",
              static_cast<long>(distinct - totals.traces.begin()), ul(tally.twice));
  std::printf("  %ld steps, %ld hours of simulated time\n", static_cast<long>(tally.steps),
              static_cast<long>(tally.simulated_s / 3600));
  // A seed that was run twice is two schedules of work.
  std::printf("  %.0f schedules/s in %zu process(es), %.2f ms CPU per schedule\n",
              static_cast<double>(all - totals.resumed) / took, wanted.jobs,
              totals.cpu_s * 1e3 / static_cast<double>(std::max<uint64_t>(1, all + tally.twice)));
}

void print_broken(const Trial& trial) {
  std::printf("seed %lu, step %ld: %s: %s\n", ul(trial.seed), static_cast<long>(trial.step),
              trial.invariant.c_str(), trial.what.c_str());
}

int list_broken(const std::vector<Trial>& broken) {
  for (size_t i = 0; i < std::min(broken.size(), kListedMax); ++i) print_broken(broken[i]);
  if (broken.size() > kListedMax) std::printf("and %zu more\n", broken.size() - kListedMax);
  std::printf("%zu broken promises; `scripts/sim SEED --shrink` tells the shortest trace of one\n",
              broken.size());
  return 1;
}

}  // namespace

int tell(uint64_t seed) {
  const Plan plan = draw_plan(seed);
  std::printf("%s\n", describe(plan).c_str());
  Verdict verdict;
  const Trial trial = try_apart([&](Board& board) {
    if (board.run(seed, plan, true, &verdict))
      std::printf("seed %lu: all promises held; %ld steps, %.1f s simulated, trace %016lx\n",
                  ul(seed), static_cast<long>(verdict.steps),
                  static_cast<double>(verdict.ended.value) * 1e-9 - 1000, ul(verdict.hash));
  });
  if (!trial.good) print_broken(trial);
  return trial.good ? 0 : 1;
}

int tell_shortest(uint64_t seed) {
  const Plan plan = draw_plan(seed);
  const Trial first = try_schedule(seed, plan, false);
  if (first.good) {
    std::printf("seed %lu: all promises held\n", ul(seed));
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

int run_campaign(const Wanted& wanted) {
  Progress progress(wanted.count);
  Result<Totals> done = run_chunks(wanted, [&](const Totals& totals) { progress.show(totals); });
  if (!done) {
    std::fprintf(stderr, "sluice-sim: %s\n", done.error().message().c_str());
    return 2;
  }
  progress.end();
  Totals& totals = *done;
  if (!totals.broken.empty() && !wanted.keep_going) {
    const Trial& first = totals.broken.front();
    if (first.invariant != "I9 SEED") return tell_shortest(first.seed);
    print_broken(first);
    return 1;
  }
  print_figures(wanted, totals, progress.seconds());
  const bool reached_all = print_rare(totals.tally.rare);
  if (!totals.broken.empty()) return list_broken(totals.broken);
  if (reached_all || wanted.count < kEnoughToSeeAll) return 0;
  std::printf("A state was never reached: these schedules prove less than they should.\n");
  return 1;
}

}  // namespace sluice::sim
