// SPDX-License-Identifier: Apache-2.0
#include "flow/batch/batch.h"

#include <gtest/gtest.h>
#include <xxhash.h>

#include <algorithm>
#include <array>

namespace sluice {
namespace {

using namespace literals;

struct Fixture {
  TailOrigin origin;
  std::array<uint32_t, 4> ends = {10, 20, 30, 40};
  std::array<uint8_t, Marker::kBytesMax + 40> text{};
  LineBlock block;

  Fixture(uint32_t tail, int64_t first_offset) {
    origin.tail = TailId(tail);
    origin.id_seed = {tail, 7};
    block.origin = &origin;
    block.line_ends = ends.data();
    block.line_count = 4;
    block.first_offset = FileOffset(first_offset);
    for (size_t i = 0; i < text.size(); ++i) text[i] = static_cast<uint8_t>('a' + i % 26);
    block.head_bytes = static_cast<uint32_t>(std::min<int64_t>(first_offset, Marker::kBytesMax));
    block.bytes = text.data() + block.head_bytes;
  }
};

TEST(SealTime, AnIdleLaneGetsItsLinesWithinMillisecondsAndABusyOneFullBodies) {
  const BatchRules rules;
  EXPECT_EQ(seal_time(rules, MonoTime(0), true), MonoTime(0) + 5_ms);
  EXPECT_EQ(seal_time(rules, MonoTime(0), false), MonoTime(0) + 200_ms);
  BatchRules eager;
  eager.wait = 1_ms;
  EXPECT_EQ(seal_time(eager, MonoTime(0), true), MonoTime(0) + 1_ms);
}

TEST(Batch, SpansOfOneFileThatFollowEachOtherBecomeOne) {
  Batch batch{BodyBuffer{}};
  const Fixture first(1, 0);
  const Fixture other(2, 100);
  const Fixture second(1, 40);
  batch.add(first.block, 0, 4, Lines(4), MonoTime(1));
  batch.add(other.block, 0, 2, Lines(2), MonoTime(2));
  batch.add(second.block, 0, 3, Lines(3), MonoTime(3));
  EXPECT_EQ(batch.opened_at(), MonoTime(1));
  const ParcelPtr parcel = batch.seal_into_parcel(DestinationId(0), ShardId(0), MonoTime(4));
  ASSERT_EQ(parcel->spans.size(), 2U);
  const uint64_t first_proof = XXH3_64bits(second.block.bytes + 30 - 64, 64);
  const uint64_t other_proof = XXH3_64bits(other.block.bytes + 20 - 64, 64);
  EXPECT_EQ(parcel->spans[0],
            (Span{TailId(1), Epoch(0), FileOffset(0), FileOffset(70), first_proof}));
  EXPECT_EQ(parcel->spans[1],
            (Span{TailId(2), Epoch(0), FileOffset(100), FileOffset(120), other_proof}));
  EXPECT_EQ(parcel->lines, 9_lines);
  EXPECT_EQ(parcel->raw_bytes, 90_B);
  EXPECT_TRUE(batch.empty());
}

TEST(ParcelKey, NamesContentAndNothingElse) {
  const std::vector<Span> spans = {{TailId(1), Epoch(0), FileOffset(0), FileOffset(70)},
                                   {TailId(2), Epoch(0), FileOffset(5), FileOffset(9)}};
  const std::vector<Digest128> seeds = {{1, 2}, {3, 4}};
  const Digest128 key = parcel_key(spans, seeds);
  // Another run numbers its tails differently and may gather them in another order.
  const std::vector<Span> again = {{TailId(9), Epoch(0), FileOffset(5), FileOffset(9)},
                                   {TailId(8), Epoch(0), FileOffset(0), FileOffset(70)}};
  EXPECT_EQ(parcel_key(again, {{3, 4}, {1, 2}}), key);
  const std::vector<Span> longer = {{TailId(1), Epoch(0), FileOffset(0), FileOffset(71)},
                                    {TailId(2), Epoch(0), FileOffset(5), FileOffset(9)}};
  EXPECT_FALSE(parcel_key(longer, seeds) == key);
  EXPECT_FALSE(parcel_key(spans, {{1, 2}, {3, 5}}) == key);
}

}  // namespace
}  // namespace sluice
