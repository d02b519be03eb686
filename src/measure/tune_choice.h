// SPDX-License-Identifier: Apache-2.0
// tune_choice.h — which flags are worth trying, and which of the tried ones to recommend.
//
// In:      the flags as they are; what trials of one step measured, round by round.
// Out:     candidates; the chosen one with a sentence that says why.
// Owns:    values only. Pure.
// Limits:  one flag at a time, in the order level, shards, batch-bytes, workers; each step begins
//          with what the step before chose. Interactions between flags that only show when two
//          change at once are not found.
// Fails:   cannot; a step without a better candidate keeps what is.
// Why so:  all combinations would be 600 trials. What is, stays, unless something is better by more
//          than 3 % in the median and in three rounds of four, and by more than the same settings
//          differ from themselves at the other end of the round: advice that changes with every run
//          is worse than none.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "measure/median.h"
#include "sluice/config.h"

namespace sluice {

enum class TuneGoal : uint8_t { kSpeed, kCpu, kBytes };
std::optional<TuneGoal> tune_goal_of(std::string_view word);
std::string_view word_of(TuneGoal goal);

enum class TuneFlag : uint8_t { kLevel, kShards, kBatchBytes, kWorkers };
inline constexpr TuneFlag kTuneFlags[] = {TuneFlag::kLevel, TuneFlag::kShards,
                                          TuneFlag::kBatchBytes, TuneFlag::kWorkers};
// As on the command line, without dash; as a key, '-' is '_'.
std::string_view name_of(TuneFlag flag);

struct TuneSettings {
  CompressionLevel level;
  int32_t shards = 0;  // 0: auto
  Bytes batch_bytes{512 << 10};
  int32_t workers = 0;  // 0: auto

  bool operator==(const TuneSettings&) const = default;
};
// As it is written: "fast", "2", "512KiB", "auto".
std::string value_of(TuneFlag flag, const TuneSettings& settings);

struct TuneBounds {
  Compression compression = Compression::kGzip;
  TuneGoal goal = TuneGoal::kSpeed;
  int32_t cpus = 1;
  // Whether the memory plan of these settings stays under -memory.
  std::function<bool(const TuneSettings&)> fits;
};
// What to try; the first one is `now`. Only `now`: there is nothing to try.
std::vector<TuneSettings> tune_candidates(TuneFlag flag, const TuneSettings& now,
                                          const TuneBounds& bounds);

struct TrialFigures {
  double mb_per_s = 0;  // of raw log, acknowledged
  double cpu_s_per_gb = 0;
  double wire_per_raw = 0;
  double rss_mib = 0;
};

struct TuneCandidate {
  TuneSettings settings;
  std::vector<TrialFigures> rounds;
};

// The medians, and the ratios to the first candidate of the same round.
struct TuneScore {
  TrialFigures median;
  Spread speed;  // above 1: faster
  Spread cpu;    // below 1: cheaper
  Spread wire;   // below 1: smaller
};
TuneScore score_of(const TuneCandidate& candidate, const TuneCandidate& first);

struct TuneChoice {
  size_t chosen = 0;
  double margin = 0;  // what is better by less is not better
  std::string why;
};
// `control`: the settings of the first candidate, measured once more at the end of every round.
// REQUIRES: every candidate has as many rounds as the first, at least one, and so has the control.
TuneChoice choose(TuneGoal goal, TuneFlag flag, std::span<const TuneCandidate> candidates,
                  std::span<const TrialFigures> control);

}  // namespace sluice
