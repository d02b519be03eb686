// SPDX-License-Identifier: Apache-2.0
#include "measure/raw_loop.h"

#include <gtest/gtest.h>

#include <fstream>
#include <numeric>

#include "flow/compress/codecs.h"
#include "measure/private_directory.h"

namespace sluice {
namespace {

class RawLoopTest : public testing::Test {
 protected:
  std::string write(const std::string& text) {
    const std::string path = directory_.path() + "/log";
    std::ofstream(path) << text;
    return path;
  }
  LoopSettings settings(LoopStage last) {
    LoopSettings made;
    made.file = directory_.path() + "/log";
    made.last = last;
    return made;
  }

  PrivateDirectory directory_{testing::TempDir()};
};

std::string lines(size_t count) {
  std::string text;
  for (size_t i = 0; i < count; ++i) text += "a line with the number " + std::to_string(i) + "\n";
  return text;
}

TEST_F(RawLoopTest, ReadsTheFileRoundAndRoundAndCountsWholeLines) {
  const std::string text = lines(1000) + "an unfinished one";
  write(text);
  auto loop =
      RawLoop::create(settings(LoopStage::kScan), nullptr).value()->run({.cpu_seconds = 0.02});
  ASSERT_TRUE(loop.ok());
  const LoopFigures figures = loop.value();
  const size_t whole = text.rfind('\n') + 1;
  EXPECT_GT(figures.lines, 1000U) << "more than once through the file";
  EXPECT_EQ(figures.raw_bytes % whole, 0U);
  EXPECT_EQ(figures.lines, figures.raw_bytes / whole * 1000);
  EXPECT_EQ(figures.bodies, 0U);
}

TEST_F(RawLoopTest, BodiesHoldAsManyBytesAndLinesAsTheyMay) {
  write(lines(20000));
  LoopSettings by_bytes = settings(LoopStage::kEncode);
  by_bytes.body_bytes = 64 << 10;
  const auto bytes = RawLoop::create(by_bytes, nullptr).value()->run({.cpu_seconds = 0.02}).value();
  EXPECT_LE(bytes.encoded_bytes / bytes.bodies, 64U << 10);
  EXPECT_GT(bytes.encoded_bytes / bytes.bodies, 63U << 10);
  LoopSettings by_lines = settings(LoopStage::kEncode);
  by_lines.body_lines_max = 100;
  const auto hundred =
      RawLoop::create(by_lines, nullptr).value()->run({.cpu_seconds = 0.02}).value();
  EXPECT_NEAR(static_cast<double>(hundred.lines) / static_cast<double>(hundred.bodies), 100, 1);
}

TEST_F(RawLoopTest, TheStagesAddUpToTheWhole) {
  write(lines(20000));
  auto loop = RawLoop::create(settings(LoopStage::kCompress), make_deflate(1).value()).value();
  const auto figures = loop->run_timed({.cpu_seconds = 0.1}).value();
  const double sum =
      std::accumulate(figures.stage_seconds.begin(), figures.stage_seconds.end(), 0.0);
  EXPECT_GT(figures.stage_seconds[static_cast<size_t>(LoopStage::kCompress)], 0);
  EXPECT_GT(sum, figures.cpu_seconds * 0.8);
  EXPECT_LT(sum, figures.cpu_seconds * 1.01);
  EXPECT_LT(figures.wire_bytes, figures.raw_bytes);
}

TEST_F(RawLoopTest, EndsWithTheWallClockToo) {
  write(lines(1000));
  const auto figures = RawLoop::create(settings(LoopStage::kRead), nullptr)
                           .value()
                           ->run({.wall_seconds = 0.01})
                           .value();
  EXPECT_GE(figures.wall_seconds, 0.01);
}

TEST_F(RawLoopTest, RefusesAFileWithoutALineAndOneThatIsNotThere) {
  EXPECT_EQ(RawLoop::create(settings(LoopStage::kScan), nullptr).error().code, Errc::kNotFound);
  write("no newline");
  EXPECT_EQ(RawLoop::create(settings(LoopStage::kScan), nullptr).error().code, Errc::kInvalid);
}

}  // namespace
}  // namespace sluice
