// SPDX-License-Identifier: Apache-2.0
#include "measure/tune_choice.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "control/config_values.h"
#include "sluice/check.h"

namespace sluice {
namespace {

// What is better by less than this is not better. Raising it keeps more of what is; lowering it
// follows the noise, which is one or two hundredths on a host that has nothing else to do.
constexpr double kMarginMin = 0.03;
// The same with so few rounds that one accident decides.
constexpr size_t kFewRounds = 2;
constexpr double kMarginOfFew = 0.10;
// Of those that are equally good, one has to be so much cheaper to be worth a change.
constexpr double kSecondMargin = 0.05;
// However few bytes or cycles: what is slower than this share of the present is no answer.
constexpr double kSlowest = 0.1;

constexpr std::array<std::string_view, 3> kGoalWords = {"speed", "cpu", "bytes"};
constexpr std::array<std::string_view, 4> kFlagNames = {"level", "shards", "batch-bytes",
                                                        "workers"};

CompressionLevel fixed(int32_t level) {
  return {CompressionLevel::Mode::kFixed, level};
}

std::vector<CompressionLevel> levels_to_try(Compression compression, TuneGoal goal) {
  const CompressionLevel automatic{};
  const CompressionLevel fast{CompressionLevel::Mode::kFast, 1};
  if (compression == Compression::kNone) return {};
  if (goal == TuneGoal::kBytes && compression == Compression::kGzip)
    return {automatic, fixed(1), fixed(6), fixed(9), fixed(12)};
  if (compression == Compression::kGzip) return {automatic, fast, fixed(1), fixed(6)};
  return {automatic, fast, fixed(1), fixed(3), fixed(6)};
}

// The settings with one flag changed in every way that may be worth it.
std::vector<TuneSettings> changed(TuneFlag flag, const TuneSettings& now,
                                  const TuneBounds& bounds) {
  std::vector<TuneSettings> all;
  const auto add = [&all, &now](auto change) {
    TuneSettings settings = now;
    change(settings);
    all.push_back(settings);
  };
  switch (flag) {
    case TuneFlag::kLevel:
      for (const CompressionLevel& level : levels_to_try(bounds.compression, bounds.goal))
        add([&](TuneSettings& settings) { settings.level = level; });
      break;
    case TuneFlag::kShards:
      for (int32_t shards = 1; shards < bounds.cpus; shards *= 2)
        add([&](TuneSettings& settings) { settings.shards = shards; });
      add([&](TuneSettings& settings) { settings.shards = bounds.cpus; });
      break;
    case TuneFlag::kBatchBytes:
      for (int64_t bytes = 128 << 10; bytes <= 2 << 20; bytes *= 2)
        add([&](TuneSettings& settings) { settings.batch_bytes = Bytes(bytes); });
      break;
    case TuneFlag::kWorkers:
      for (const int32_t workers : {1, 2, 4, 8, 16})
        add([&](TuneSettings& settings) { settings.workers = workers; });
      break;
  }
  return all;
}

struct Merit {
  double first = 1;   // what the goal asks for: above 1 is better
  double second = 1;  // what decides among equals
  bool steady = true;
  bool fast_enough = true;
};

double first_ratio(TuneGoal goal, const TrialFigures& a, const TrialFigures& b) {
  if (goal == TuneGoal::kSpeed) return a.mb_per_s / b.mb_per_s;
  if (goal == TuneGoal::kCpu) return b.cpu_s_per_gb / a.cpu_s_per_gb;
  return b.wire_per_raw / a.wire_per_raw;
}

Merit merit_of(TuneGoal goal, const TuneCandidate& candidate, const TuneCandidate& first) {
  const TuneScore score = score_of(candidate, first);
  std::vector<double> ratios;
  for (size_t i = 0; i < candidate.rounds.size(); ++i)
    ratios.push_back(first_ratio(goal, candidate.rounds[i], first.rounds[i]));
  const auto won = std::count_if(ratios.begin(), ratios.end(), [](double r) { return r > 1; });
  Merit merit;
  merit.first = spread_of(ratios).median;
  merit.second = goal == TuneGoal::kCpu ? score.speed.median : 1 / score.cpu.median;
  merit.steady = static_cast<size_t>(won) * 4 >= ratios.size() * 3;
  merit.fast_enough = score.speed.median >= kSlowest;
  return merit;
}

double margin_of(TuneGoal goal, const TuneCandidate& first, std::span<const TrialFigures> control) {
  SLUICE_CHECK(control.size() == first.rounds.size(), "a control per round");
  // The same settings in the order of time: each differs from the one before by noise alone.
  std::vector<TrialFigures> same;
  for (size_t i = 0; i < control.size(); ++i) {
    same.push_back(first.rounds[i]);
    same.push_back(control[i]);
  }
  std::vector<double> noise;
  for (size_t i = 1; i < same.size(); ++i) {
    const double ratio = first_ratio(goal, same[i], same[i - 1]);
    noise.push_back(std::max(ratio, 1 / ratio) - 1);
  }
  std::sort(noise.begin(), noise.end());
  const bool few = control.size() <= kFewRounds;
  return std::max(few ? kMarginOfFew : kMarginMin,
                  few ? noise.back() : noise[noise.size() * 3 / 4]);
}

std::string rounds_text(size_t rounds) {
  return rounds == 1 ? "1 round: take it as a hint" : fmt::format("{} rounds", rounds);
}

std::string why_better(TuneGoal goal, TuneFlag flag, const TuneCandidate& chosen,
                       const TuneCandidate& first, bool by_second) {
  const TuneScore score = score_of(chosen, first);
  const std::string than = fmt::format("-{} {}", name_of(flag), value_of(flag, first.settings));
  const auto say = [&](const char* what, const Spread& ratio) {
    return fmt::format("{:.2f} times the {} of {} ({:.2f} to {:.2f}, {})", ratio.median, what, than,
                       ratio.least, ratio.greatest, rounds_text(chosen.rounds.size()));
  };
  if (by_second && goal == TuneGoal::kCpu) return "as little CPU, and " + say("MB/s", score.speed);
  if (by_second && goal == TuneGoal::kSpeed) return "as fast, with " + say("CPU per GB", score.cpu);
  if (by_second) return "as few bytes, with " + say("CPU per GB", score.cpu);
  if (goal == TuneGoal::kSpeed) return say("MB/s", score.speed);
  if (goal == TuneGoal::kCpu) return say("CPU per GB", score.cpu);
  return say("bytes on the wire", score.wire);
}

}  // namespace

std::optional<TuneGoal> tune_goal_of(std::string_view word) {
  const auto found = std::find(kGoalWords.begin(), kGoalWords.end(), word);
  if (found == kGoalWords.end()) return std::nullopt;
  return static_cast<TuneGoal>(found - kGoalWords.begin());
}

std::string_view word_of(TuneGoal goal) {
  return kGoalWords[static_cast<size_t>(goal)];
}

std::string_view name_of(TuneFlag flag) {
  return kFlagNames[static_cast<size_t>(flag)];
}

std::string value_of(TuneFlag flag, const TuneSettings& settings) {
  const auto count_or_auto = [](int32_t count) {
    return count == 0 ? std::string("auto") : std::to_string(count);
  };
  switch (flag) {
    case TuneFlag::kLevel:
      return format_level(settings.level);
    case TuneFlag::kShards:
      return count_or_auto(settings.shards);
    case TuneFlag::kBatchBytes:
      return format_bytes(settings.batch_bytes);
    case TuneFlag::kWorkers:
      return count_or_auto(settings.workers);
  }
  return {};
}

std::vector<TuneSettings> tune_candidates(TuneFlag flag, const TuneSettings& now,
                                          const TuneBounds& bounds) {
  std::vector<TuneSettings> all = {now};
  for (const TuneSettings& settings : changed(flag, now, bounds)) {
    const bool known = std::find(all.begin(), all.end(), settings) != all.end();
    if (!known && bounds.fits(settings)) all.push_back(settings);
  }
  return all;
}

TuneScore score_of(const TuneCandidate& candidate, const TuneCandidate& first) {
  SLUICE_CHECK(candidate.rounds.size() == first.rounds.size(), "rounds are pairs");
  std::array<std::vector<double>, 4> values;
  std::array<std::vector<double>, 3> ratios;
  for (size_t i = 0; i < candidate.rounds.size(); ++i) {
    const TrialFigures& a = candidate.rounds[i];
    const TrialFigures& b = first.rounds[i];
    values[0].push_back(a.mb_per_s);
    values[1].push_back(a.cpu_s_per_gb);
    values[2].push_back(a.wire_per_raw);
    values[3].push_back(a.rss_mib);
    ratios[0].push_back(a.mb_per_s / b.mb_per_s);
    ratios[1].push_back(a.cpu_s_per_gb / b.cpu_s_per_gb);
    ratios[2].push_back(a.wire_per_raw / b.wire_per_raw);
  }
  return {{spread_of(values[0]).median, spread_of(values[1]).median, spread_of(values[2]).median,
           spread_of(values[3]).median},
          spread_of(ratios[0]),
          spread_of(ratios[1]),
          spread_of(ratios[2])};
}

TuneChoice choose(TuneGoal goal, TuneFlag flag, std::span<const TuneCandidate> candidates,
                  std::span<const TrialFigures> control) {
  SLUICE_CHECK(!candidates.empty(), "the first candidate is what is");
  const double margin = margin_of(goal, candidates.front(), control);
  std::vector<Merit> merits;
  for (const TuneCandidate& candidate : candidates)
    merits.push_back(merit_of(goal, candidate, candidates.front()));
  const auto may_win = [&](size_t i) {
    return i == 0 || (merits[i].fast_enough && (merits[i].steady || merits[i].first <= 1 + margin));
  };
  double best = 1;
  for (size_t i = 0; i < merits.size(); ++i)
    if (may_win(i)) best = std::max(best, merits[i].first);
  // Equals of the best; what is counts as one of them if it is.
  const double enough = best / (1 + margin);
  const bool first_is_good = enough <= 1;
  size_t chosen = 0;
  double second = first_is_good ? 1 + std::max(kSecondMargin, margin) : 0;
  for (size_t i = 1; i < merits.size(); ++i) {
    if (!may_win(i) || merits[i].first < enough || merits[i].second <= second) continue;
    chosen = i;
    second = merits[i].second;
  }
  const std::string rounds = rounds_text(candidates.front().rounds.size());
  if (chosen == 0)
    return {0, margin,
            fmt::format("kept: nothing that was tried is better by more than {:.0f} % ({})",
                        margin * 100, rounds)};
  return {chosen, margin,
          why_better(goal, flag, candidates[chosen], candidates.front(), first_is_good)};
}

}  // namespace sluice
