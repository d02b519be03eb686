// SPDX-License-Identifier: Apache-2.0
// A lane whose destination refuses bodies for what they are: too large, or a bad line in them.
#include <gtest/gtest.h>

#include <functional>
#include <set>
#include <string>
#include <vector>

#include "flow/compress/body_cutter.h"
#include "flow/compress/codecs.h"
#include "lane_stand.h"

namespace sluice {
namespace {

using namespace literals;

// A disk in the test's hands.
struct Desk final : DeadLetters {
  void file(DeadLetter letter) override {
    ASSERT_FALSE(open) << "one letter at a time";
    open = true;
    letters.push_back(std::move(letter));
  }
  std::optional<Result<void>> filed() override {
    if (!open || !answers) return std::nullopt;
    open = false;
    if (fails) {
      letters.pop_back();
      return Result<void>(Error::from_errno("write", ENOSPC));
    }
    return Result<void>();
  }
  bool answers = true;
  bool fails = false;
  bool open = false;
  std::vector<DeadLetter> letters;
};

class RefusedLane : public ::testing::Test {
 protected:
  RefusedLane() {
    stand_.settings.retry_min_delay = 10_ms;
    stand_.settings.retry_max_delay = 1_s;
    stand_.settings.proof_patience = 600_s;
    stand_.cutter = &cutter_;
    stand_.dead = &desk_;
  }

  // A body of one byte and a newline per record: 'x' is bad, anything else is good.
  void ship(const std::string& records, bool ordered = false) {
    stand_.ship(static_cast<int64_t>(records.size()), 1);
    Parcel& parcel = *stand_.arriving.parcels.back();
    stand_.gauge.held_bytes -= parcel.held_bytes();
    parcel.ordered = ordered;
    parcel.body_bytes = 2 * records.size();
    parcel.body = std::make_unique<std::byte[]>(parcel.body_bytes);
    parcel.encoded_bytes = Bytes(static_cast<int64_t>(parcel.body_bytes));
    parcel.raw_bytes = Bytes(static_cast<int64_t>(10 * records.size()));
    parcel.spans = {
        {TailId(7), Epoch(0), FileOffset(next_), FileOffset(next_) + parcel.raw_bytes, 99}};
    parcel.records.runs.push_back({TailId(7), Epoch(0), FileOffset(next_), 0, 0, 0, 4, {3, 4}});
    parcel.records.paths = "/a/b";
    for (uint32_t i = 0; i < records.size(); ++i) {
      parcel.body[2 * i] = static_cast<std::byte>(records[i]);
      parcel.body[2 * i + 1] = std::byte{'\n'};
      parcel.records.ends.push_back({2 * i + 2, 10 * (i + 1)});
    }
    next_ += parcel.raw_bytes.value;
    stand_.gauge.held_bytes += parcel.held_bytes();
  }

  static std::string text(const Parcel& parcel) {
    std::string records;
    for (size_t i = 0; i < parcel.body_bytes; i += 2) {
      records.push_back(static_cast<char>(parcel.body[i]));
    }
    return records;
  }

  // Answers everything at once for some time.
  void run(Duration how_long) {
    const MonoTime end = stand_.now + how_long;
    MonoTime wanted = stand_.turn();
    while (stand_.now < end) {
      for (const uint64_t ticket : stand_.wire.open_tickets()) {
        const std::string body = text(stand_.wire.parcel_of(ticket));
        const int32_t status = judge(body);
        requests_.push_back(body);
        if (status == 200) delivered_ += body;
        stand_.wire.answer(ticket, status_answer(status));
      }
      wanted = stand_.turn();
      const bool desk_done = desk_.open && desk_.answers;
      const bool busy = desk_done || stand_.wire.open_count() > 0 || wanted <= stand_.now;
      stand_.now = busy ? stand_.now + 1_ms : std::min(end, std::max(wanted, stand_.now + 1_ms));
    }
  }

