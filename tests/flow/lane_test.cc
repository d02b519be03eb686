// SPDX-License-Identifier: Apache-2.0
#include "flow/lane.h"

#include <gtest/gtest.h>

#include <vector>

#include "lane_stand.h"

namespace sluice {
namespace {

using namespace literals;
using Keys = std::vector<uint64_t>;

TEST(Lane, DeliversInOrderAndSendsParcelsHomeWithoutTheirBodies) {
  LaneStand stand;
  stand.start();
  stand.ship(3, 100);
  stand.ship(5, 200);
  EXPECT_EQ(stand.turn(), kNever);
  EXPECT_EQ(stand.requested(), (Keys{1, 2}));
  EXPECT_EQ(stand.gauge.on_wire, 2);
  EXPECT_EQ(stand.metrics.in_flight.get(), 2);

  stand.wire.answer_oldest(status_answer(200));
  stand.wire.answer_oldest(status_answer(204));
  EXPECT_EQ(stand.turn(), kNever);
  EXPECT_EQ(stand.home_with(Fate::kDelivered), (Keys{1, 2}));
  for (const ParcelPtr& parcel : stand.home.parcels) {
    EXPECT_EQ(parcel->body, nullptr);
    EXPECT_TRUE(parcel->bytes().empty());
  }
  EXPECT_EQ(stand.gauge.held_bytes, 0);
  EXPECT_EQ(stand.gauge.held_lines, 0);
  EXPECT_EQ(stand.gauge.held_parcels, 0);
  EXPECT_EQ(stand.gauge.on_wire, 0);
  EXPECT_TRUE(stand.lane->empty());
  EXPECT_EQ(stand.steward.wakes, 1) << "once per turn, not per parcel";
}

TEST(Lane, CountsWhatItDoesToTheByte) {
  LaneStand stand;
  stand.start();
  stand.ship(3, 100);
  (void)stand.turn();
  WireAnswer busy = status_answer(503);
  busy.took = 7_ms;
  stand.wire.answer_oldest(busy);
  (void)stand.turn_at(stand.turn());
  WireAnswer good = status_answer(200);
  good.took = 5_ms;
  EXPECT_EQ(stand.metrics.healthy.get(), 0);
  stand.wire.answer_oldest(good);
  (void)stand.turn();

  const LaneMetrics& metrics = stand.metrics;
  EXPECT_EQ(metrics.sent_requests.get(), 2);
  EXPECT_EQ(metrics.retries.get(), 1);
  EXPECT_EQ(metrics.delivered_parcels.get(), 1);
  EXPECT_EQ(metrics.delivered_lines.get(), 3);
  EXPECT_EQ(metrics.delivered_raw_bytes.get(), 30);
  EXPECT_EQ(metrics.delivered_encoded_bytes.get(), 51);
  EXPECT_EQ(metrics.delivered_body_bytes.get(), 100);
  EXPECT_EQ(metrics.wire_body_bytes.get(), 200);
  EXPECT_EQ(metrics.answers.get(), 2);
  EXPECT_EQ(metrics.answer_ns_sum.get(), (12_ms).value);
  EXPECT_EQ(metrics.statuses[2].get(), 1);
  EXPECT_EQ(metrics.statuses[5].get(), 1);
  EXPECT_EQ(metrics.healthy.get(), 1);
  EXPECT_EQ(metrics.dropped_lines.get(), 0);
  EXPECT_EQ(metrics.in_flight.get(), 0);
}

// Two permits, parcels of 50 raw bytes, of which 100 may be ahead of an older parcel.
void start_with_short_lead(LaneStand& stand) {
  stand.settings.workers = 2;
  stand.settings.ahead_bytes_max = 100_B;
  stand.settings.retry_min_delay = 100_ms;
  stand.start();
  for (int i = 0; i < 10; ++i) stand.ship(5);
  (void)stand.turn();
}

TEST(Lane, LetsNobodyGetFarAheadOfARequestThatHangs) {
  LaneStand stand;
  start_with_short_lead(stand);
  const uint64_t hangs = stand.wire.open_tickets().front();
  for (int i = 0; i < 2; ++i) {
    stand.wire.answer(stand.wire.open_tickets().back(), status_answer(200));
    (void)stand.turn();
  }
  EXPECT_EQ(stand.requested(), (Keys{1, 2, 3})) << "100 bytes are ahead: parcel 4 waits";
  EXPECT_EQ(stand.turn(), kNever);
  stand.wire.answer(hangs, status_answer(200));
  (void)stand.turn();
  EXPECT_EQ(stand.requested(), (Keys{1, 2, 3, 4, 5}));
}

TEST(Lane, HurriesARefusedParcelOnceWhenOthersAreAhead) {
  LaneStand stand;
  start_with_short_lead(stand);
  stand.wire.answer_oldest(status_answer(503));
  (void)stand.turn();
  for (int i = 0; i < 2; ++i) {
    stand.wire.answer_oldest(status_answer(200));
    (void)stand.turn();
  }
  EXPECT_EQ(stand.requested(), (Keys{1, 2, 3, 1})) << "before its pause ends";
  stand.wire.answer_oldest(status_answer(503));
  const MonoTime again = stand.turn();
  EXPECT_GT(again, stand.now) << "nobody got further ahead: now it sits out its pause";
  EXPECT_EQ(stand.requested(), (Keys{1, 2, 3, 1}));
  (void)stand.turn_at(again);
  stand.wire.answer_oldest(status_answer(200));
  (void)stand.turn();
  EXPECT_EQ(stand.requested(), (Keys{1, 2, 3, 1, 1, 4, 5}));
}

TEST(Lane, BadLuckAloneMakesNoPauseLong) {
  LaneStand stand;
  stand.settings.workers = 2;
  stand.start();
  for (int i = 0; i < 20; ++i) stand.ship(1);
  (void)stand.turn();
  for (int i = 0; i < 8; ++i) {
    stand.wire.answer(stand.wire.open_tickets().back(), status_answer(200));
    stand.wire.answer_oldest(status_answer(503));
    (void)stand.turn();
    const MonoTime due = stand.turn();
    EXPECT_LE(due, stand.now + stand.settings.retry_min_delay * 2) << "attempt " << i;
    (void)stand.turn_at(due);
  }
}

TEST(Lane, AParcelThatIsRefusedForWhatItIsHoldsNobodyBack) {
  LaneStand stand;
  start_with_short_lead(stand);
  stand.wire.answer_oldest(status_answer(400));
  (void)stand.turn();
  for (int i = 0; i < 5; ++i) {
    stand.wire.answer_oldest(status_answer(200));
    (void)stand.turn();
  }
  EXPECT_EQ(stand.requested(), (Keys{1, 2, 3, 4, 5, 6, 7}));
}

TEST(Lane, HoldsItsPermitsWhileADeadReceiverMakesThemBackOff) {
  LaneStand stand;
  stand.settings.workers = 2;
  stand.start();
  for (int i = 0; i < 10; ++i) stand.ship(1);
  MonoTime next = stand.turn();
  for (int i = 0; i < 200; ++i) {
    while (stand.wire.open_count() > 0) {
      stand.wire.answer_oldest(failed_answer(TransportFailure::kConnect));
    }
    next = stand.turn();
    ASSERT_LT(next, kNever) << "the lane wants to try again";
    ASSERT_GT(next, stand.now) << "and not at once";
    ASSERT_LE(next, stand.now + 30_s);
    next = stand.turn_at(next);
    ASSERT_LE(stand.metrics.in_flight.get(), 2);
    ASSERT_EQ(stand.metrics.queue_parcels.get(), 8);
  }
  for (const uint64_t key : stand.requested()) ASSERT_LE(key, 2u) << "the others were never tried";
  EXPECT_TRUE(stand.home.parcels.empty());
  EXPECT_EQ(stand.metrics.statuses[0].get(),
            stand.metrics.sent_requests.get() - static_cast<int64_t>(stand.wire.open_count()));
}

TEST(Lane, SendsARetryThatIsDueBeforeFreshParcels) {
  LaneStand stand;
  stand.settings.workers = 1;
  stand.start();
  stand.ship(1);
  stand.ship(1);
  (void)stand.turn();
  stand.wire.answer_oldest(status_answer(500));
  const MonoTime due = stand.turn();
  EXPECT_GE(due, stand.now + 100_ms);
  EXPECT_LE(due, stand.now + 200_ms);
  (void)stand.turn_at(MonoTime(due.value - 1));
  EXPECT_EQ(stand.requested(), (Keys{1}));
  (void)stand.turn_at(due);
  EXPECT_EQ(stand.requested(), (Keys{1, 1}));
  EXPECT_EQ(stand.wire.requests.back().attempt, 2u);
  stand.wire.answer_oldest(status_answer(200));
  (void)stand.turn();
  EXPECT_EQ(stand.requested(), (Keys{1, 1, 2}));
}

TEST(Lane, WaitsAsLongAsTheDestinationAsks) {
  LaneStand stand;
  stand.start();
  stand.ship(1);
  (void)stand.turn();
  WireAnswer throttle = status_answer(429);
  throttle.retry_after = 50_s;
  stand.wire.answer_oldest(throttle);
  const MonoTime due = stand.turn();
  EXPECT_GE(due, stand.now + 50_s);
  EXPECT_LE(due, stand.now + 55_s);
}

TEST(Lane, HoldsLoudlyWhatOnlyAPersonCanCureAndMovesNothing) {
  LaneStand stand;
  stand.start();
  stand.ship(4);
  (void)stand.turn();
  for (int64_t holds = 1; holds <= 5; ++holds) {
    WireAnswer refused = status_answer(401);
    std::strcpy(refused.text.data(), "bad token s3cr3t");
    stand.wire.answer_oldest(refused);
    const MonoTime due = stand.turn();
    EXPECT_GE(due, stand.now + 27_s);
    EXPECT_LE(due, stand.now + 30_s);
    EXPECT_EQ(stand.metrics.holds.get(), holds);
    (void)stand.turn_at(due);
  }
  EXPECT_TRUE(stand.home.parcels.empty());
  EXPECT_EQ(stand.gauge.held_lines, 4);
  EXPECT_EQ(stand.events.count("lane.credentials:far error"), 5u);
  EXPECT_EQ(stand.events.count("`headers`"), 5u) << "names the remedy";
  EXPECT_EQ(stand.events.count("s3cr3t"), 0u) << "does not repeat what may be the secret";
  stand.wire.answer_oldest(status_answer(200));
  (void)stand.turn();
  EXPECT_EQ(stand.home_with(Fate::kDelivered), (Keys{1}));
}

TEST(Lane, QuotesTheDestinationsWordsOnOneLine) {
  LaneStand stand;
  stand.start();
  stand.ship(4);
  (void)stand.turn();
  WireAnswer refused = status_answer(400);
  std::strcpy(refused.text.data(), "field \"x\"\nunknown\x1b[31m");
  stand.wire.answer_oldest(refused);
  (void)stand.turn();
  EXPECT_EQ(stand.events.count("answer=field \"x\" unknown [31m"), 1u);
}

TEST(Lane, DoesNotTakeASuccessBeforeTheWholeBodyForAnAck) {
  LaneStand stand;
  stand.start();
  stand.ship(1);
  (void)stand.turn();
  WireAnswer early = status_answer(200);
  early.body_sent = false;
  stand.wire.answer_oldest(early);
  (void)stand.turn_at(stand.turn());
  EXPECT_TRUE(stand.home.parcels.empty());
  EXPECT_EQ(stand.requested(), (Keys{1, 1}));
}

TEST(Lane, ReportsAnOutageOnceAndItsEndOnce) {
  LaneStand stand;
  stand.start();
  stand.ship(1);
  MonoTime next = stand.turn();
  for (int i = 0; i < 8; ++i) {
    stand.wire.answer_oldest(failed_answer(TransportFailure::kConnect));
    next = stand.turn();
    next = stand.turn_at(next);
  }
  EXPECT_EQ(stand.events.count("lane.down:far"), 1u);
  EXPECT_EQ(stand.events.count("lane.unreachable:far"), 8u);
  stand.wire.answer_oldest(status_answer(200));
  (void)stand.turn();
  stand.ship(1);
  (void)stand.turn();
  stand.wire.answer_oldest(status_answer(200));
  (void)stand.turn();
  EXPECT_EQ(stand.events.count("lane.up:far"), 1u);
}

TEST(Lane, TriesWaitingParcelsAtOnceWhenTheDestinationIsBack) {
  LaneStand stand;
  stand.settings.workers = 4;
  stand.start();
  for (int i = 0; i < 4; ++i) stand.ship(1);
  (void)stand.turn();
  // The first waits because the destination said so, the second because it is refused itself.
  WireAnswer throttle = status_answer(429);
  throttle.retry_after = 60_s;
  stand.wire.answer_oldest(throttle);
  stand.wire.answer_oldest(status_answer(400));
  stand.wire.answer_oldest(status_answer(401));
  (void)stand.turn();
  EXPECT_EQ(stand.requested().size(), 4u);
  stand.wire.answer_oldest(status_answer(200));
  (void)stand.turn();
  EXPECT_EQ(stand.requested(), (Keys{1, 2, 3, 4, 3}));
}

TEST(Lane, WaitsUntilBytesLinesAndRequestsAllowTheNextAttempt) {
  LaneStand stand;
  stand.settings.workers = 8;
  stand.settings.rate_lines = {10, 20};
  stand.settings.rate_requests = {4, 4};
  stand.settings.rate_bytes = {1000, 1000};
  stand.start();
  for (int i = 0; i < 4; ++i) stand.ship(10, 100);
  const MonoTime started = stand.now;
  MonoTime next = stand.turn();
  EXPECT_EQ(stand.requested(), (Keys{1, 2})) << "a burst of 20 lines";
  EXPECT_EQ(next, started + 1_s);
  for (int i = 0; i < 10; ++i) next = stand.turn_at(started + 10_ms * i);
  EXPECT_EQ(stand.metrics.throttled.get(), 1)
      << "a wait counts once, however often it is looked at";
  (void)stand.turn_at(started + 1_s);
  EXPECT_EQ(stand.requested(), (Keys{1, 2, 3}));
  EXPECT_EQ(stand.metrics.throttled.get(), 2);
  (void)stand.turn_at(started + 2_s);
  EXPECT_EQ(stand.requested(), (Keys{1, 2, 3, 4}));
}

TEST(Lane, PaysForRetriesTooAndLetsNoneOvertakeALargeParcel) {
  LaneStand stand;
  stand.settings.workers = 2;
  stand.settings.rate_bytes = {1000, 1000};
  stand.start();
  stand.ship(1, 500);
  stand.ship(1, 5000);
  stand.ship(1, 1);
  const MonoTime started = stand.now;
  EXPECT_EQ(stand.turn(), started + 500_ms) << "larger than the burst: a full bucket will do";
  EXPECT_EQ(stand.requested(), (Keys{1}));
  stand.wire.answer_oldest(status_answer(500));
  const MonoTime retry_due = stand.turn();
  EXPECT_LE(retry_due, started + 200_ms);
  (void)stand.turn_at(retry_due);
  EXPECT_EQ(stand.requested(), (Keys{1, 1})) << "the retry pays 500 bytes again";
  stand.wire.answer_oldest(status_answer(200));
  const MonoTime next = stand.turn();
  EXPECT_EQ(next, started + 1_s);
  (void)stand.turn_at(next);
  EXPECT_EQ(stand.requested(), (Keys{1, 1, 2}));
  EXPECT_EQ(stand.turn(), started + 5001_ms) << "and its debt is paid before the next byte";
}

TEST(Lane, SendsNothingWhileTheStewardDoesNotTakeParcelsHome) {
  LaneStand stand;
  stand.settings.workers = 2;
  stand.settings.home_room = 2;
  stand.start();
  for (int i = 0; i < 6; ++i) stand.ship(1);
  (void)stand.turn();
  stand.wire.answer_oldest(status_answer(200));
  stand.wire.answer_oldest(status_answer(200));
  const MonoTime next = stand.turn();
  EXPECT_EQ(stand.requested(), (Keys{1, 2})) << "its channel is full of what came home";
  EXPECT_GT(next, stand.now);
  EXPECT_LT(next, stand.now + 1_s) << "the lane looks again by itself";
  stand.home.parcels.clear();
  (void)stand.turn_at(next);
  EXPECT_EQ(stand.requested(), (Keys{1, 2, 3, 4}));
}

TEST(Lane, ReturnsWhenTheWireWantsToBeCalled) {
  LaneStand stand;
  stand.start();
  stand.wire.wants = stand.now + 40_ms;
  EXPECT_EQ(stand.turn(), stand.now + 40_ms);
}

TEST(Lane, NeverDropsAnythingWhenThePolicyIsToBlock) {
  LaneStand stand;
  stand.gauge.lines_max = 1;
  stand.gauge.bytes_max = 1;
  stand.start();
  for (int i = 0; i < 50; ++i) stand.ship(10);
  (void)stand.turn();
  EXPECT_TRUE(stand.home.parcels.empty());
  EXPECT_EQ(stand.metrics.queue_parcels.get(), 46);
}

class DroppingLane : public ::testing::Test {
 protected:
  DroppingLane() {
    stand.gauge.drop_oldest = true;
    stand.gauge.lines_max = 100;
    stand.settings.workers = 1;
  }
  LaneStand stand;
};

TEST_F(DroppingLane, GivesUpTheOldestWaitingLinesAndCountsThemToTheLine) {
  stand.start();
  stand.ship(40);
  stand.ship(33);
  stand.ship(27);
  (void)stand.turn();
  EXPECT_TRUE(stand.home.parcels.empty()) << "100 lines fit";
  stand.ship(1);
  (void)stand.turn();
  EXPECT_EQ(stand.home_with(Fate::kDropped), (Keys{2})) << "the first is on the wire";
  EXPECT_EQ(stand.metrics.dropped_lines.get(), 33);
  EXPECT_EQ(stand.metrics.dropped_raw_bytes.get(), 330);
  EXPECT_EQ(stand.metrics.dropped_parcels.get(), 1);
  EXPECT_EQ(stand.gauge.held_lines, 68);
  EXPECT_EQ(stand.events.count("lane.dropped:far"), 1u);
}

TEST_F(DroppingLane, GivesUpAParcelThatBacksOffFirstBecauseItIsOlder) {
  stand.start();
  stand.ship(40);
  stand.ship(40);
  (void)stand.turn();
  stand.wire.answer_oldest(status_answer(500));
  (void)stand.turn();
  stand.ship(40);
  (void)stand.turn();
  EXPECT_EQ(stand.home_with(Fate::kDropped), (Keys{1}));
  EXPECT_EQ(stand.requested(), (Keys{1, 2})) << "its permit is used in the same turn";
}

TEST_F(DroppingLane, BoundsBytesAndParcelsToo) {
  stand.gauge.bytes_max = 1000;
  stand.gauge.lines_max = 0;
  stand.start();
  for (int i = 0; i < 5; ++i) stand.ship(1, 300);
  (void)stand.turn();
  EXPECT_EQ(stand.home_with(Fate::kDropped), (Keys{2, 3}));
  stand.gauge.parcels_max = 2;
  (void)stand.turn();
  EXPECT_EQ(stand.home_with(Fate::kDropped), (Keys{2, 3, 4, 5}))
      << "a shard that finds no room for a parcel would block, and the policy is not to";
}

TEST_F(DroppingLane, DropsNothingWhileTheStewardDoesNotTakeParcelsHome) {
  stand.settings.home_room = 1;
  stand.start();
  for (int i = 0; i < 3; ++i) stand.ship(60);
  (void)stand.turn();
  EXPECT_EQ(stand.home_with(Fate::kDropped).size(), 2u);
  for (int i = 0; i < 3; ++i) stand.ship(60);
  const MonoTime next = stand.turn();
  EXPECT_EQ(stand.home.parcels.size(), 2u);
  stand.home.parcels.clear();
  (void)stand.turn_at(next);
  EXPECT_EQ(stand.home_with(Fate::kDropped).size(), 3u);
}

TEST_F(DroppingLane, KeepsTheLastParcelEvenIfItAloneIsOverTheLimit) {
  stand.start();
  stand.ship(1000);
  (void)stand.turn();
  stand.wire.answer_oldest(status_answer(500));
  const MonoTime due = stand.turn();
  EXPECT_TRUE(stand.home.parcels.empty());
  (void)stand.turn_at(due);
  stand.wire.answer_oldest(status_answer(200));
  (void)stand.turn();
  EXPECT_EQ(stand.home_with(Fate::kDelivered), (Keys{1}));
}

TEST(LaneStop, DeliversUntilTheDeadlineAndGivesBackTheRestOnce) {
  LaneStand stand;
  stand.settings.workers = 2;
  stand.start();
  for (int i = 0; i < 5; ++i) stand.ship(2);
  (void)stand.turn();
  const MonoTime deadline = stand.now + 5_s;
  stand.lane->begin_stop(stand.now, deadline);
  stand.wire.answer_oldest(status_answer(200));
  stand.wire.answer_oldest(status_answer(500));
  (void)stand.turn();
  EXPECT_EQ(stand.home_with(Fate::kDelivered), (Keys{1}));
  EXPECT_EQ(stand.requested(), (Keys{1, 2, 3})) << "fresh parcels still go";

  stand.turn_at(stand.now + 1_s);
  EXPECT_EQ(stand.turn(), deadline);
  EXPECT_EQ(stand.requested(), (Keys{1, 2, 3, 2})) << "and so do retries";
  EXPECT_FALSE(stand.lane->empty());
  (void)stand.turn_at(deadline);
  EXPECT_TRUE(stand.lane->empty());
  EXPECT_EQ(stand.home.parcels.size(), 5u);
  EXPECT_EQ(stand.home_with(Fate::kUndelivered).size(), 4u);
  EXPECT_EQ(stand.gauge.held_bytes, 0);
  EXPECT_EQ(stand.gauge.held_lines, 0);
  EXPECT_EQ(stand.metrics.delivered_lines.get(), 2);
  EXPECT_EQ(stand.metrics.dropped_lines.get(), 0);
  EXPECT_EQ(stand.events.count("lane.undelivered:far"), 1u);
  EXPECT_EQ(stand.events.count("lines=8"), 1u);
  EXPECT_EQ(stand.events.count("lane.abandoned"), 0u) << "giving up is not news of the destination";
  EXPECT_EQ(stand.turn(), kNever);
}

TEST(LaneStop, CutsPausesShortSoThatAReceiverThatIsBackGetsItsLines) {
  LaneStand stand;
  stand.start();
  stand.ship(1);
  (void)stand.turn();
  stand.wire.answer_oldest(status_answer(404));
  (void)stand.turn();
  EXPECT_EQ(stand.requested().size(), 1u);
  stand.lane->begin_stop(stand.now, stand.now + 5_s);
  (void)stand.turn();
  EXPECT_EQ(stand.requested().size(), 2u);
}

TEST(LaneStop, SendsHomeWhatArrivesAfterTheEnd) {
  LaneStand stand;
  stand.start();
  stand.lane->give_back_all();
  stand.ship(1);
  EXPECT_FALSE(stand.lane->empty()) << "it is on its way from the shard";
  (void)stand.turn();
  EXPECT_EQ(stand.home_with(Fate::kUndelivered), (Keys{1}));
  EXPECT_TRUE(stand.requested().empty());
  EXPECT_TRUE(stand.lane->empty());
}

TEST(LaneStop, BelievesAnAnswerThatWasThereBeforeTheEnd) {
  LaneStand stand;
  stand.start();
  stand.ship(1);
  stand.ship(1);
  (void)stand.turn();
  stand.lane->begin_stop(stand.now, stand.now + 1_s);
  stand.wire.answer_oldest(status_answer(200));
  (void)stand.turn_at(stand.now + 2_s);
  EXPECT_EQ(stand.home_with(Fate::kDelivered), (Keys{1}));
  EXPECT_EQ(stand.home_with(Fate::kUndelivered), (Keys{2}));
}

TEST(LaneDeathTest, StopsTheProgramWhenAParcelWouldComeHomeASecondTime) {
  LaneStand stand;
  stand.start();
  stand.ship(1);
  (void)stand.turn();
  stand.wire.answer_oldest(status_answer(200));
  (void)stand.turn();
  stand.arriving.parcels.push_back(std::move(stand.home.parcels.front()));
  (void)stand.turn();
  stand.wire.answer_oldest(status_answer(200));
  EXPECT_DEATH((void)stand.turn(), "comes home once");
}

}  // namespace
}  // namespace sluice
