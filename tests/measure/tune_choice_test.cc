// SPDX-License-Identifier: Apache-2.0
#include "measure/tune_choice.h"

#include <gtest/gtest.h>

#include <algorithm>

namespace sluice {
namespace {

TuneSettings with_level(int32_t level) {
  TuneSettings settings;
  settings.level = {CompressionLevel::Mode::kFixed, level};
  return settings;
}

// A candidate that measured these speeds, with so much CPU and so many bytes.
TuneCandidate speeds(const TuneSettings& settings, const std::vector<double>& mb_per_s,
                     double cpu = 2, double wire = 0.2) {
  TuneCandidate candidate{settings, {}};
  for (const double speed : mb_per_s) candidate.rounds.push_back({speed, cpu, wire, 20});
  return candidate;
}

TuneChoice chosen(const std::vector<TuneCandidate>& candidates, TuneGoal goal = TuneGoal::kSpeed) {
  return choose(goal, TuneFlag::kLevel, candidates, candidates.front().rounds);
}

TuneBounds bounds(int32_t cpus) {
  TuneBounds all;
  all.cpus = cpus;
  all.fits = [](const TuneSettings&) { return true; };
  return all;
}

TEST(TuneChoice, TakesWhatIsFasterInEveryRound) {
  const auto choice =
      chosen({speeds(with_level(1), {100, 110, 105}), speeds(with_level(2), {150, 160, 155}),
              speeds(with_level(3), {120, 130, 125})});
  EXPECT_EQ(choice.chosen, 1U);
  EXPECT_NE(choice.why.find("1.48 times the MB/s of -level 1"), std::string::npos) << choice.why;
}

TEST(TuneChoice, KeepsWhatIsWhenNothingIsBetterByMoreThanThreePercent) {
  const auto choice =
      chosen({speeds(with_level(1), {100, 100, 100}), speeds(with_level(2), {102, 102, 102})});
  EXPECT_EQ(choice.chosen, 0U);
  EXPECT_NE(choice.why.find("more than 3 %"), std::string::npos) << choice.why;
}

TEST(TuneChoice, KeepsWhatIsWhenItDiffersFromItselfByAsMuch) {
  const std::vector<TuneCandidate> candidates = {speeds(with_level(1), {100, 100, 100, 100}),
                                                 speeds(with_level(2), {125, 125, 125, 125})};
  const auto quiet = speeds(with_level(1), {101, 100, 99, 100});
  const auto noisy = speeds(with_level(1), {70, 140, 75, 130});
  EXPECT_EQ(choose(TuneGoal::kSpeed, TuneFlag::kLevel, candidates, quiet.rounds).chosen, 1U);
  const auto choice = choose(TuneGoal::kSpeed, TuneFlag::kLevel, candidates, noisy.rounds);
  EXPECT_EQ(choice.chosen, 0U);
  EXPECT_GT(choice.margin, 0.25);
}

TEST(TuneChoice, OneLuckyRoundIsNoReasonToChange) {
  EXPECT_EQ(chosen({speeds(with_level(1), {100, 100, 100}), speeds(with_level(2), {95, 300, 140})})
                .chosen,
            0U);
}

TEST(TuneChoice, OfEquallyFastOnesTheCheaperWins) {
  const auto choice = chosen(
      {speeds(with_level(1), {100, 100, 100}, 2.0), speeds(with_level(2), {101, 100, 102}, 1.2)});
  EXPECT_EQ(choice.chosen, 1U);
  EXPECT_NE(choice.why.find("as fast, with 0.60 times the CPU per GB"), std::string::npos)
      << choice.why;
}

TEST(TuneChoice, WhoPrefersBytesGetsTheSmallestThatIsNotHopelesslySlow) {
  const std::vector<TuneCandidate> candidates = {speeds(with_level(1), {100, 100, 100}, 2, 0.25),
                                                 speeds(with_level(6), {40, 40, 40}, 8, 0.18),
                                                 speeds(with_level(12), {5, 5, 5}, 80, 0.15)};
  EXPECT_EQ(chosen(candidates, TuneGoal::kBytes).chosen, 1U);
  EXPECT_EQ(chosen(candidates, TuneGoal::kSpeed).chosen, 0U);
}

TEST(TuneChoice, WhoPrefersCpuGetsTheCheapest) {
  EXPECT_EQ(
      chosen({speeds(with_level(1), {100, 100, 100}, 2), speeds(with_level(2), {60, 60, 60}, 1.5)},
             TuneGoal::kCpu)
          .chosen,
      1U);
}

TEST(TuneChoice, TwoRoundsAreNotEnoughForASmallDifference) {
  EXPECT_EQ(chosen({speeds(with_level(1), {100, 100}), speeds(with_level(2), {108, 108})}).chosen,
            0U);
  EXPECT_EQ(chosen({speeds(with_level(1), {100, 100}), speeds(with_level(2), {140, 140})}).chosen,
            1U);
}

TEST(TuneChoice, MediansAndRatiosAreOfTheSameRound) {
  const auto score =
      score_of(speeds(with_level(2), {200, 20, 90}), speeds(with_level(1), {100, 10, 30}));
  EXPECT_DOUBLE_EQ(score.median.mb_per_s, 90);
  EXPECT_DOUBLE_EQ(score.speed.median, 2);
  EXPECT_DOUBLE_EQ(score.speed.greatest, 3);
}

TEST(TuneCandidates, BeginWithWhatIsAndRepeatNothing) {
  for (const TuneFlag flag : kTuneFlags) {
    const auto all = tune_candidates(flag, TuneSettings{}, bounds(8));
    EXPECT_EQ(all.front(), TuneSettings{});
    for (size_t i = 0; i < all.size(); ++i)
      EXPECT_EQ(std::count(all.begin(), all.end(), all[i]), 1) << value_of(flag, all[i]);
  }
}

TEST(TuneCandidates, ShardsGoUpToTheUsableCpus) {
  std::vector<int32_t> shards;
  for (const auto& settings : tune_candidates(TuneFlag::kShards, TuneSettings{}, bounds(6)))
    shards.push_back(settings.shards);
  EXPECT_EQ(shards, (std::vector<int32_t>{0, 1, 2, 4, 6}));
}

TEST(TuneCandidates, WhatDoesNotFitIntoTheMemoryIsNotTried) {
  TuneBounds small = bounds(2);
  small.fits = [](const TuneSettings& settings) {
    return settings.batch_bytes <= Bytes(256 << 10);
  };
  for (const auto& settings : tune_candidates(TuneFlag::kBatchBytes, TuneSettings{}, small)) {
    const bool now = settings == TuneSettings{};
    EXPECT_TRUE(now || settings.batch_bytes <= Bytes(256 << 10));
  }
}

TEST(TuneCandidates, ThereIsNoLevelWithoutCompression) {
  TuneBounds none = bounds(2);
  none.compression = Compression::kNone;
  EXPECT_EQ(tune_candidates(TuneFlag::kLevel, TuneSettings{}, none).size(), 1U);
}

TEST(TuneGoal, WordsAreReadAsTheyAreWritten) {
  for (const TuneGoal goal : {TuneGoal::kSpeed, TuneGoal::kCpu, TuneGoal::kBytes})
    EXPECT_EQ(tune_goal_of(word_of(goal)), goal);
  EXPECT_FALSE(tune_goal_of("fun").has_value());
}

}  // namespace
}  // namespace sluice
