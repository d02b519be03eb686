// SPDX-License-Identifier: Apache-2.0
// A campaign that is shared by processes, ended and resumed says the same as one in one go.
#include <gtest/gtest.h>
#include <stdlib.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <fstream>

#include "journal.h"

namespace sluice::sim {
namespace {

class Campaigns : public testing::Test {
 protected:
  Campaigns() {
    std::string pattern = testing::TempDir() + "campaign.XXXXXX";
    directory_ = mkdtemp(pattern.data());
  }
  ~Campaigns() override { std::filesystem::remove_all(directory_); }

  std::string journal() const { return directory_ + "/journal"; }

  static Totals run(const Wanted& wanted) {
    Result<Totals> done = run_chunks(wanted, [](const Totals&) {});
    EXPECT_TRUE(done.ok());
    Totals totals = done.ok() ? std::move(*done) : Totals{};
    std::sort(totals.traces.begin(), totals.traces.end());
    return totals;
  }

  std::string directory_;
};

TEST_F(Campaigns, TwoProcessesFindWhatOneFinds) {
  const Totals one = run({.from = 7, .count = kChunk + 50});
  const Totals two = run({.from = 7, .count = kChunk + 50, .jobs = 2});
  EXPECT_EQ(one.tally.schedules, kChunk + 50);
  EXPECT_EQ(one.tally.steps, two.tally.steps);
  EXPECT_EQ(one.tally.rare, two.tally.rare);
  EXPECT_EQ(one.traces, two.traces);
  EXPECT_GT(one.cpu_s, 0);
}

TEST_F(Campaigns, AResumedOneRunsOnlyWhatIsMissing) {
  const Totals whole = run({.from = 7, .count = 2 * kChunk});
  run({.from = 7, .count = kChunk, .journal = journal()});
  const Totals resumed = run({.from = 7, .count = 2 * kChunk, .journal = journal()});
  EXPECT_EQ(resumed.resumed, kChunk);
  EXPECT_EQ(resumed.tally.schedules, whole.tally.schedules);
  EXPECT_EQ(resumed.tally.steps, whole.tally.steps);
  EXPECT_EQ(resumed.tally.rare, whole.tally.rare);
  EXPECT_EQ(resumed.traces, whole.traces);
}

TEST_F(Campaigns, AJournalWhoseLastLineWasCutRunsThatChunkAgain) {
  run({.from = 7, .count = kChunk, .journal = journal()});
  std::filesystem::resize_file(journal(), std::filesystem::file_size(journal()) - 9);
  const Totals again = run({.from = 7, .count = kChunk, .journal = journal()});
  EXPECT_EQ(again.resumed, 0u);
  EXPECT_EQ(again.tally.schedules, kChunk);
  const Totals resumed = run({.from = 7, .count = kChunk, .journal = journal()});
  EXPECT_EQ(resumed.resumed, kChunk);
  EXPECT_EQ(resumed.tally.steps, again.tally.steps);
}

TEST_F(Campaigns, AJournalOfAnotherProgramIsRefused) {
  std::ofstream(journal()) << "sluice-sim campaign of program 0123456789abcdef\n";
  const Result<Totals> done =
      run_chunks({.from = 1, .count = 1, .journal = journal()}, [](const Totals&) {});
  EXPECT_FALSE(done.ok());
}

TEST_F(Campaigns, ABrokenPromiseIsRememberedInTheJournal) {
  Trial trial;
  trial.good = false;
  trial.seed = 42;
  trial.step = 17;
  trial.invariant = "I2 LOSS";
  trial.what = "never delivered: file #1";
  Totals none;
  {
    Journal first;
    ASSERT_TRUE(first.open(journal(), none).ok());
    first.promise_broken(trial);
  }
  Totals totals;
  Journal second;
  ASSERT_TRUE(second.open(journal(), totals).ok());
  ASSERT_EQ(totals.broken.size(), 1u);
  EXPECT_EQ(totals.broken[0].seed, 42u);
  EXPECT_EQ(totals.broken[0].step, 17);
  EXPECT_EQ(totals.broken[0].invariant, "I2 LOSS");
  EXPECT_EQ(totals.broken[0].what, "never delivered: file #1");
}

}  // namespace
}  // namespace sluice::sim
