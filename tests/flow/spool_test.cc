// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <random>
#include <string>

#include "flow/spool/spool_format.h"
#include "flow/spool/spool_log.h"
#include "memory_spool.h"

namespace sluice {
namespace {

constexpr WallTime kNow(1'795'367'417'000'000'000);

// A parcel whose body names it; `lines` records of equal size in one run.
ParcelPtr make_parcel(uint64_t number, uint32_t lines, size_t line_bytes = 40) {
  auto parcel = std::make_unique<Parcel>();
  std::string body = "[";
  RecordTable& table = parcel->records;
  table.paths = "/logs/app.log";
  RecordRun run;
  run.tail = TailId(7);
  run.epoch = Epoch(2);
  run.base = FileOffset(static_cast<int64_t>(number) * 1000);
  run.path_bytes = static_cast<uint32_t>(table.paths.size());
  run.seed = {number, ~number};
  table.runs.push_back(run);
  for (uint32_t i = 0; i < lines; ++i) {
    if (i > 0) body += ",";
    body += std::string(line_bytes, static_cast<char>('a' + number % 26));
    table.ends.push_back({static_cast<uint32_t>(body.size()), (i + 1) * 10});
  }
  body += "]";
  parcel->body = std::make_unique<std::byte[]>(body.size());
  std::memcpy(parcel->body.get(), body.data(), body.size());
  parcel->body_bytes = body.size();
  parcel->content_type = "application/json";
  parcel->content_encoding = "";
  parcel->frame = {"[", ",", "]"};
  parcel->lines = Lines(lines);
  parcel->raw_bytes = Bytes(10 * lines);
  parcel->encoded_bytes = Bytes(static_cast<int64_t>(body.size()));
  parcel->key = {number, number * 31};
  parcel->spans.push_back({TailId(7), Epoch(2), run.base, run.base + Bytes(10 * lines), 99});
  return parcel;
}

SpoolDraft draft(uint64_t number, uint32_t lines = 3, bool in_hand = false) {
  SpoolDraft made = make_draft(*make_parcel(number, lines));
  made.in_hand = in_hand;
  return made;
}

struct Stand {
  MemorySpool disk;
  SpoolSettings settings;
  std::unique_ptr<SpoolLog> log;

  Stand() { settings.segment_bytes = Bytes(1000); }

