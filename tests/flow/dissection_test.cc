// SPDX-License-Identifier: Apache-2.0
#include "flow/deliver/dissection.h"

#include <gtest/gtest.h>

#include <cmath>
#include <functional>
#include <set>

#include "flow/deliver/body_limit.h"
#include "flow/deliver/burial_rule.h"

namespace sluice {
namespace {

using namespace literals;
using Kind = Dissection::Step::Kind;

// A receiver that refuses a body if any record of it is bad, and a lane that does what it is told.
struct Trial {
  Trial(uint32_t n, std::set<uint32_t> bad_in, bool in_order = false)
      : bad(std::move(bad_in)), dissection(n, in_order, 0) {
    dissection.refused({0, n}, 400, 0);
  }
  bool refuses(RecordRange range) const {
    const auto first = bad.lower_bound(range.first);
    return everything || (first != bad.end() && *first < range.end);
  }
  // Returns how it ended.
  Kind run(bool may_bury_unproven) {
    for (int i = 0; i < 1'000'000; ++i) {
      const auto step = dissection.next(successes, may_bury_unproven);
      if (step.kind == Kind::kHold || step.kind == Kind::kDone) return step.kind;
      if (step.kind == Kind::kBury) {
        EXPECT_TRUE(refused_alone.contains(dissection.suspect().record));
        EXPECT_TRUE(buried.insert(dissection.suspect().record).second) << "buried twice";
        dissection.buried();
        continue;
      }
      ++requests;
      EXPECT_FALSE(step.range.empty());
      if (refuses(step.range)) {
        if (step.range.size() == 1) refused_alone.insert(step.range.first);
        dissection.refused(step.range, 400, successes);
        continue;
      }
      ++successes;
      dissection.delivered(step.range);
      for (uint32_t r = step.range.first; r < step.range.end; ++r) {
        EXPECT_TRUE(delivered.insert(r).second) << "delivered twice";
        if (r < last_delivered) overtaken = true;
        last_delivered = r;
      }
    }
    ADD_FAILURE() << "no end";
    return Kind::kDone;
  }

