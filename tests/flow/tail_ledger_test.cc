// SPDX-License-Identifier: Apache-2.0
// tail_ledger_test.cc — the books of a tail: whatever comes in whatever order, they add up.
#include "flow/checkpoint/tail_ledger.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <random>

namespace sluice {
namespace {

constexpr WallTime kNow(1'700'000'000'000'000'000);

Span span(uint32_t epoch, int64_t begin, int64_t end) {
  return {TailId(1), Epoch(epoch), FileOffset(begin), FileOffset(end)};
}

// A window and the books beside it, as the steward keeps them.
struct Books {
  struct Parted {
    AckWindow window;
    TailLedger ledger;
    bool is_open = true;
  };
  AckWindow window{Epoch(0), FileOffset(0)};
  TailLedger ledger;
  std::map<Epoch, Parted> parted;

  void part() { parted.emplace(window.epoch(), Parted{window, ledger.part_with_generation()}); }

  void home(const Span& each, bool dropped = false) {
    if (each.epoch > window.epoch()) part();
    const auto late = parted.find(each.epoch);
    if (late == parted.end() || each.epoch == window.epoch()) {
      window.release(each);
      ledger.released(each, dropped, window);
    } else if (late->second.is_open) {
      late->second.window.release(each);
      late->second.ledger.released(each, dropped, late->second.window);
    } else {
      ledger.released(each, dropped, window);
    }
  }
  // The content was replaced, and nothing holds the rest of the old one.
  Bytes truncated(uint32_t next, int64_t read_end, int64_t unfinished = 0) {
    if (Epoch(next) > window.epoch()) {
      part();
      window.start_epoch(Epoch(next));
    }
    const auto found = parted.find(Epoch(next - 1));
    if (found == parted.end()) return Bytes(unfinished);  // lines of the next one were faster
    Parted& old = found->second;
    old.is_open = false;
    old.ledger.goes_on_with(std::max(old.ledger.seen(), Bytes(read_end + unfinished)));
    const PastGeneration past =
        old.ledger.ended(old.window, FileOffset(read_end), MissedReason::kTruncated, kNow);
    ledger.take_back(past);
    return sum_of(past.missed);
  }
  GenerationSums sums(int64_t read_end, int64_t size) const {
    const GenerationSums made = ledger.sums(window, FileOffset(read_end), Bytes(size));
    EXPECT_EQ(made.skipped + made.acked + made.dropped + made.in_flight + made.unread, made.size);
    return made;
  }
  RowLedger stored() const { return ledger.stored(window.committed()); }
};

TEST(TailLedger, TellsAckedInFlightAndUnreadApart) {
  Books books;
  books.home(span(0, 0, 100));
  books.home(span(0, 300, 350));
  const GenerationSums sums = books.sums(400, 1'000);
  EXPECT_EQ(sums.size, Bytes(1'000));
  EXPECT_EQ(sums.acked, Bytes(150));
  EXPECT_EQ(sums.in_flight, Bytes(250));
  EXPECT_EQ(sums.unread, Bytes(600));
}

TEST(TailLedger, CountsADropOnceItsOffsetIsReachedAndStoresItOnlyThen) {
  Books books;
  books.home(span(0, 100, 200), true);
  EXPECT_EQ(books.sums(200, 200).dropped, Bytes(100));
  EXPECT_EQ(books.sums(200, 200).in_flight, Bytes(100));
  EXPECT_EQ(books.stored().dropped, Bytes(0)) << "it would be read again after a crash";
  books.home(span(0, 0, 100));
  EXPECT_EQ(books.sums(200, 200).acked, Bytes(100));
  EXPECT_EQ(books.sums(200, 200).dropped, Bytes(100));
  EXPECT_EQ(books.stored().dropped, Bytes(100));
}

TEST(TailLedger, MissesWhatATruncationTookBeforeItWasRead) {
  Books books;
  books.home(span(0, 0, 100));
  books.ledger.saw_size(Bytes(5'000));
  EXPECT_EQ(books.truncated(1, 400, 20), Bytes(4'600));
  ASSERT_EQ(books.ledger.past().size(), 1U);
  const PastGeneration& past = books.ledger.past()[0];
  EXPECT_EQ(past.size, Bytes(5'000));
  EXPECT_EQ(past.acked, Bytes(100));
  EXPECT_EQ(past.in_flight(), Bytes(300));
  EXPECT_EQ(past.missed[0], Bytes(4'600));
  books.home(span(0, 100, 400));  // it was read, so it still comes home
  EXPECT_EQ(books.ledger.past()[0].in_flight(), Bytes(0));
  EXPECT_EQ(books.ledger.past()[0].acked, Bytes(400));
}

TEST(TailLedger, DoesNotTakeTheSizeOfTheNextLifeForItsOwn) {
  Books books;
  books.ledger.saw_size(Bytes(1'000));
  books.ledger.saw_size(Bytes(10));  // truncated; the shard has not noticed
  books.ledger.saw_size(Bytes(90'000));
  EXPECT_EQ(books.truncated(1, 400), Bytes(600));
  books.ledger.saw_size(Bytes(90'000));
  EXPECT_EQ(books.truncated(2, 80'000), Bytes(10'000));
}

TEST(TailLedger, BelievesLinesOfANewEpochThatComeBeforeTheWordAboutIt) {
  Books books;
  books.home(span(0, 0, 100));
  books.ledger.saw_size(Bytes(150));
  books.home(span(1, 0, 30));
  EXPECT_EQ(books.sums(30, 30).acked, Bytes(30));
  EXPECT_EQ(books.truncated(1, 120), Bytes(30));
  EXPECT_EQ(books.ledger.past()[0].size, Bytes(150));
  EXPECT_EQ(books.ledger.past()[0].in_flight(), Bytes(20));
}

TEST(TailLedger, CallsWhatAnEndedRunHadInFlightOfAnOldEpochUnacked) {
  Books books;
  books.truncated(1, 100);
  RowLedger row = books.stored();
  settle_past(row);
  EXPECT_EQ(row.past[0].missed[size_t(MissedReason::kUnacked)], Bytes(100));
  EXPECT_EQ(row.past[0].in_flight(), Bytes(0));
}

TEST(TailLedger, KeepsABoundedNumberOfGenerationsAndLosesNoByteOfTheOlder) {
  Books books;
  constexpr uint32_t kEpochs = 50;
  for (uint32_t epoch = 0; epoch < kEpochs; ++epoch) {
    books.home(span(epoch, 0, 100));
    books.truncated(epoch + 1, 100, 7);
  }
  const auto& past = books.ledger.past();
  ASSERT_EQ(past.size(), RowLedger::kPastMax);
  Bytes size, acked, missed;
  uint32_t generations = 0;
  for (const PastGeneration& each : past) {
    size += each.size;
    acked += each.acked;
    missed += each.missed[0];
    generations += each.generations;
  }
  EXPECT_EQ(generations, kEpochs);
  EXPECT_EQ(acked, Bytes(100 * kEpochs));
  EXPECT_EQ(missed, Bytes(7 * kEpochs));
  EXPECT_EQ(size, acked + missed);
}

TEST(TailLedger, IsEmptyInTheRowOfAFileThatKeepsUp) {
  Books books;
  books.ledger.saw_size(Bytes(100));
  books.home(span(0, 0, 100));
  EXPECT_EQ(books.stored(), RowLedger{});
}

TEST(TailLedger, MissesTheRestOfAGenerationThatEndedWhileNobodyFollowedIt) {
  RowLedger row;
  row.begin = FileOffset(10);
  row.dropped = Bytes(5);
  row.seen = Bytes(300);
  end_generation(row, Epoch(4), FileOffset(100), MissedReason::kReplaced, kNow);
  ASSERT_EQ(row.past.size(), 1U);
  EXPECT_EQ(row.past[0].acked, Bytes(85));
  EXPECT_EQ(row.past[0].missed[size_t(MissedReason::kReplaced)], Bytes(200));
  EXPECT_EQ(row.past[0].in_flight(), Bytes(0));
  EXPECT_EQ(row.begin, FileOffset(0));
}

// Spans of several epochs in any order: nothing is counted twice or forgotten.
TEST(TailLedger, AddsUpWhateverTheOrderIs) {
  for (uint32_t seed = 0; seed < 300; ++seed) {
    std::mt19937 random(seed);
    std::vector<Span> spans;
    const uint32_t epochs = 1 + random() % 4;
    for (uint32_t epoch = 0; epoch < epochs; ++epoch) {
      for (int64_t at = 0; at < 100; at += 10) spans.push_back(span(epoch, at, at + 10));
    }
    std::shuffle(spans.begin(), spans.end(), random);
    Books books;
    uint32_t said = 0;
    Bytes dropped;
    for (const Span& each : spans) {
      if (random() % 8 == 0 && said + 1 < epochs) books.truncated(++said, 100);
      const bool drop = random() % 5 == 0;
      if (drop) dropped += Bytes(10);
      books.home(each, drop);
    }
    while (said + 1 < epochs) books.truncated(++said, 100);
    const GenerationSums now = books.sums(100, 100);
    Bytes acked = now.acked, given_up = now.dropped;
    for (const PastGeneration& past : books.ledger.past()) {
      EXPECT_EQ(past.size, Bytes(100)) << seed;
      EXPECT_EQ(past.in_flight(), Bytes(0)) << seed;
      acked += past.acked;
      given_up += past.dropped;
    }
    EXPECT_EQ(given_up, dropped) << seed;
    EXPECT_EQ(acked + given_up, Bytes(int64_t(spans.size()) * 10)) << seed;
  }
}

TEST(TailLedger, ROT_10_HolesAreSkippedWhenTheOffsetHasPassedThem) {
  Books books;
  const auto skip = [&](const Span& each) {
    books.window.release(each);
    books.ledger.skipped(each, books.window);
  };
  books.home(span(0, 0, 100));
  skip(span(0, 200, 5000));
  EXPECT_EQ(books.sums(5000, 6000).skipped, Bytes(4800)) << "also before the offset is there";
  EXPECT_EQ(books.sums(5000, 6000).in_flight, Bytes(100));
  EXPECT_EQ(books.stored().begin, FileOffset(0));
  books.home(span(0, 100, 200));
  EXPECT_EQ(books.stored().begin, FileOffset(4800));
  EXPECT_EQ(books.sums(5000, 6000).acked, Bytes(200));
  EXPECT_EQ(books.sums(5000, 6000).unread, Bytes(1000));
  (void)books.truncated(1, 5000);
  EXPECT_EQ(books.ledger.past().back().skipped, Bytes(4800));
  EXPECT_EQ(books.ledger.past().back().acked, Bytes(200));
}

}  // namespace
}  // namespace sluice
