// SPDX-License-Identifier: Apache-2.0
// endpoint_choice_test.cc — who gets the next request, and what the lane sees of it.
#include <gtest/gtest.h>

#include <algorithm>

#include "flow/deliver/endpoint_choice.h"
#include "flow/deliver/several_endpoints.h"
#include "lane_stand.h"
#include "scripted_wire.h"

namespace sluice {
namespace {

using Change = EndpointChoice::Change;
constexpr MonoTime kStart{1'000'000'000'000};
constexpr Duration kSecond{1'000'000'000};

class EndpointChoiceTest : public ::testing::Test {
 protected:
  // The choice, answered at once.
  size_t ask(EndpointChoice& choice, const WireAnswer& answer, MonoTime now = kStart) {
    const size_t chosen = choice.choose(now);
    last = choice.answered(chosen, answer, judge(answer), now);
    return chosen;
  }

  Change last = Change::kNone;
  const WireAnswer good = status_answer(200);
  const WireAnswer busy = status_answer(503);
  const WireAnswer refused = failed_answer(TransportFailure::kConnect);
};

TEST_F(EndpointChoiceTest, FailoverAsksTheFirstAslongAsItTakesRequests) {
  EndpointChoice choice(3, EndpointBalance::kFailover, 1);
  for (int i = 0; i < 5; ++i) EXPECT_EQ(ask(choice, good), 0u);
  EXPECT_EQ(choice.healthy(), 3u);
}

TEST_F(EndpointChoiceTest, OneThatCannotBeReachedIsGivenUpAtOnce) {
  EndpointChoice choice(2, EndpointBalance::kFailover, 1);
  EXPECT_EQ(ask(choice, refused), 0u);
  EXPECT_EQ(last, Change::kGivenUp);
  EXPECT_EQ(ask(choice, good), 1u);
  EXPECT_EQ(choice.healthy(), 1u);
}

TEST_F(EndpointChoiceTest, OneThatFailsIsGivenUpAfterThreeInARow) {
  EndpointChoice choice(2, EndpointBalance::kFailover, 1);
  EXPECT_EQ(ask(choice, busy), 0u);
  EXPECT_EQ(ask(choice, busy), 0u);
  EXPECT_EQ(ask(choice, good), 0u) << "a success between them";
  EXPECT_EQ(ask(choice, busy), 0u);
  EXPECT_EQ(ask(choice, busy), 0u);
  EXPECT_EQ(last, Change::kNone);
  EXPECT_EQ(ask(choice, busy), 0u);
  EXPECT_EQ(last, Change::kGivenUp);
  EXPECT_EQ(ask(choice, good), 1u);
}

TEST_F(EndpointChoiceTest, ABodyThatIsRefusedSaysNothingAboutTheEndpoint) {
  EndpointChoice choice(2, EndpointBalance::kFailover, 1);
  for (int i = 0; i < 10; ++i) EXPECT_EQ(ask(choice, status_answer(400)), 0u);
  for (int i = 0; i < 10; ++i) EXPECT_EQ(ask(choice, status_answer(413)), 0u);
  for (int i = 0; i < 10; ++i)
    EXPECT_EQ(ask(choice, failed_answer(TransportFailure::kAbandoned)), 0u);
  EXPECT_EQ(choice.healthy(), 2u);
}

TEST_F(EndpointChoiceTest, OneRequestAtATimeTriesWhatWasGivenUp) {
  EndpointChoice choice(2, EndpointBalance::kFailover, 1);
  ask(choice, refused);
  const MonoTime later = kStart + EndpointChoice::kFirstPause;
  EXPECT_EQ(choice.choose(later), 0u) << "half open";
  EXPECT_EQ(choice.choose(later), 1u) << "but for one only";
  EXPECT_EQ(choice.answered(0, good, judge(good), later), Change::kCameBack);
  EXPECT_EQ(choice.choose(later), 0u);
}

TEST_F(EndpointChoiceTest, ThePausesDoubleUpToAMinute) {
  EndpointChoice choice(2, EndpointBalance::kFailover, 7);
  MonoTime now = kStart;
  Duration expected = EndpointChoice::kFirstPause;
  for (int i = 0; i < 12; ++i) {
    ASSERT_EQ(ask(choice, refused, now), 0u) << i;
    // Never before half of the pause, always after the whole of it.
    EXPECT_EQ(ask(choice, good, now + expected / 2 - Duration(1)), 1u) << i;
    now = now + expected;
    expected = std::min(expected * 2, EndpointChoice::kLongestPause);
  }
}

TEST_F(EndpointChoiceTest, FailuresOfRequestsThatWereOpenAlreadyDoNotStretchThePause) {
  EndpointChoice choice(2, EndpointBalance::kFailover, 1);
  for (int i = 0; i < 8; ++i) ASSERT_EQ(choice.choose(kStart), 0u);
  for (int i = 0; i < 8; ++i) choice.answered(0, refused, judge(refused), kStart);
  EXPECT_EQ(choice.choose(kStart + EndpointChoice::kFirstPause), 0u);
}

TEST_F(EndpointChoiceTest, ARetryAfterIsKeptByTheEndpointThatNamedIt) {
  EndpointChoice choice(2, EndpointBalance::kFailover, 1);
  WireAnswer later = status_answer(429);
  later.retry_after = kSecond * 90;
  EXPECT_EQ(ask(choice, later), 0u);
  EXPECT_EQ(ask(choice, good, kStart + kSecond * 80), 1u);
  EXPECT_EQ(ask(choice, good, kStart + kSecond * 90), 0u);
}

TEST_F(EndpointChoiceTest, SpreadAsksTheLeastBusyAndTakesTurns) {
  EndpointChoice choice(3, EndpointBalance::kSpread, 1);
  EXPECT_EQ(choice.choose(kStart), 0u);
  EXPECT_EQ(choice.choose(kStart), 1u);
  EXPECT_EQ(choice.choose(kStart), 2u);
  choice.answered(1, good, judge(good), kStart);
  EXPECT_EQ(choice.choose(kStart), 1u);
  EXPECT_EQ(choice.choose(kStart), 2u);
  EXPECT_EQ(choice.choose(kStart), 0u);
}

TEST_F(EndpointChoiceTest, WithAllGivenUpTheOneWhosePauseEndsFirstIsAsked) {
  for (const EndpointBalance balance : {EndpointBalance::kFailover, EndpointBalance::kSpread}) {
    EndpointChoice choice(2, balance, 1);
    WireAnswer later = status_answer(503);
    later.retry_after = kSecond * 100;
    EXPECT_EQ(ask(choice, later), 0u);
    EXPECT_EQ(ask(choice, refused), 1u);
    EXPECT_EQ(choice.healthy(), 0u);
    EXPECT_EQ(ask(choice, refused), 1u);
    EXPECT_EQ(ask(choice, good), 1u);
    EXPECT_EQ(last, Change::kCameBack);
  }
}

// A lane whose destination has two endpoints.
class SeveralEndpointsTest : public ::testing::Test {
 protected:
  SeveralEndpointsTest() {
    std::vector<NamedWire> wires;
    for (ScriptedWire*& each : endpoints_) {
      auto wire = std::make_unique<ScriptedWire>();
      each = wire.get();
      wires.push_back({each == endpoints_[0] ? "http://a/" : "http://b/", std::move(wire)});
    }
    wire_ = std::make_unique<SeveralEndpoints>(
        "d", std::move(wires), EndpointChoice(2, EndpointBalance::kFailover, 1), events_, metrics_);
  }

  WireAnswer send_and_answer(size_t to, const WireAnswer& with) {
    wire_->send(parcel_, ++ticket_, now_);
    EXPECT_EQ(endpoints_[to]->open_count(), 1u);
    endpoints_[to]->answer(ticket_, with);
    wire_->turn(now_);
    std::array<WireAnswer, 4> answers;
    EXPECT_EQ(wire_->reap(answers), 1u);
    EXPECT_EQ(answers[0].ticket, ticket_);
    return answers[0];
  }

  std::array<ScriptedWire*, 2> endpoints_{};
  RecordedEvents events_;
  LaneMetrics metrics_;
  std::unique_ptr<SeveralEndpoints> wire_;
  Parcel parcel_;
  uint64_t ticket_ = 0;
  MonoTime now_ = kStart;
};

TEST_F(SeveralEndpointsTest, TheNextRequestGoesToTheOtherAndBackAgain) {
  EXPECT_EQ(send_and_answer(0, failed_answer(TransportFailure::kConnect)).failure,
            TransportFailure::kConnect)
      << "the lane hears of it and sends again";
  EXPECT_EQ(events_.count("endpoint_given_up"), 1u);
  EXPECT_EQ(metrics_.endpoints_given_up.get(), 1);
  EXPECT_EQ(metrics_.endpoints_healthy.get(), 1);
  EXPECT_EQ(send_and_answer(1, status_answer(200)).status, 200);
  now_ = now_ + EndpointChoice::kFirstPause;
  EXPECT_EQ(send_and_answer(0, status_answer(200)).status, 200);
  EXPECT_EQ(events_.count("endpoint_back"), 1u);
  EXPECT_EQ(metrics_.endpoints_healthy.get(), 2);
}

TEST_F(SeveralEndpointsTest, ARetryAfterReachesTheLaneOnlyFromTheLastOne) {
  WireAnswer later = status_answer(503);
  later.retry_after = kSecond * 30;
  EXPECT_LT(send_and_answer(0, later).retry_after, Duration(0)) << "the other is there";
  EXPECT_EQ(send_and_answer(1, later).retry_after, kSecond * 30);
}

TEST_F(SeveralEndpointsTest, TheNextTurnIsTheSoonestOfAll) {
  endpoints_[0]->wants = now_ + kSecond * 2;
  endpoints_[1]->wants = now_ + kSecond;
  EXPECT_EQ(wire_->turn(now_), now_ + kSecond);
}

}  // namespace
}  // namespace sluice