  std::function<int32_t(const std::string&)> judge = [](const std::string& body) {
    return body.find('x') == std::string::npos ? 200 : 400;
  };
  BodyCutter cutter_{make_identity()};
  Desk desk_;
  LaneStand stand_;
  std::vector<std::string> requests_;
  std::string delivered_;
  int64_t next_ = 0;
};

TEST_F(RefusedLane, SNK_8_DeliversTheGoodLinesAndBuriesTheBadOneBeforeTheParcelComesHome) {
  stand_.start();
  std::string records(1000, 'a');
  records[617] = 'x';
  ship(records);
  desk_.answers = false;
  run(10_s);
  EXPECT_EQ(delivered_.size(), 999U);
  ASSERT_EQ(desk_.letters.size(), 1U);
  EXPECT_TRUE(stand_.home.parcels.empty()) << "the letter is not durable yet";
  EXPECT_LE(requests_.size(), 1U + 19U);
  desk_.answers = true;
  run(1_s);
  ASSERT_EQ(stand_.home_with(Fate::kDelivered).size(), 1U);
  const Parcel& parcel = *stand_.home.parcels.front();
  ASSERT_EQ(parcel.dead.size(), 1U);
  EXPECT_EQ(parcel.dead[0].begin, FileOffset(6170));
  EXPECT_EQ(parcel.dead[0].end, FileOffset(6180));
  const DeadLetter& letter = desk_.letters[0];
  EXPECT_EQ(letter.record, "x\n");
  EXPECT_EQ(letter.path, "/a/b");
  EXPECT_EQ(letter.span.begin, FileOffset(6170));
  EXPECT_EQ(letter.status, 400);
  EXPECT_EQ(letter.reason, "refused");
  EXPECT_EQ(letter.destination, "far");
  EXPECT_EQ(stand_.metrics.dead_lines.get(), 1);
  EXPECT_EQ(stand_.metrics.dead_raw_bytes.get(), 10);
  EXPECT_EQ(stand_.metrics.delivered_lines.get(), 999);
  EXPECT_EQ(stand_.metrics.delivered_raw_bytes.get(), 9990);
  EXPECT_EQ(stand_.gauge.held_bytes.load(), 0);
  EXPECT_TRUE(stand_.lane->empty());
}

TEST_F(RefusedLane, SNK_10_HalvesABodyThatIsTooLargeAndLearnsTheLimit) {
  judge = [](const std::string& body) { return body.size() > 3000 ? 413 : 200; };
  stand_.settings.workers = 1;
  stand_.settings.body_bytes = 20'000;
  stand_.start();
  ship(std::string(10'000, 'a'));
  run(1_s);
  EXPECT_EQ(delivered_.size(), 10'000U);
  EXPECT_EQ(stand_.gauge.body_bytes_max.load(), 5000) << "of bytes, two per record";
  EXPECT_EQ(requests_[0].size(), 10'000U);
  EXPECT_EQ(requests_[1].size(), 5000U);
  EXPECT_EQ(requests_[2].size(), 2500U);
  EXPECT_EQ(requests_.size(), 2U + 4U);
  // What was sealed before is cut without asking again.
  ship(std::string(10'000, 'b'));
  run(1_s);
  EXPECT_EQ(requests_.size(), 6U + 4U);
  EXPECT_EQ(stand_.home_with(Fate::kDelivered).size(), 2U);
  EXPECT_TRUE(desk_.letters.empty());
}

TEST_F(RefusedLane, SNK_10_ARecordThatIsTooLargeAloneGoesToTheDeadLetters) {
  judge = [](const std::string& body) { return body.find('L') == body.npos ? 200 : 413; };
  stand_.start();
  ship("aaaLaaaaaa");
  run(1_s);
  ASSERT_EQ(desk_.letters.size(), 1U);
  EXPECT_EQ(desk_.letters[0].record, "L\n");
  EXPECT_EQ(desk_.letters[0].reason, "too_large");
  EXPECT_EQ(delivered_.size(), 9U);
  EXPECT_EQ(stand_.home_with(Fate::kDelivered).size(), 1U);
  EXPECT_LE(requests_.size(), 12U) << "no endless loop";
}

TEST_F(RefusedLane, HoldsWhenEveryBatchIsRefusedAndBuriesNothing) {
  judge = [](const std::string&) { return 400; };
  stand_.start();
  for (int i = 0; i < 6; ++i) ship(std::string(100, 'a'));
  run(300_s);
  EXPECT_TRUE(desk_.letters.empty());
  EXPECT_TRUE(stand_.home.parcels.empty());
  EXPECT_GT(stand_.metrics.holds.get(), 0);
  EXPECT_EQ(stand_.metrics.healthy.get(), 0);
  EXPECT_EQ(stand_.events.count("lane.refuses_all:far error"),
            static_cast<size_t>(stand_.metrics.holds.get()));
  const size_t per_second = requests_.size() / 300;
  EXPECT_LE(per_second, 6U * 20U) << "at the longest pause, a handful of requests per body";
  judge = [](const std::string&) { return 200; };
  run(3_s);
  EXPECT_EQ(delivered_.size(), 600U);
  EXPECT_EQ(stand_.home_with(Fate::kDelivered).size(), 6U);
}

TEST_F(RefusedLane, ADestinationThatTurnsToRefuseEverythingGetsAtMostEightLinesBuried) {
  stand_.start();
  ship("a");
  run(1_s);
  judge = [](const std::string&) { return 422; };
  for (int i = 0; i < 40; ++i) ship("a");
  run(300_s);
  EXPECT_LE(desk_.letters.size(), 8U);
}

TEST_F(RefusedLane, ABadLineAloneWaitsForAProofOfTheOthers) {
  stand_.settings.workers = 1;
  stand_.start();
  ship("x");
  run(5_s);
  EXPECT_TRUE(desk_.letters.empty()) << "nothing was ever taken";
  ship("x");
  ship("a");
  run(5_s);
  EXPECT_EQ(desk_.letters.size(), 2U);
  EXPECT_EQ(delivered_, "a");
  EXPECT_EQ(stand_.home_with(Fate::kDelivered).size(), 3U);
}

TEST_F(RefusedLane, ABadLineThatNothingCanProveIsGivenUpAfterPatience) {
  stand_.start();
  ship("x");
  run(599_s);
  EXPECT_TRUE(desk_.letters.empty());
  run(5_s);
  EXPECT_EQ(desk_.letters.size(), 1U);
}

TEST_F(RefusedLane, WaitsForADiskThatIsFullAndLosesNothing) {
  stand_.start();
  desk_.fails = true;
  ship("aaxaaaxaa");
  run(20_s);
  EXPECT_TRUE(stand_.home.parcels.empty());
  EXPECT_GE(stand_.metrics.dead_errors.get(), 10);
  EXPECT_EQ(stand_.events.count("lane.dead_letters:far error"),
            static_cast<size_t>(stand_.metrics.dead_errors.get()));
  const size_t requests = requests_.size();
  run(20_s);
  EXPECT_EQ(requests_.size(), requests) << "nothing is sent twice meanwhile";
  desk_.fails = false;
  run(3_s);
  EXPECT_EQ(desk_.letters.size(), 2U);
  EXPECT_EQ(delivered_.size(), 7U);
  EXPECT_EQ(stand_.home_with(Fate::kDelivered).size(), 1U);
}

TEST_F(RefusedLane, TriesAPartAgainThatAnOutageHit) {
  int calls = 0;
  judge = [&](const std::string& body) {
    if (++calls % 3 == 0) return 503;
    return body.find('x') == std::string::npos ? 200 : 400;
  };
  stand_.start();
  std::string records(200, 'a');
  records[77] = records[78] = records[150] = 'x';
  ship(records);
  run(60_s);
  EXPECT_EQ(delivered_.size(), 197U);
  EXPECT_EQ(desk_.letters.size(), 3U);
  EXPECT_EQ(stand_.home_with(Fate::kDelivered).size(), 1U);
}

TEST_F(RefusedLane, KeepsTheOrderOfAFileThatIsDeliveredInOrder) {
  stand_.start();
  std::string records;
  for (char c = 'a'; c < 'x'; ++c) records.push_back(c);
  const std::string good = records;
  records.insert(12, "xx");
  records.push_back('x');
  ship(records, true);
  run(5_s);
  EXPECT_EQ(delivered_, good);
  EXPECT_EQ(desk_.letters.size(), 3U);
}

TEST_F(RefusedLane, AStopGivesBackWhatIsTakenApartOnceAndIgnoresALateLetter) {
  stand_.start();
  desk_.answers = false;
  ship("aaxaa");
  run(1_s);
  stand_.lane->begin_stop(stand_.now, stand_.now + 1_s);
  run(2_s);
  EXPECT_EQ(stand_.home_with(Fate::kUndelivered).size(), 1U);
  EXPECT_TRUE(stand_.lane->empty());
  EXPECT_EQ(stand_.gauge.held_bytes.load(), 0);
  desk_.answers = true;
  run(1_s);
  EXPECT_EQ(stand_.home.parcels.size(), 1U);
}

TEST_F(RefusedLane, AGracefulStopFinishesTheSearch) {
  stand_.start();
  std::string records(500, 'a');
  records[3] = 'x';
  ship(records);
  stand_.turn();
  stand_.lane->begin_stop(stand_.now, stand_.now + 5_s);
  run(1_s);
  EXPECT_EQ(stand_.home_with(Fate::kDelivered).size(), 1U);
  EXPECT_EQ(desk_.letters.size(), 1U);
}

TEST_F(RefusedLane, PartsOfOneBodyHaveKeysOfTheirOwnThatDoNotDependOnTheCut) {
  judge = [](const std::string& body) { return body.size() > 2 ? 413 : 200; };
  stand_.start();
  ship("aaaaaaaa");
  run(1_s);
  std::set<std::pair<uint64_t, uint64_t>> keys;
  for (const auto& request : stand_.wire.requests) {
    EXPECT_TRUE(keys.insert({request.key.low, request.key.high}).second);
  }
  EXPECT_EQ(delivered_.size(), 8U);
}

}  // namespace
}  // namespace sluice
