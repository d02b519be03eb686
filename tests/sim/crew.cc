// SPDX-License-Identifier: Apache-2.0
#include "crew.h"

#include <sys/wait.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdio>
#include <memory>
#include <new>
#include <type_traits>

#include "journal.h"

namespace sluice::sim {
namespace {

// I9: of every hundredth seed the trace is made twice.
constexpr uint64_t kTwiceEvery = 100;

// What a child writes and its parent reads.
struct Yield {
  Tally tally;
  uint64_t traces_count = 0;
  std::array<uint64_t, kChunk> traces{};
};
static_assert(std::is_trivially_copyable_v<Yield>);

// One process at work, again and again.
struct Desk {
  uint64_t first = 0, next = 0, end = 0;  // seeds of the chunk
  double cpu_s = 0;
  Yield* yield = nullptr;
  std::unique_ptr<Apart> apart;
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

// In the child. Ends at the first broken promise.
void run_chunk(uint64_t next, uint64_t end, Yield& yield, Board& board) {
  for (uint64_t seed = next; seed < end; ++seed) {
    const Plan plan = draw_plan(seed);
    Verdict verdict;
    if (!board.run(seed, plan, false, &verdict)) return;
    const bool twice = seed % kTwiceEvery == 0;
    if (twice && !same_again(seed, plan, verdict.hash, board)) return;
    Tally one{1, twice ? 1u : 0u, verdict.steps, verdict.ended.value / 1'000'000'000 - 1000,
              verdict.rare};
    yield.tally.add(one);
    yield.traces[yield.traces_count++] = verdict.hash;
  }
}

class Crew {
 public:
  Crew(const Wanted& wanted, const std::function<void(const Totals&)>& progress)
      : wanted_(wanted), progress_(progress), next_(wanted.from), desks_(wanted.jobs) {
    for (Desk& desk : desks_) desk.yield = new (shared_memory(sizeof(Yield))) Yield;
  }

  Result<Totals> run() {
    if (!wanted_.journal.empty()) {
      const Result<void> opened = journal_.open(wanted_.journal, totals_);
      if (!opened) return opened.error();
    }
    for (Desk& desk : desks_) begin_chunk(desk);
    while (Desk* desk = wait_for_one()) end_of(*desk);
    sort_broken();
    return std::move(totals_);
  }

 private:
  bool stops() const { return !wanted_.keep_going && !totals_.broken.empty(); }

  // A chunk that was ended behind a broken promise ran again and broke it again.
  void sort_broken() {
    std::vector<Trial>& all = totals_.broken;
    std::sort(all.begin(), all.end(),
              [](const Trial& a, const Trial& b) { return a.seed < b.seed; });
    const auto end = std::unique(all.begin(), all.end(),
                                 [](const Trial& a, const Trial& b) { return a.seed == b.seed; });
    all.erase(end, all.end());
  }

  void begin_chunk(Desk& desk) {
    const uint64_t end = wanted_.from + wanted_.count;
    while (next_ < end && journal_.has(next_)) next_ += kChunk;
    if (next_ >= end || stops()) return;
    desk.first = desk.next = next_;
    desk.end = std::min(end, next_ + kChunk);
    desk.cpu_s = 0;
    *desk.yield = {};
    next_ = desk.end;
    begin_child(desk);
  }

  void begin_child(Desk& desk) {
    desk.apart =
        std::make_unique<Apart>([next = desk.next, end = desk.end, yield = desk.yield](
                                    Board& board) { run_chunk(next, end, *yield, board); });
  }

  // The desk whose child has ended; null when nobody works.
  Desk* wait_for_one() {
    while (std::any_of(desks_.begin(), desks_.end(),
                       [](const Desk& desk) { return desk.apart != nullptr; })) {
      siginfo_t ended{};
      if (waitid(P_ALL, 0, &ended, WEXITED | WNOWAIT) != 0 && errno != EINTR) break;
      for (Desk& desk : desks_) {
        if (desk.apart && desk.apart->child() == ended.si_pid) return &desk;
      }
    }
    return nullptr;
  }

  void end_of(Desk& desk) {
    Trial trial = desk.apart->result();
    desk.apart.reset();
    desk.cpu_s += trial.cpu_s;
    if (trial.good) {
      finish_chunk(desk);
      return begin_chunk(desk);
    }
    desk.next = trial.seed + 1;
    journal_.promise_broken(trial);
    totals_.broken.push_back(std::move(trial));
    if (stops()) return;
    if (desk.next < desk.end) return begin_child(desk);
    finish_chunk(desk);
    begin_chunk(desk);
  }

  void finish_chunk(Desk& desk) {
    const std::span traces(desk.yield->traces.data(), desk.yield->traces_count);
    journal_.chunk_done(desk.first, desk.yield->tally, desk.cpu_s, traces);
    totals_.tally.add(desk.yield->tally);
    totals_.cpu_s += desk.cpu_s;
    totals_.traces.insert(totals_.traces.end(), traces.begin(), traces.end());
    progress_(totals_);
  }

  const Wanted& wanted_;
  const std::function<void(const Totals&)>& progress_;
  uint64_t next_;
  Totals totals_;
  Journal journal_;
  std::vector<Desk> desks_;
};

}  // namespace

void Tally::add(const Tally& more) {
  schedules += more.schedules;
  twice += more.twice;
  steps += more.steps;
  simulated_s += more.simulated_s;
  for (size_t i = 0; i < rare.size(); ++i) rare[i] += more.rare[i];
}

Result<Totals> run_chunks(const Wanted& wanted,
                          const std::function<void(const Totals&)>& progress) {
  return Crew(wanted, progress).run();
}

}  // namespace sluice::sim