  void start() {
    log = std::make_unique<SpoolLog>(settings, disk);
    ASSERT_TRUE(log->open(kNow).ok());
  }
  Result<uint64_t> put(uint64_t number, uint32_t lines = 3, bool in_hand = false) {
    const SpoolDraft one = draft(number, lines, in_hand);
    return log->append({&one, 1}, kNow);
  }
  void fill(uint64_t count) {
    for (uint64_t i = 1; i <= count; ++i) ASSERT_TRUE(put(i).ok());
  }
  // Keys of all that can be fetched, in order; removed when `deliver`.
  std::vector<uint64_t> drain(bool deliver = true) {
    std::vector<uint64_t> keys;
    for (int errors = 0; errors < 100;) {
      Result<SpooledParcel> got = log->fetch();
      if (!got) {
        ++errors;
        continue;
      }
      if (got->parcel == nullptr) break;
      keys.push_back(got->parcel->key.low);
      if (deliver) log->remove(got->sequence, got->parcel->lines);
    }
    return keys;
  }
};

std::vector<uint64_t> numbers(uint64_t first, uint64_t last) {
  std::vector<uint64_t> all;
  for (uint64_t i = first; i <= last; ++i) all.push_back(i);
  return all;
}

TEST(SpoolFormat, AParcelComesBackAsItWas) {
  const ParcelPtr before = make_parcel(5, 4);
  const SpoolDraft made = make_draft(*before);
  TextPool texts;
  const ParcelPtr after = decode_parcel(head_of(made), made.payload, texts);
  ASSERT_NE(after, nullptr);
  EXPECT_EQ(after->key, before->key);
  EXPECT_EQ(after->lines, before->lines);
  EXPECT_EQ(after->raw_bytes, before->raw_bytes);
  EXPECT_EQ(after->encoded_bytes, before->encoded_bytes);
  EXPECT_EQ(after->content_type, "application/json");
  EXPECT_EQ(after->content_encoding, "");
  EXPECT_EQ(after->frame.separator, ",");
  EXPECT_EQ(after->spans, before->spans);
  ASSERT_EQ(after->records.size(), 4U);
  for (uint32_t i = 0; i < 4; ++i) {
    EXPECT_EQ(after->records.place(i).span, before->records.place(i).span);
    EXPECT_EQ(after->records.place(i).path, "/logs/app.log");
    EXPECT_EQ(after->records.place(i).seed, before->records.place(i).seed);
    EXPECT_EQ(after->records.encoded_end(i), before->records.encoded_end(i));
  }
  EXPECT_TRUE(std::equal(after->bytes().begin(), after->bytes().end(), before->bytes().begin(),
                         before->bytes().end()));
}

TEST(SpoolFormat, TheWorkedExampleOfTheFormatIsTrue) {
  const SegmentHeadBytes head = encode_head(SegmentHead{1, 7, 1000, 250, WallTime(1)});
  const std::string mark(reinterpret_cast<const char*>(head.data()), 8);
  EXPECT_EQ(mark, "SLSPOOL\n");
  EXPECT_EQ(static_cast<uint8_t>(head[8]), 1);
  EXPECT_EQ(static_cast<uint8_t>(head[12]), 7);
  EXPECT_EQ(static_cast<uint8_t>(head[16]), 0xE8);
  EXPECT_EQ(static_cast<uint8_t>(head[24]), 250);
  uint64_t check = 0;
  std::memcpy(&check, head.data() + 40, 8);
  EXPECT_EQ(check, 0xAE00A88B69A10235U);
}

TEST(SpoolFormat, AHeadWithAnyBitFlippedIsNone) {
  RecordHead head = head_of(draft(3));
  head.sequence = 17;
  RecordHeadBytes bytes = encode_head(head);
  ASSERT_TRUE(decode_record_head(bytes));
  for (size_t bit = 0; bit < 8 * bytes.size(); ++bit) {
    bytes[bit / 8] ^= static_cast<std::byte>(1 << bit % 8);
    EXPECT_FALSE(decode_record_head(bytes)) << bit;
    bytes[bit / 8] ^= static_cast<std::byte>(1 << bit % 8);
  }
}

// The hash over a payload cannot be wrong by chance, so a decoder that trusts it is tried without.
TEST(SpoolFormat, ADamagedPayloadNeverDecodesIntoATableThatIsNotSound) {
  const SpoolDraft good = draft(5, 4);
  TextPool texts;
  for (size_t at = 0; at < good.meta_bytes; ++at) {
    for (int bit = 0; bit < 8; ++bit) {
      SpoolDraft bad = good;
      bad.payload[at] ^= static_cast<std::byte>(1 << bit);
      const ParcelPtr parcel = decode_parcel(head_of(bad), bad.payload, texts);
      if (parcel == nullptr) continue;
      for (uint32_t i = 0; i < parcel->records.size(); ++i) {
        (void)parcel->records.place(i);
        ASSERT_LE(parcel->records.encoded_end(i), static_cast<size_t>(parcel->encoded_bytes.value));
      }
    }
  }
}

TEST(Spool, GivesBackWhatItGotInOrderAndLeavesNothingBehind) {
  Stand stand;
  stand.start();
  stand.fill(20);
  EXPECT_GT(stand.disk.files.size(), 3U);
  EXPECT_EQ(stand.log->counts().records, 20);
  EXPECT_EQ(stand.log->counts().lines, 60);
  EXPECT_EQ(stand.drain(), numbers(1, 20));
  EXPECT_TRUE(stand.disk.files.empty());
  EXPECT_EQ(stand.log->counts().records, 0);
  EXPECT_EQ(stand.log->counts().bytes, Bytes(0));
}

TEST(Spool, GoesOnAfterARestartWithWhatIsNotDelivered) {
  Stand stand;
  stand.start();
  stand.fill(20);
  for (int i = 0; i < 7; ++i) {
    auto got = stand.log->fetch();
    ASSERT_TRUE(got.ok());
    // Nine answers come out of order: the fourth is still open.
    if (got->parcel->key.low != 4) stand.log->remove(got->sequence, got->parcel->lines);
  }
  stand.start();
  EXPECT_EQ(stand.log->counts().records, 14);
  EXPECT_EQ(stand.log->counts().lines, 42);
  ASSERT_TRUE(stand.put(21).ok());
  std::vector<uint64_t> expected = numbers(8, 21);
  expected.insert(expected.begin(), 4);
  EXPECT_EQ(stand.drain(), expected);
  EXPECT_TRUE(stand.disk.files.empty());
}

TEST(Spool, DoesNotHandOutWhatTheLaneHasInHand) {
  Stand stand;
  stand.start();
  const auto first = stand.put(1, 3, true);
  ASSERT_TRUE(first.ok());
  ASSERT_TRUE(stand.put(2).ok());
  EXPECT_EQ(stand.drain(), numbers(2, 2));
  EXPECT_EQ(stand.log->counts().records, 1);
  stand.log->remove(*first, Lines(3));
  EXPECT_TRUE(stand.disk.files.empty());
}

TEST(Spool, DSK_4_AnyCutOfTheLastSegmentKeepsTheRecordsBefore) {
  Stand stand;
  stand.settings.segment_bytes = Bytes(1 << 20);
  stand.start();
  std::vector<size_t> ends;
  for (uint64_t i = 1; i <= 4; ++i) {
    ASSERT_TRUE(stand.put(i).ok());
    ends.push_back(stand.disk.files.begin()->second.bytes.size());
  }
  const auto whole = stand.disk.files;
  const size_t size = whole.begin()->second.bytes.size();
  for (size_t cut = 0; cut <= size; ++cut) {
    stand.disk.files = whole;
    stand.disk.files.begin()->second.bytes.resize(cut);
    stand.start();
    const auto kept = std::count_if(ends.begin(), ends.end(), [&](size_t e) { return e <= cut; });
    ASSERT_EQ(stand.log->counts().records, kept) << cut;
    ASSERT_TRUE(stand.put(9).ok());
    auto expected = numbers(1, static_cast<uint64_t>(kept));
    expected.push_back(9);
    ASSERT_EQ(stand.drain(), expected) << cut;
    ASSERT_EQ(stand.log->counts().lost_records, 0) << "what is torn was never promised";
  }
}

TEST(Spool, DSK_5_AnyBitFlippedCostsOneRecordAndIsCountedToTheLine) {
  Stand stand;
  stand.settings.segment_bytes = Bytes(700);
  stand.start();
  for (uint64_t i = 1; i <= 5; ++i) ASSERT_TRUE(stand.put(i, static_cast<uint32_t>(i)).ok());
  const auto whole = stand.disk.files;
  ASSERT_GE(whole.size(), 2U);
  for (const auto& [number, file] : whole) {
    for (size_t bit = 0; bit < 8 * file.bytes.size(); bit += 3) {
      stand.disk.files = whole;
      stand.disk.aside.clear();
      char& byte = stand.disk.files[number].bytes[bit / 8];
      byte = static_cast<char>(byte ^ 1 << bit % 8);
      stand.start();
      const std::vector<uint64_t> got = stand.drain();
      const SpoolCounts counts = stand.log->counts();
      ASSERT_GE(got.size(), 4U) << number << " " << bit;
      int64_t lines = 0;
      for (const uint64_t key : got) lines += static_cast<int64_t>(key);
      const bool last_head = got == numbers(1, 4);
      // The head of the very last record may be one that was never finished.
      if (got.size() == 4 && !(last_head && counts.lost_records == 0)) {
        ASSERT_EQ(counts.lost_records, 1) << number << " " << bit;
        ASSERT_EQ(counts.lost_lines, 15 - lines) << number << " " << bit;
        ASSERT_EQ(stand.disk.aside.size(), 1U) << "kept for a person";
      }
      ASSERT_EQ(counts.records, 0);
      ASSERT_TRUE(stand.disk.files.empty()) << number << " " << bit;
    }
  }
}

TEST(Spool, DSK_6_ASegmentThatIsGoneIsCountedToTheLine) {
  Stand stand;
  stand.start();
  stand.fill(20);
  const auto second = std::next(stand.disk.files.begin());
  const uint32_t number = second->first;
  const auto& segments = stand.log->segments();
  const auto records = static_cast<int64_t>(segments[1].end_sequence - segments[1].first_sequence);
  ASSERT_EQ(segments[1].number, number);
  stand.disk.files.erase(second);
  const auto missing = stand.disk.files;
  // While it runs.
  EXPECT_EQ(static_cast<int64_t>(stand.drain().size()), 20 - records);
  EXPECT_EQ(stand.log->counts().lost_records, records);
  EXPECT_EQ(stand.log->counts().lost_lines, 3 * records);
  // And between two runs.
  stand.disk.files = missing;
  stand.start();
  EXPECT_EQ(static_cast<int64_t>(stand.drain().size()), 20 - records);
  EXPECT_EQ(stand.log->counts().lost_lines, 3 * records);
}

TEST(Spool, DSK_3_AWriteThatFailedComesAgainInANewSegmentAndTheOldOneIsLeft) {
  for (const size_t arrives : {size_t{0}, size_t{500}, size_t{1000}}) {
    for (const int way : {0, 1, 2, 3}) {
      const bool restart = (way & 1) != 0;
      Stand stand;
      stand.disk.cut_works = (way & 2) != 0;
      stand.settings.segment_bytes = Bytes(1 << 20);
      stand.disk.arrives_per_mille = arrives;
      stand.start();
      stand.fill(2);
      bool fail = true;
      stand.disk.fails = [&](MemorySpool::Call call) {
        return call == MemorySpool::Call::kAppend && std::exchange(fail, false) ? EIO : 0;
      };
      EXPECT_FALSE(stand.put(3).ok());
      EXPECT_EQ(stand.log->counts().records, 2) << "not promised";
      // Another one is first the next time, under the same sequence.
      ASSERT_TRUE(stand.put(4).ok());
      ASSERT_TRUE(stand.put(3).ok());
      EXPECT_EQ(stand.disk.files.size(), 2U);
      if (restart) stand.start();
      EXPECT_EQ(stand.drain(), (std::vector<uint64_t>{1, 2, 4, 3}));
      EXPECT_EQ(stand.log->counts().lost_records, 0);
    }
  }
}

TEST(Spool, DSK_1_AFullDiskLeavesNothingHalfDoneAndIsTriedAgain) {
  Stand stand;
  stand.start();
  bool full = true;
  stand.disk.fails = [&](MemorySpool::Call call) {
    return full && call != MemorySpool::Call::kRead ? ENOSPC : 0;
  };
  for (int i = 0; i < 5; ++i) EXPECT_EQ(stand.put(1).error().sys_errno, ENOSPC);
  EXPECT_TRUE(stand.disk.files.empty()) << "retries do not fill the disk further";
  full = false;
  ASSERT_TRUE(stand.put(1).ok());
  EXPECT_EQ(stand.drain(), numbers(1, 1));
}

TEST(Spool, DSK_8_RefusesWhatIsOverItsLimitUntilThereIsRoom) {
  Stand stand;
  stand.settings.bytes_max = Bytes(3000);
  stand.start();
  uint64_t stored = 0;
  while (stand.put(stored + 1).ok()) ++stored;
  EXPECT_GT(stored, 5U);
  EXPECT_LE(stand.log->counts().bytes, Bytes(3000));
  EXPECT_EQ(stand.put(1).error().code, Errc::kExhausted);
  EXPECT_EQ(stand.log->counts().dropped_records, 0);
  EXPECT_EQ(stand.drain(), numbers(1, stored));
  EXPECT_TRUE(stand.put(99).ok());
}

TEST(Spool, DSK_8_DropsTheOldestOnlyIfAskedAndCountsToTheLine) {
  Stand stand;
  stand.settings.bytes_max = Bytes(3000);
  stand.settings.drop_oldest = true;
  stand.start();
  // What is being sent is not dropped.
  const auto in_hand = stand.put(1, 3, true);
  for (uint64_t i = 2; i <= 60; ++i) ASSERT_TRUE(stand.put(i).ok());
  const SpoolCounts counts = stand.log->counts();
  EXPECT_LE(counts.bytes, Bytes(3000));
  EXPECT_GT(counts.dropped_records, 30);
  EXPECT_EQ(counts.dropped_lines, 3 * counts.dropped_records);
  EXPECT_EQ(counts.records + counts.dropped_records, 60);
  // Neither now nor after a restart is a dropped one taken for a lost one.
  const auto files = stand.disk.files;
  const std::vector<uint64_t> rest = stand.drain();
  EXPECT_EQ(static_cast<int64_t>(rest.size()), counts.records - 1);
  EXPECT_EQ(rest.back(), 60U);
  stand.log->remove(*in_hand, Lines(3));
  EXPECT_EQ(stand.log->counts().lost_records, 0);
  EXPECT_TRUE(stand.disk.files.empty());
  stand.disk.files = files;
  stand.start();
  EXPECT_EQ(static_cast<int64_t>(stand.drain().size()), counts.records);
  EXPECT_EQ(stand.log->counts().lost_records, 0);
}

TEST(Spool, ADiskThatDoesNotAnswerIsAskedAgainAndAPlaceThatNeverAnswersIsCounted) {
  Stand stand;
  stand.start();
  stand.fill(4);
  int failures = 3;
  stand.disk.fails = [&](MemorySpool::Call call) {
    return call == MemorySpool::Call::kRead && failures-- > 0 ? EIO : 0;
  };
  EXPECT_EQ(stand.drain(), numbers(1, 4));
  stand.fill(2);
  failures = 1'000'000;
  EXPECT_TRUE(stand.drain().empty());
  EXPECT_EQ(stand.log->counts().lost_records, 2);
  EXPECT_EQ(stand.disk.aside.size(), 1U);
}

TEST(Spool, ASegmentOfALaterVersionIsRefusedAndNotTouched) {
  Stand stand;
  stand.start();
  stand.fill(2);
  const SegmentHeadBytes head = encode_head(SegmentHead{2, 1, 1, 0, kNow});
  std::memcpy(stand.disk.files.begin()->second.bytes.data(), head.data(), head.size());
  const auto before = stand.disk.files.begin()->second.bytes;
  SpoolLog log(stand.settings, stand.disk);
  EXPECT_EQ(log.open(kNow).error().code, Errc::kUnsupported);
  EXPECT_EQ(stand.disk.files.begin()->second.bytes, before);
}

TEST(Spool, DSK_7_ASegmentThatCameBackWithoutItsNotesIsSentAgainAndNothingElseHappens) {
  Stand stand;
  stand.start();
  stand.fill(12);
  const auto first = *stand.disk.files.begin();
  stand.drain(false);
  const auto end = stand.log->segments().front().end_sequence;
  for (uint64_t i = stand.log->segments().front().first_sequence; i < end; ++i)
    stand.log->remove(i, Lines(3));
  ASSERT_FALSE(stand.disk.files.contains(first.first));
  stand.disk.files[first.first].bytes = first.second.bytes;
  stand.start();
  EXPECT_EQ(stand.drain(), numbers(1, 12));
  EXPECT_EQ(stand.log->counts().lost_records, 0);
}

// Random histories of a spool with restarts and failing calls: nothing that was promised is ever
// missing, nothing comes twice in a run, nothing comes that was never put.
TEST(Spool, KeepsItsPromisesThroughRandomHistories) {
  for (uint32_t seed = 1; seed <= 300; ++seed) {
    std::mt19937 random(seed);
    const auto chance = [&](uint32_t percent) { return random() % 100 < percent; };
    Stand stand;
    stand.settings.segment_bytes = Bytes(600 + random() % 2000);
    bool faults = true;
    stand.disk.arrives_per_mille = random() % 1001;
    stand.disk.cut_works = chance(50);
    stand.disk.remove_works = chance(80);
    stand.disk.fails = [&](MemorySpool::Call call) {
      return faults && call != MemorySpool::Call::kRead && random() % 8 == 0 ? EIO : 0;
    };
    stand.start();
    std::set<uint64_t> promised;
    std::set<uint64_t> handed;
    std::map<uint64_t, uint64_t> hands;
    uint64_t next = 1;
    for (int step = 0; step < 200; ++step) {
      if (chance(45)) {
        std::vector<SpoolDraft> drafts;
        for (uint32_t i = 0; i <= random() % 3; ++i)
          drafts.push_back(draft(next + i, 1 + random() % 4, chance(20)));
        const auto stored = stand.log->append(drafts, kNow);
        for (uint64_t i = 0; i < drafts.size() && stored.ok(); ++i) {
          promised.insert(next + i);
          if (drafts[i].in_hand) hands[*stored + i] = next + i;
        }
        next += drafts.size();
      } else if (chance(50)) {
        auto got = stand.log->fetch();
        ASSERT_TRUE(got.ok());
        if (got->parcel == nullptr) continue;
        hands[got->sequence] = got->parcel->key.low;
        ASSERT_TRUE(handed.insert(got->parcel->key.low).second) << "twice, seed " << seed;
      } else if (!hands.empty() && chance(80)) {
        auto one = std::next(hands.begin(), random() % hands.size());
        stand.log->remove(one->first, Lines(1));
        promised.erase(one->second);
        hands.erase(one);
      } else if (chance(10)) {
        hands.clear();
        handed.clear();
        stand.start();
      }
    }
    faults = false;
    stand.disk.remove_works = true;
    stand.start();
    const std::vector<uint64_t> rest = stand.drain();
    const std::set<uint64_t> got(rest.begin(), rest.end());
    ASSERT_EQ(got.size(), rest.size()) << "seed " << seed;
    for (const uint64_t key : promised) ASSERT_TRUE(got.contains(key)) << key << " seed " << seed;
    ASSERT_TRUE(rest.empty() || *got.rbegin() < next);
    ASSERT_EQ(stand.log->counts().lost_records, 0) << "seed " << seed;
    ASSERT_TRUE(stand.disk.files.empty()) << "seed " << seed;
  }
}

}  // namespace
}  // namespace sluice
