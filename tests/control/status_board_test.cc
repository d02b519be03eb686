// SPDX-License-Identifier: Apache-2.0
#include "control/status_board.h"

#include <gtest/gtest.h>

#include <atomic>
#include <thread>

namespace sluice {
namespace {

constexpr Duration kLong(10'000'000'000);
constexpr Duration kShort(20'000'000);

// A steward that surveys whenever it is woken, and counts.
class TestSteward {
 public:
  TestSteward() : board([this] { wake(); }), thread_([this] { run(); }) {}
  ~TestSteward() {
    stop_ = true;
    wake();
    thread_.join();
  }

  std::atomic<int64_t> truth{0};
  std::atomic<int> surveys{0};
  StatusBoard board;

 private:
  void wake() {
    wakes_.fetch_add(1);
    wakes_.notify_all();
  }
  void run() {
    int seen = 0;
    while (!stop_) {
      wakes_.wait(seen);
      seen = wakes_.load();
      if (!board.survey_wanted()) continue;
      const uint64_t ticket = board.begin_survey();
      AgentStatus status;
      status.lag = Bytes(truth.load());
      surveys.fetch_add(1);
      board.publish(status, ticket);
    }
  }

  std::atomic<int> wakes_{0};
  std::atomic<bool> stop_{false};
  std::thread thread_;
};

TEST(StatusBoard, AnswersWithASurveyThatBeganAfterTheQuestion) {
  TestSteward steward;
  for (int64_t n = 1; n <= 500; ++n) {
    steward.truth = n;
    const StatusBoard::Reading reading = steward.board.survey(kLong);
    ASSERT_TRUE(reading.fresh);
    ASSERT_EQ(reading.status.lag, Bytes(n));
  }
}

TEST(StatusBoard, DoesNotTakeASurveyThatBeganBeforeTheQuestion) {
  StatusBoard board([] {});
  const uint64_t old_ticket = board.begin_survey();
  std::thread late([&] {
    while (!board.survey_wanted()) std::this_thread::yield();
    board.publish({.lag = Bytes(1)}, old_ticket);
  });
  const StatusBoard::Reading reading = board.survey(kShort);
  EXPECT_FALSE(reading.fresh);
  late.join();
}

TEST(StatusBoard, GivesTheOldStatusAndItsAgeWhenTheStewardIsSilent) {
  StatusBoard board([] {});
  EXPECT_EQ(board.survey(kShort).age, StatusBoard::kNoSurvey);
  board.publish({.phase = AgentPhase::kRunning, .lag = Bytes(7)}, board.begin_survey());
  const StatusBoard::Reading reading = board.survey(kShort);
  EXPECT_FALSE(reading.fresh);
  EXPECT_EQ(reading.status.lag, Bytes(7));
  EXPECT_GE(reading.age, kShort);
  EXPECT_LT(reading.age, kLong);
  EXPECT_TRUE(board.survey_wanted());
}

TEST(StatusBoard, ServesManyAskersAtOnce) {
  TestSteward steward;
  steward.truth = 42;
  std::vector<std::thread> askers;
  std::atomic<int> fresh{0};
  for (int i = 0; i < 8; ++i) {
    askers.emplace_back([&] {
      for (int n = 0; n < 50; ++n) {
        const auto reading = steward.board.survey(kLong);
        if (reading.fresh && reading.status.lag == Bytes(42)) ++fresh;
      }
    });
  }
  for (std::thread& asker : askers) asker.join();
  EXPECT_EQ(fresh, 8 * 50);
  EXPECT_LE(steward.surveys, 8 * 50);
}

TEST(StatusBoard, WantsNothingWhenNobodyAsks) {
  StatusBoard board([] {});
  EXPECT_FALSE(board.survey_wanted());
  board.survey(Duration(0));
  EXPECT_TRUE(board.survey_wanted());
  board.begin_survey();
  EXPECT_FALSE(board.survey_wanted());
}

}  // namespace
}  // namespace sluice
