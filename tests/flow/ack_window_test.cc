// SPDX-License-Identifier: Apache-2.0
#include "flow/checkpoint/ack_window.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <vector>

namespace sluice {
namespace {

Span span_of(int64_t begin, int64_t end, uint32_t epoch = 3) {
  return {TailId(1), Epoch(epoch), FileOffset(begin), FileOffset(end)};
}

AckWindow window_at(int64_t committed) {
  return AckWindow(Epoch(3), FileOffset(committed));
}

TEST(AckWindow, MovesOverSpansThatComeInOrder) {
  AckWindow window = window_at(100);
  EXPECT_TRUE(window.release(span_of(100, 150)));
  EXPECT_TRUE(window.release(span_of(150, 151)));
  EXPECT_EQ(window.committed(), FileOffset(151));
  EXPECT_TRUE(window.outstanding_ranges().empty());
}

TEST(AckWindow, WaitsForTheGapAndThenTakesEverythingBehindIt) {
  AckWindow window = window_at(0);
  EXPECT_FALSE(window.release(span_of(20, 30)));
  EXPECT_FALSE(window.release(span_of(10, 20)));
  EXPECT_FALSE(window.release(span_of(40, 50)));
  EXPECT_EQ(window.committed(), FileOffset(0));
  ASSERT_EQ(window.outstanding_ranges().size(), 2u);
  EXPECT_EQ(window.outstanding_ranges()[0], (AckedRange{FileOffset(10), FileOffset(30)}));
  EXPECT_TRUE(window.release(span_of(0, 10)));
  EXPECT_EQ(window.committed(), FileOffset(30));
  ASSERT_EQ(window.outstanding_ranges().size(), 1u);
  EXPECT_TRUE(window.release(span_of(30, 40)));
  EXPECT_EQ(window.committed(), FileOffset(50));
  EXPECT_TRUE(window.outstanding_ranges().empty());
}

TEST(AckWindow, JoinsRangesOnBothSidesIntoOne) {
  AckWindow window = window_at(0);
  EXPECT_FALSE(window.release(span_of(10, 20)));
  EXPECT_FALSE(window.release(span_of(30, 40)));
  EXPECT_FALSE(window.release(span_of(20, 30)));
  ASSERT_EQ(window.outstanding_ranges().size(), 1u);
  EXPECT_EQ(window.outstanding_ranges()[0], (AckedRange{FileOffset(10), FileOffset(40)}));
}

TEST(AckWindow, IgnoresAndCountsReleasesOfAnEpochThatIsOver) {
  AckWindow window = window_at(10);
  EXPECT_FALSE(window.release(span_of(10, 20, 2)));
  EXPECT_FALSE(window.release(span_of(0, 5, 1)));
  EXPECT_EQ(window.committed(), FileOffset(10));
  EXPECT_EQ(window.stale_releases(), 2);
}

TEST(AckWindow, StartsANewerEpochAtItsBeginningAndForgetsTheOldOne) {
  AckWindow window = window_at(1000);
  EXPECT_FALSE(window.release(span_of(2000, 3000)));
  EXPECT_TRUE(window.release(span_of(7, 9, 4))) << "the position moved to the new epoch";
  EXPECT_EQ(window.epoch(), Epoch(4));
  EXPECT_EQ(window.committed(), FileOffset(0));
  EXPECT_EQ(window.outstanding_ranges().size(), 1u);
  EXPECT_TRUE(window.release(span_of(0, 7, 4)));
  EXPECT_EQ(window.committed(), FileOffset(9));
  EXPECT_FALSE(window.release(span_of(1000, 2000))) << "a late ack of the old content";
  EXPECT_EQ(window.committed(), FileOffset(9));
}

TEST(AckWindow, CanBeToldOfANewEpochBeforeAnyOfItsBytesIsReleased) {
  AckWindow window = window_at(1000);
  EXPECT_TRUE(window.start_epoch(Epoch(5)));
  EXPECT_EQ(window.committed(), FileOffset(0));
  EXPECT_FALSE(window.start_epoch(Epoch(5)));
  EXPECT_FALSE(window.start_epoch(Epoch(4)));
  EXPECT_EQ(window.epoch(), Epoch(5));
}

TEST(AckWindowDeathTest, StopsTheProgramWhenAByteIsReleasedTwice) {
  AckWindow window = window_at(10);
  (void)window.release(span_of(20, 30));
  (void)window.release(span_of(50, 60));
  EXPECT_DEATH(window.release(span_of(20, 30)), "released once");
  EXPECT_DEATH(window.release(span_of(29, 35)), "released once");
  EXPECT_DEATH(window.release(span_of(45, 51)), "released once");
  EXPECT_DEATH(window.release(span_of(15, 70)), "released once");
  EXPECT_DEATH(window.release(span_of(10, 21)), "released once");
  EXPECT_DEATH(window.release(span_of(9, 11)), "released once");
  EXPECT_DEATH(window.release(span_of(12, 12)), "a span holds bytes");
}

// The same by the simplest means: one flag per byte.
class FlagPerByte {
 public:
  FlagPerByte(Epoch epoch, int64_t committed, int64_t size)
      : epoch_(epoch), flags_(static_cast<size_t>(size), false) {
    std::fill_n(flags_.begin(), committed, true);
  }

