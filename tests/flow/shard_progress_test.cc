// SPDX-License-Identifier: Apache-2.0
// A shard neither stands still nor runs in circles: each of these did once.
#include <gtest/gtest.h>

#include "flow/shard.h"
#include "shard_stand.h"

namespace sluice {
namespace {

using namespace literals;

TEST(ShardProgress, LetsGoOfATailThatIsReleasedWhileItIsRead) {
  ShardStand stand({});
  stand.adopt(1, "one\ntwo\n");
  (void)stand.turn_after(1_ms);
  ASSERT_EQ(stand.io.reads, 1);
  stand.order(ShardOrder::Kind::kRelease, 1);
  for (int i = 0; i < 5; ++i) (void)stand.turn_after(1_ms);
  EXPECT_TRUE(stand.reported(ShardReport::Kind::kReleased));
  EXPECT_LE(stand.io.reads, 2);
}

TEST(ShardProgress, KeepsReportsForAStewardThatHasNoRoomAndSendsThemInOrder) {
  ShardStand stand({});
  stand.reports.room = 1;
  for (uint32_t tail = 1; tail <= 3; ++tail) stand.adopt(tail, "");
  (void)stand.turn_after(1_ms);
  EXPECT_NE(stand.turn_after(1_ms), kNever) << "somebody must come back for the rest";
  ASSERT_EQ(stand.reports.values.size(), 1U);
  stand.reports.room = 10;
  (void)stand.turn_after(5_ms);
  ASSERT_EQ(stand.reports.values.size(), 3U);
  for (uint32_t i = 0; i < 3; ++i) EXPECT_EQ(stand.reports.values[i].tail, TailId(i + 1));
}

TEST(ShardProgress, SendsTheLinesOfAnOrderedFileThatFoundNoRoomInTheOpenBody) {
  ShardStand stand({.ordered = true, .soft_limit = 600, .line_bytes_max = 1'000});
  stand.adopt(1, std::string(300, 'a') + "\n");
  stand.adopt(2, std::string(300, 'b') + "\n");  // both together are over the limit
  for (int i = 0; i < 100; ++i) {
    (void)stand.turn_after(5_ms);
    stand.deliver();
  }
  EXPECT_EQ(stand.acked[1], FileOffset(301));
  EXPECT_EQ(stand.acked[2], FileOffset(301));
}

TEST(ShardProgress, KeepsAnOrderedFileInOrderWhenItsBlockIsCutByTheBodysLimit) {
  ShardStand stand({.ordered = true, .soft_limit = 600, .line_bytes_max = 1'000});
  std::string text;
  for (int i = 0; i < 40; ++i)
    text += std::string(static_cast<size_t>(20 * (i % 7) + 1), 'x') + "\n";
  const FileOffset end(static_cast<int64_t>(text.size()));
  stand.adopt(1, text);
  stand.adopt(2, text);
  for (int i = 0; i < 1'000 && (stand.acked[1] < end || stand.acked[2] < end); ++i) {
    (void)stand.turn_after(5_ms);
    stand.deliver();
  }
  EXPECT_EQ(stand.acked[1], end);
  EXPECT_EQ(stand.acked[2], end);
}

TEST(ShardProgress, ReadsOtherFilesAndSleepsWhileALongLineWaitsForItsBuffer) {
  ShardStand stand({.line_bytes_max = size_t{1} << 20, .oversize_count = 0});
  stand.adopt(1, std::string(300'000, 'a'));
  for (int i = 0; i < 3; ++i) (void)stand.turn_after(1_ms);
  stand.adopt(2, "short\n");
  MonoTime next;
  for (int i = 0; i < 5; ++i) {
    next = stand.turn_after(1_ms);
    stand.deliver();
  }
  EXPECT_EQ(stand.metrics.lines.get(), 1);
  // Whenever nothing is left to do, the next turn is not at once.
  int at_once = 0;
  for (int i = 0; i < 1'000; ++i) {
    next = stand.turn_after(10_ms);
    at_once += next <= stand.now ? 1 : 0;
  }
  EXPECT_LE(at_once, 2);
}

// A bad sector, a network: reads end in the same place again and again, and the file goes on.
TEST(ShardProgress, TakesNoEarlyEndOfReadsForTheUnfinishedLastLineOfARotatedFile) {
  ShardStand stand({});
  stand.adopt(1, "one\ntwo\n");
  stand.io.visible[1] = 6;
  stand.order(ShardOrder::Kind::kRotated, 1);
  for (int i = 0; i < 1'000; ++i) {
    (void)stand.turn_after(20_ms);
    stand.deliver();
  }
  EXPECT_EQ(stand.acked[1], FileOffset(4));
  EXPECT_EQ(stand.metrics.partial_lines.get(), 0);
  stand.io.visible.clear();
  for (int i = 0; i < 10; ++i) {
    (void)stand.turn_after(20_ms);
    stand.deliver();
  }
  EXPECT_EQ(stand.acked[1], FileOffset(8));
  stand.io.files[1] += "last";
  stand.order(ShardOrder::Kind::kWake, 1);
  for (int i = 0; i < 1'000; ++i) {
    (void)stand.turn_after(20_ms);
    stand.deliver();
  }
  EXPECT_EQ(stand.acked[1], FileOffset(12)) << "a real one is taken";
  EXPECT_EQ(stand.metrics.partial_lines.get(), 1);
}

TEST(ShardProgress, ROT_10_AHoleAtTheEndWaitsForItsLineOrForTheEndOfARotatedFile) {
  ShardStand stand({});
  const auto pass_time = [&] {
    for (int i = 0; i < 1'000; ++i) {
      (void)stand.turn_after(20_ms);
      stand.deliver();
    }
  };
  stand.io.holes[1] = {{0, 8192}};
  stand.adopt(1, std::string(10'000, '\0'));
  pass_time();
  EXPECT_EQ(stand.metrics.hole_bytes.get(), 0) << "somebody may still write into it";
  EXPECT_EQ(stand.metrics.lines.get(), 0);
  stand.io.files[1] += "line\n";
  stand.order(ShardOrder::Kind::kWake, 1);
  pass_time();
  EXPECT_EQ(stand.metrics.hole_bytes.get(), 10'000);
  EXPECT_EQ(stand.metrics.lines.get(), 1);
  stand.io.holes[1].push_back({12'288, 20'480});
  stand.io.files[1].resize(20'480, '\0');
  stand.order(ShardOrder::Kind::kRotated, 1);
  pass_time();
  EXPECT_EQ(stand.metrics.hole_bytes.get(), 20'475) << "nobody will write there any more";
  EXPECT_EQ(stand.metrics.lines.get(), 1);
  EXPECT_EQ(stand.metrics.partial_lines.get(), 0);
}

}  // namespace
}  // namespace sluice