  std::set<uint32_t> bad, refused_alone, buried, delivered;
  Dissection dissection;
  int64_t successes = 0;
  int requests = 0;
  uint32_t last_delivered = 0;
  bool overtaken = false;
  bool everything = false;
};

TEST(Dissection, FindsOneBadRecordAnywhereWithinTwiceTheLogarithm) {
  for (uint32_t n = 3; n <= 300; ++n) {
    for (uint32_t bad = 0; bad < n; ++bad) {
      Trial trial(n, {bad});
      ASSERT_EQ(trial.run(true), Kind::kDone);
      ASSERT_EQ(trial.buried, std::set<uint32_t>{bad});
      ASSERT_EQ(trial.delivered.size(), n - 1);
      ASSERT_FALSE(trial.overtaken);
      ASSERT_LE(trial.requests, 2 * std::log2(n) + 1e-9) << n << " records, bad is " << bad;
    }
  }
}

TEST(Dissection, OneBadRecordInAThousandCostsTwelveRequests) {
  for (uint32_t bad = 0; bad < 1000; ++bad) {
    Trial trial(1000, {bad});
    ASSERT_EQ(trial.run(true), Kind::kDone);
    ASSERT_LE(trial.requests, 12);
  }
}

TEST(Dissection, DeliversAllThatIsGoodAndBuriesAllThatIsBadWhateverTheMixture) {
  for (uint32_t pattern = 0; pattern < (1U << 12); ++pattern) {
    std::set<uint32_t> bad;
    for (uint32_t i = 0; i < 12; ++i) {
      if ((pattern >> i & 1) != 0) bad.insert(i);
    }
    if (bad.empty() || bad.size() == 12) continue;
    for (const bool in_order : {false, true}) {
      Trial trial(12, bad, in_order);
      const Kind end = trial.run(true);
      ASSERT_FALSE(in_order && trial.overtaken);
      if (end == Kind::kHold) {
        // Eight without one good one between them: nobody can know better.
        ASSERT_GE(bad.size(), 8U);
        continue;
      }
      ASSERT_EQ(trial.buried, bad);
      ASSERT_EQ(trial.delivered.size(), 12 - bad.size());
    }
  }
}

TEST(Dissection, ALongRunOfBadRecordsIsNotTakenForADeadDestination) {
  std::set<uint32_t> bad;
  for (uint32_t i = 100; i < 220; ++i) bad.insert(i);
  Trial trial(1000, bad);
  EXPECT_EQ(trial.run(false), Kind::kDone);
  EXPECT_EQ(trial.buried, bad);
  EXPECT_EQ(trial.delivered.size(), 880U);
}

TEST(Dissection, BuriesNobodyWhereEverythingIsRefusedAndSaysSoSoon) {
  for (const uint32_t n : {20U, 1000U, 10'000U}) {
    Trial trial(n, {});
    trial.everything = true;
    EXPECT_EQ(trial.run(true), Kind::kHold);
    EXPECT_TRUE(trial.buried.empty());
    EXPECT_LE(trial.requests, std::log2(n) + 10);
    // The destination is well again: nothing was settled, so everything is sent.
    trial.everything = false;
    trial.dissection.start_over(0);
    EXPECT_EQ(trial.run(true), Kind::kDone);
    EXPECT_EQ(trial.delivered.size(), n);
  }
}

TEST(Dissection, TheLastOfABodyWaitsForAProofUnlessItMayGoWithout) {
  Dissection one(1, false, 0);
  one.refused({0, 1}, 400, 5);
  EXPECT_EQ(one.next(5, false).kind, Kind::kHold);
  EXPECT_EQ(one.next(5, true).kind, Kind::kBury);
  EXPECT_EQ(one.next(6, false).kind, Kind::kBury) << "something else was taken since";
  one.start_over(6);
  EXPECT_EQ(one.next(5, false).range, (RecordRange{0, 1}));
}

TEST(Dissection, ARefusalThatWasAWhimIsForgotten) {
  Trial trial(64, {});
  EXPECT_EQ(trial.run(false), Kind::kDone);
  EXPECT_TRUE(trial.buried.empty());
  EXPECT_EQ(trial.delivered.size(), 64U);
}

TEST(Dissection, ADestinationThatIsCuredInTheMiddleCostsNoGoodRecord) {
  for (uint32_t cured_after = 1; cured_after < 17; ++cured_after) {
    Dissection body(100, false, 0);
    body.refused({0, 100}, 400, 0);
    int64_t successes = 0;
    uint32_t requests = 0;
    uint32_t delivered = 0;
    for (;;) {
      const auto step = body.next(successes, false);
      if (step.kind == Kind::kDone) break;
      ASSERT_NE(step.kind, Kind::kBury) << "cured after " << cured_after;
      if (step.kind == Kind::kHold) {
        body.start_over(successes);
      } else if (++requests <= cured_after) {
        body.refused(step.range, 400, successes);
      } else {
        ++successes;
        delivered += step.range.size();
        body.delivered(step.range);
      }
    }
    EXPECT_EQ(delivered, 100U);
  }
}

TEST(Dissection, AHeldBodyMovesOnByEightWithEachSuccessOfOthers) {
  Trial trial(40, {});
  trial.everything = true;
  for (uint32_t round = 1; round <= 5; ++round) {
    ASSERT_EQ(trial.run(false), Kind::kHold);
    EXPECT_EQ(trial.buried.size(), 8 * (round - 1));
    ++trial.successes;  // of another body
    trial.dissection.look_again(trial.successes, false);
  }
  EXPECT_EQ(trial.run(false), Kind::kDone);
  EXPECT_EQ(trial.buried.size(), 40U);
}

TEST(Dissection, ABodyOfAsManyRecordsAsThereMayBeSuspectsIsSentAgain) {
  Trial trial(Dissection::kSuspectsMax, {});
  trial.everything = true;
  ASSERT_EQ(trial.run(true), Kind::kHold);
  trial.dissection.look_again(0, true);
  trial.everything = false;
  EXPECT_EQ(trial.run(true), Kind::kDone);
  EXPECT_EQ(trial.delivered.size(), 8U);
}

TEST(BurialRule, GivesUpALoneRecordOnlyAfterASuccessOrAfterPatience) {
  BurialRule rule(600_s);
  EXPECT_FALSE(rule.may_bury_unproven(599_s));
  EXPECT_TRUE(rule.may_bury_unproven(600_s));
  rule.delivered();
  EXPECT_TRUE(rule.may_bury_unproven(0_s));
}

TEST(BurialRule, LosesNoMoreThanEightToADestinationThatBeginsToRefuseEverything) {
  BurialRule rule(600_s);
  rule.delivered();
  for (uint32_t i = 0; i < BurialRule::kUnprovenMax; ++i) {
    ASSERT_TRUE(rule.may_bury_unproven(0_s));
    rule.buried(false);
  }
  EXPECT_FALSE(rule.may_bury_unproven(100'000_s));
  rule.buried(true);
  EXPECT_FALSE(rule.may_bury_unproven(0_s));
  rule.delivered();
  EXPECT_TRUE(rule.may_bury_unproven(0_s));
}

TEST(BodyLimit, HalvesWhatIsTooLargeAndGoesBackSlowly) {
  BodyLimit limit(512 << 10);
  EXPECT_EQ(limit.bytes(), 0U);
  limit.too_large(512 << 10, MonoTime(0));
  EXPECT_EQ(limit.bytes(), size_t{256} << 10);
  limit.too_large(500 << 10, MonoTime(0));  // sealed before
  EXPECT_EQ(limit.bytes(), size_t{250} << 10);
  EXPECT_FALSE(limit.turn(MonoTime(0) + 9_s));
  EXPECT_TRUE(limit.turn(MonoTime(0) + 10_s));
  EXPECT_EQ(limit.bytes(), size_t{500} << 10);
  EXPECT_TRUE(limit.turn(MonoTime(0) + 20_s));
  EXPECT_EQ(limit.bytes(), 0U);
}

TEST(BodyLimit, AsksALastingLimitMoreAndMoreSeldom) {
  BodyLimit limit(512 << 10);
  MonoTime now{0};
  int asked = 0;
  limit.too_large(100'000, now);
  for (int i = 0; i < 24 * 60 * 60; ++i) {
    now += 1_s;
    if (!limit.turn(now)) continue;
    ++asked;
    limit.too_large(limit.bytes() == 0 ? 512 << 10 : limit.bytes(), now);
  }
  EXPECT_LE(asked, 9 + 24);
  EXPECT_GE(asked, 24);
}

TEST(BodyLimit, NeverFallsBelowItsFloor) {
  BodyLimit limit(512 << 10);
  for (int i = 0; i < 50; ++i) limit.too_large(200, MonoTime(0));
  EXPECT_EQ(limit.bytes(), BodyLimit::kLeast);
}

}  // namespace
}  // namespace sluice
