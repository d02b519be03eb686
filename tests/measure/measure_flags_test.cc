// SPDX-License-Identifier: Apache-2.0
#include "measure/measure_flags.h"

#include <gtest/gtest.h>

namespace sluice {
namespace {

// Keeps the words alive that `rest` borrows.
struct Read {
  Read(MeasureCommand command, std::vector<std::string> given) : words(std::move(given)) {
    for (std::string& word : words) args.push_back(word.data());
    flags = read_measure_flags(command, args);
  }
  std::vector<std::string> words;
  std::vector<char*> args;
  MeasureFlags flags;
};

std::string rest_of(const Read& read) {
  std::string all;
  for (const char* word : read.flags.rest) all += std::string(word) + " ";
  return all;
}

TEST(MeasureFlags, TakesItsOwnAndLeavesTheAgents) {
  const Read read(MeasureCommand::kBench, {"--seconds", "2", "-level", "6", "-sample=/a b.log",
                                           "--json", "-c", "x.yaml", "-shape", "json"});
  EXPECT_EQ(read.flags.problem, "");
  EXPECT_DOUBLE_EQ(read.flags.seconds, 2);
  EXPECT_EQ(read.flags.sample, "/a b.log");
  EXPECT_TRUE(read.flags.json);
  EXPECT_EQ(read.flags.shape, LineShape::kJson);
  EXPECT_EQ(rest_of(read), "-level 6 -c x.yaml ");
}

TEST(MeasureFlags, DurationsAreSecondsToo) {
  EXPECT_DOUBLE_EQ(Read(MeasureCommand::kTune, {"-seconds", "2m"}).flags.seconds, 120);
  EXPECT_DOUBLE_EQ(Read(MeasureCommand::kTune, {"-seconds=1.5"}).flags.seconds, 1.5);
}

TEST(MeasureFlags, BenchDoesNotKnowTheFlagsOfTune) {
  const Read read(MeasureCommand::kBench, {"-to", "http://x/"});
  EXPECT_EQ(rest_of(read), "-to http://x/ ");
  EXPECT_EQ(Read(MeasureCommand::kTune, {"-to", "http://x/"}).flags.to, "http://x/");
}

TEST(MeasureFlags, WhatIsWrongIsNamedWithWhatIsExpected) {
  const auto problem = [](std::vector<std::string> words) {
    return Read(MeasureCommand::kTune, std::move(words)).flags.problem;
  };
  EXPECT_EQ(problem({"-seconds", "soon"}),
            "'soon' is not valid for -seconds: expected seconds, as in 10");
  EXPECT_NE(problem({"-seconds", "0"}).find("at least 0.5"), std::string::npos);
  EXPECT_NE(problem({"-seconds", "nan"}), "");
  EXPECT_NE(problem({"-prefer", "fun"}).find("speed | cpu | bytes"), std::string::npos);
  EXPECT_NE(problem({"-shape", "x"}).find("nginx | json"), std::string::npos);
  EXPECT_NE(problem({"-log-bytes", "1KiB"}).find("8MiB"), std::string::npos);
  EXPECT_NE(problem({"-plot"}).find("path"), std::string::npos);
}

TEST(MeasureFlags, HelpNamesEveryFlagOfTheCommandAndNoOther) {
  const std::string bench = measure_help(MeasureCommand::kBench);
  const std::string tune = measure_help(MeasureCommand::kTune);
  for (const char* flag : {"  -seconds ", "  -sample ", "  -shape ", "  -json ", "  -quiet "}) {
    EXPECT_NE(bench.find(flag), std::string::npos) << flag;
    EXPECT_NE(tune.find(flag), std::string::npos) << flag;
  }
  for (const char* flag : {"  -to ", "  -plot ", "  -prefer ", "  -log-bytes "}) {
    EXPECT_EQ(bench.find(flag), std::string::npos) << flag;
    EXPECT_NE(tune.find(flag), std::string::npos) << flag;
  }
}

}  // namespace
}  // namespace sluice