  void release(const Span& span) {
    if (span.epoch < epoch_) return;
    if (span.epoch > epoch_) {
      epoch_ = span.epoch;
      std::fill(flags_.begin(), flags_.end(), false);
    }
    for (int64_t at = span.begin.value; at < span.end.value; ++at) {
      flags_[static_cast<size_t>(at)] = true;
    }
  }

  Epoch epoch() const { return epoch_; }
  FileOffset committed() const {
    return FileOffset(std::find(flags_.begin(), flags_.end(), false) - flags_.begin());
  }
  std::vector<AckedRange> ranges_ahead() const {
    std::vector<AckedRange> ranges;
    const auto size = static_cast<int64_t>(flags_.size());
    for (int64_t at = committed().value; at < size; ++at) {
      if (!flags_[static_cast<size_t>(at)]) continue;
      const int64_t begin = at;
      while (at < size && flags_[static_cast<size_t>(at)]) ++at;
      ranges.push_back({FileOffset(begin), FileOffset(at)});
    }
    return ranges;
  }

 private:
  Epoch epoch_;
  std::vector<bool> flags_;
};

TEST(AckWindowProperty, EqualsAFlagPerByteForRandomCutsOrdersAndEpochs) {
  for (uint32_t seed = 0; seed < 2000; ++seed) {
    std::mt19937 random(seed);
    constexpr int64_t kSize = 300;
    const int64_t start = random() % 2 == 0 ? 0 : random() % 100;
    AckWindow window(Epoch(1), FileOffset(start));
    FlagPerByte model(Epoch(1), start, kSize);

    std::vector<Span> spans;
    for (uint32_t epoch = 1; epoch <= 3; ++epoch) {
      int64_t at = epoch == 1 ? start : 0;
      while (at < kSize) {
        const int64_t end = std::min<int64_t>(kSize, at + 1 + random() % 40);
        spans.push_back(span_of(at, end, epoch));
        at = end;
      }
    }
    // From almost in order to fully shuffled; some spans are never released.
    const size_t reach = 1 + random() % spans.size();
    for (size_t i = 0; i + 1 < spans.size(); ++i) {
      std::swap(spans[i], spans[std::min(spans.size() - 1, i + random() % reach)]);
    }
    int64_t stale = 0;
    for (const Span& span : spans) {
      if (random() % 16 == 0) continue;
      const auto before = std::pair(model.epoch(), model.committed());
      stale += span.epoch < model.epoch() ? 1 : 0;
      model.release(span);
      const bool moved = std::pair(model.epoch(), model.committed()) != before;
      ASSERT_EQ(window.release(span), moved) << "seed " << seed;
      ASSERT_EQ(window.epoch(), model.epoch()) << "seed " << seed;
      ASSERT_EQ(window.committed(), model.committed()) << "seed " << seed;
      const auto ranges = window.outstanding_ranges();
      ASSERT_EQ(std::vector(ranges.begin(), ranges.end()), model.ranges_ahead()) << "seed " << seed;
      ASSERT_EQ(window.stale_releases(), stale) << "seed " << seed;
    }
  }
}

}  // namespace
}  // namespace sluice
