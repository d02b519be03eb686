// SPDX-License-Identifier: Apache-2.0
#include "flow/read/tail.h"

#include <gtest/gtest.h>

#include <cstring>
#include <string>

namespace sluice {
namespace {

using namespace literals;

std::unique_ptr<TailOrigin> origin_of(Epoch epoch, bool ordered = false) {
  auto origin = std::make_unique<TailOrigin>();
  origin->epoch = epoch;
  origin->ordered = ordered;
  return origin;
}

std::span<const uint8_t> bytes(const std::string& text) {
  return {reinterpret_cast<const uint8_t*>(text.data()), text.size()};
}

Tail fresh(bool ordered = false) {
  return Tail(TailSpec{}, origin_of(Epoch(0), ordered), TailTimings{}, MonoTime(0));
}

TEST(Tail, BeginsReadyAndIsColdAtOnceWhenItsFileShowsNothing) {
  Tail tail = fresh();
  EXPECT_EQ(tail.mode(), TailMode::kReady);
  (void)tail.begin_read(MonoTime(1));
  tail.reached_end(0, MonoTime(1));
  EXPECT_EQ(tail.mode(), TailMode::kCold);
}

TEST(Tail, RES_1_IsColdAtItsEndAtOnceWhenSomebodyWaitsForTheDescriptor) {
  Tail tail = fresh();
  (void)tail.begin_read(MonoTime(0));
  tail.took(4_B, bytes("abc\n"), MonoTime(0));
  (void)tail.begin_read(MonoTime(0));
  tail.reached_end(0, MonoTime(0));
  EXPECT_EQ(tail.mode(), TailMode::kHot);
  tail.yield();
  EXPECT_EQ(tail.mode(), TailMode::kReady) << "it may have grown since";
  (void)tail.begin_read(MonoTime(1));
  tail.took(4_B, bytes("abc\nabc\n"), MonoTime(1));
  EXPECT_EQ(tail.mode(), TailMode::kReady) << "what is there is read";
  (void)tail.begin_read(MonoTime(2));
  tail.reached_end(0, MonoTime(2));
  EXPECT_EQ(tail.mode(), TailMode::kCold);
  tail.wake(MonoTime(3));
  (void)tail.begin_read(MonoTime(3));
  tail.reached_end(0, MonoTime(3));
  EXPECT_EQ(tail.mode(), TailMode::kHot) << "as long as nobody asks again";
}

TEST(Tail, StaysHotAfterGrowthAndColdAfterAWhile) {
  Tail tail = fresh();
  (void)tail.begin_read(MonoTime(0));
  tail.took(4_B, bytes("abc\n"), MonoTime(0));
  tail.reached_end(0, MonoTime(0));
  EXPECT_EQ(tail.mode(), TailMode::kHot);
  tail.tick(MonoTime(0) + 1_s);
  ASSERT_EQ(tail.mode(), TailMode::kReady);
  (void)tail.begin_read(MonoTime(0) + 1_s);
  tail.reached_end(0, MonoTime(0) + 1_s);
  EXPECT_EQ(tail.mode(), TailMode::kHot);
  tail.tick(MonoTime(0) + 3_s);
  (void)tail.begin_read(MonoTime(0) + 3_s);
  tail.reached_end(0, MonoTime(0) + 3_s);
  EXPECT_EQ(tail.mode(), TailMode::kCold);
}

TEST(Tail, AHintDuringAReadIsNotLost) {
  Tail tail = fresh();
  (void)tail.begin_read(MonoTime(0));
  tail.wake(MonoTime(0));
  tail.reached_end(0, MonoTime(0));
  EXPECT_EQ(tail.mode(), TailMode::kReady);
}

TEST(Tail, EveryReadBeginsAtTheMarkerAndComparesIt) {
  Tail tail = fresh();
  (void)tail.begin_read(MonoTime(0));
  const std::string text = std::string(100, 'a') + "last line\n";
  tail.took(Bytes(static_cast<int64_t>(text.size())), bytes(text), MonoTime(0));
  const ReadWish wish = tail.begin_read(MonoTime(1));
  EXPECT_EQ(wish.offset, FileOffset(110 - 64));
  EXPECT_EQ(wish.marker_bytes, 64U);
  EXPECT_EQ(tail.look(bytes(text.substr(46))), Look::kSame);
  EXPECT_EQ(tail.look(bytes(text.substr(45, 64))), Look::kReplaced) << "regrown with other bytes";
  EXPECT_EQ(tail.look(bytes(text.substr(46, 63))), Look::kDoubtful) << "shorter, or a short read";
}

TEST(Tail, ReplacedContentBeginsTheNextEpochAtZero) {
  Tail tail = fresh();
  (void)tail.begin_read(MonoTime(0));
  tail.took(4_B, bytes("abc\n"), MonoTime(0));
  tail.reached_end(3, MonoTime(0));
  tail.tick(MonoTime(0));
  (void)tail.begin_read(MonoTime(1));
  const TailOrigin& old = tail.origin();
  old.blocks_out.fetch_add(1);
  EXPECT_EQ(tail.replaced(origin_of(Epoch(1)), MonoTime(1)), 3_B);
  EXPECT_EQ(tail.position(), FileOffset(0));
  EXPECT_EQ(tail.begin_read(MonoTime(1)).marker_bytes, 0U);
  EXPECT_FALSE(tail.sweep_origins()) << "a block still refers to the old content";
  old.blocks_out.fetch_sub(1);
  EXPECT_TRUE(tail.sweep_origins());
}

TEST(Tail, TheUnfinishedLineOfARotatedFileIsFlushedAfterItsGraceAndNotBefore) {
  Tail tail = fresh();
  (void)tail.begin_read(MonoTime(0));
  tail.reached_end(5, MonoTime(0));
  tail.rotated(MonoTime(0));
  ASSERT_EQ(tail.mode(), TailMode::kReady);
  EXPECT_FALSE(tail.begin_read(MonoTime(0) + 4_s).flush_unfinished);
  tail.reached_end(5, MonoTime(0) + 4_s);
  EXPECT_EQ(tail.mode(), TailMode::kHot) << "it must not fall asleep before its line is out";
  tail.tick(MonoTime(0) + 6_s);
  const ReadWish question = tail.begin_read(MonoTime(0) + 6_s);
  EXPECT_TRUE(question.asks_for_end);
  EXPECT_FALSE(question.flush_unfinished);
  EXPECT_EQ(question.offset, FileOffset(5));
  tail.told_end(true, MonoTime(0) + 6_s);
  const ReadWish wish = tail.begin_read(MonoTime(0) + 6_s);
  EXPECT_TRUE(wish.flush_unfinished);
  EXPECT_EQ(wish.unfinished_bytes, 5U) << "what was written since has a grace of its own";
}

TEST(Tail, AnUnfinishedLineBehindWhichThereIsMoreIsNotFlushed) {
  Tail tail = fresh();
  (void)tail.begin_read(MonoTime(0));
  tail.reached_end(5, MonoTime(0));
  tail.rotated(MonoTime(0));
  ASSERT_TRUE(tail.begin_read(MonoTime(0) + 6_s).asks_for_end);
  tail.told_end(false, MonoTime(0) + 6_s);
  ASSERT_EQ(tail.mode(), TailMode::kReady);
  const ReadWish wish = tail.begin_read(MonoTime(0) + 6_s);
  EXPECT_FALSE(wish.asks_for_end || wish.flush_unfinished) << "what lies there is read first";
  tail.reached_end(5, MonoTime(0) + 6_s);
  tail.tick(MonoTime(0) + 12_s);
  EXPECT_TRUE(tail.begin_read(MonoTime(0) + 12_s).asks_for_end) << "and asked for again";
}

TEST(Tail, TheEndIsAskedForAgainAfterAHint) {
  Tail tail = fresh();
  (void)tail.begin_read(MonoTime(0));
  tail.reached_end(5, MonoTime(0));
  tail.rotated(MonoTime(0));
  ASSERT_TRUE(tail.begin_read(MonoTime(0) + 6_s).asks_for_end);
  tail.wake(MonoTime(0) + 6_s);
  tail.told_end(true, MonoTime(0) + 6_s);
  (void)tail.begin_read(MonoTime(0) + 6_s);
  tail.reached_end(5, MonoTime(0) + 6_s);
  tail.tick(MonoTime(0) + 12_s);
  const ReadWish wish = tail.begin_read(MonoTime(0) + 12_s);
  EXPECT_TRUE(wish.asks_for_end);
  EXPECT_FALSE(wish.flush_unfinished);
}

// A destination that takes a read every ten seconds, and a grace of five: the question would be the
// only thing that is ever read.
TEST(Tail, AnAnswerThatThereIsMoreIsFollowedByAReadHoweverLateThatComes) {
  Tail tail = fresh();
  tail.rotated(MonoTime(0));
  (void)tail.begin_read(MonoTime(0));
  tail.reached_end(3, MonoTime(0));
  tail.tick(MonoTime(0) + 6_s);
  ASSERT_TRUE(tail.begin_read(MonoTime(0) + 6_s).asks_for_end);
  tail.told_end(false, MonoTime(0) + 6_s);
  const ReadWish wish = tail.begin_read(MonoTime(0) + 16_s);
  EXPECT_FALSE(wish.asks_for_end || wish.flush_unfinished);
  tail.reached_end(3, MonoTime(0) + 16_s);
  tail.tick(MonoTime(0) + 26_s);
  EXPECT_TRUE(tail.begin_read(MonoTime(0) + 26_s).asks_for_end);
}

TEST(Tail, AnOrderedTailWaitsForItsAckAndARewindReadsTheRestAgain) {
  Tail tail = fresh(true);
  (void)tail.begin_read(MonoTime(0));
  tail.took(8_B, bytes("one\ntwo\n"), MonoTime(0));
  EXPECT_EQ(tail.mode(), TailMode::kAwaitAck);
  tail.rewind(FileOffset(4), bytes("one\n"));
  tail.acked(Epoch(0), FileOffset(3));
  EXPECT_EQ(tail.mode(), TailMode::kAwaitAck);
  tail.acked(Epoch(0), FileOffset(4));
  ASSERT_EQ(tail.mode(), TailMode::kReady);
  EXPECT_EQ(tail.begin_read(MonoTime(0)).offset, FileOffset(0));
  EXPECT_EQ(tail.look(bytes("one\n")), Look::kSame);
}

TEST(Tail, AFailedReadPausesAndIsTriedAgain) {
  Tail tail = fresh();
  (void)tail.begin_read(MonoTime(0));
  tail.read_failed(MonoTime(0));
  tail.tick(MonoTime(0) + 999_ms);
  EXPECT_EQ(tail.mode(), TailMode::kPaused);
  tail.tick(MonoTime(0) + 1_s);
  EXPECT_EQ(tail.mode(), TailMode::kReady);
}

TEST(Tail, AReadThatEndsEarlyIsNoTruncation) {
  const std::string text = "some line of text\n";
  Tail tail = fresh();
  (void)tail.begin_read(MonoTime(0));
  tail.took(18_B, bytes(text), MonoTime(0));
  (void)tail.begin_read(MonoTime(0));
  ASSERT_EQ(tail.look(bytes("some")), Look::kDoubtful);
  tail.read_short(4);
  const ReadWish probe = tail.begin_read(MonoTime(0));
  EXPECT_EQ(probe.offset, FileOffset(4));
  EXPECT_EQ(probe.marker_bytes, 14U);
  ASSERT_EQ(tail.look(bytes(" ")), Look::kDoubtful) << "there is more, so it was a short read";
  tail.read_short(1);
  const ReadWish whole = tail.begin_read(MonoTime(0));
  EXPECT_EQ(whole.offset, FileOffset(0));
  EXPECT_EQ(whole.marker_bytes, 18U);
  EXPECT_EQ(tail.look(bytes(text)), Look::kSame);
}

TEST(Tail, AFileThatEndsInsideTheMarkerWasTruncated) {
  Tail tail = fresh();
  (void)tail.begin_read(MonoTime(0));
  tail.took(8_B, bytes("one\ntwo\n"), MonoTime(0));
  (void)tail.begin_read(MonoTime(0));
  ASSERT_EQ(tail.look(bytes("one\n")), Look::kDoubtful);
  tail.read_short(4);
  (void)tail.begin_read(MonoTime(0));
  ASSERT_EQ(tail.look({}), Look::kReplaced);
  (void)tail.replaced(origin_of(Epoch(1)), MonoTime(0));
  const ReadWish wish = tail.begin_read(MonoTime(0));
  EXPECT_EQ(wish.offset, FileOffset(0));
  EXPECT_EQ(wish.marker_bytes, 0U);
  tail.took(4_B, bytes("new\n"), MonoTime(0));
  (void)tail.begin_read(MonoTime(0));
  EXPECT_EQ(tail.look({}), Look::kReplaced) << "nothing at all is no short read";
}

TEST(Tail, KnowsWhetherItStandsInsideALine) {
  TailSpec spec;
  spec.start = FileOffset(3);
  spec.marker.size = 3;
  std::memcpy(spec.marker.bytes.data(), "abc", 3);
  EXPECT_TRUE(Tail(spec, origin_of(Epoch(0)), TailTimings{}, MonoTime(0)).inside_line());
  spec.marker.bytes[2] = '\n';
  EXPECT_FALSE(Tail(spec, origin_of(Epoch(0)), TailTimings{}, MonoTime(0)).inside_line());
}

}  // namespace
}  // namespace sluice
