// SPDX-License-Identifier: Apache-2.0
#include "flow/deliver/send_window.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <queue>
#include <random>
#include <vector>

namespace sluice {
namespace {

using namespace literals;
using Sign = SendWindow::Sign;

// A receiver with `servers` that each take `service` for a request, behind a road of `road`; a
// sender with always more to send. Virtual time, one event per answer.
class World {
 public:
  World(SendWindow& window, int32_t servers, Duration service, Duration road)
      : window_(window), free_at_(static_cast<size_t>(servers)), service_(service), road_(road) {}

  void jitter(double share) { jitter_ = share; }
  // One answer in ten takes ten times as long.
  void stall() {
    jitter_ = 1;
    slow_share_ = 0.1;
  }
  // Requests that find more than this many open are refused.
  void refuse_above(int32_t open) { refuse_above_ = open; }
  void change(int32_t servers, Duration service) {
    free_at_.assign(static_cast<size_t>(servers), now_);
    service_ = service;
  }

  // Requests taken per second of virtual time.
  double run(Duration span) {
    const MonoTime end = now_ + span;
    int64_t taken = 0;
    limits_.clear();
    while (now_ < end) {
      while (static_cast<int32_t>(open_.size()) < window_.limit()) send();
      const Answer answer = open_.top();
      now_ = answer.at;
      taken += answer.sign == Sign::kFine;
      window_.answered(answer.sign, answer.at - answer.sent, static_cast<int32_t>(open_.size()),
                       now_);
      open_.pop();
      limits_.push_back(window_.limit());
    }
    return static_cast<double>(taken) * 1e9 / static_cast<double>(span.value);
  }

  int32_t median_limit() {
    std::nth_element(limits_.begin(), limits_.begin() + static_cast<int64_t>(limits_.size() / 2),
                     limits_.end());
    return limits_[limits_.size() / 2];
  }
  int32_t largest_limit() const { return *std::max_element(limits_.begin(), limits_.end()); }

 private:
  struct Answer {
    MonoTime at;
    MonoTime sent;
    Sign sign;
    bool operator<(const Answer& other) const { return at > other.at; }
  };

  void send() {
    if (static_cast<int32_t>(open_.size()) >= refuse_above_) {
      open_.push({now_ + road_, now_, Sign::kOverloaded});
      return;
    }
    auto server = std::min_element(free_at_.begin(), free_at_.end());
    std::uniform_real_distribution<double> spread(1 - jitter_, 1 + jitter_);
    const double slow = slow_share_ > 0 && spread(random_) > 2 * (1 - slow_share_) ? 10 : 1;
    const Duration work(
        static_cast<int64_t>(static_cast<double>(service_.value) * slow * spread(random_)));
    *server = std::max(*server, now_) + work;
    open_.push({*server + road_, now_, Sign::kFine});
  }

  SendWindow& window_;
  std::vector<MonoTime> free_at_;
  Duration service_;
  Duration road_;
  double jitter_ = 0;
  double slow_share_ = 0;
  int32_t refuse_above_ = INT32_MAX;
  MonoTime now_ = MonoTime(0) + 1_s;
  std::priority_queue<Answer> open_;
  std::vector<int32_t> limits_;
  std::mt19937_64 random_{7};
};

TEST(SendWindow, IsConstantWhenANumberWasAskedFor) {
  SendWindow window(4, false);
  World(window, 1, 50_ms, 0_ms).run(10_s);
  EXPECT_EQ(window.limit(), 4);
}

TEST(SendWindow, OpensUntilAFarReceiverIsUsedToTheFull) {
  SendWindow window(32, true);
  World world(window, 16, 20_ms, 80_ms);
  EXPECT_GT(world.run(3_s), 0.8 * 16 / 0.1) << "it opens by doubling";
  EXPECT_EQ(window.limit(), 32) << "more than 16 do not slow down the answers by half";
}

TEST(SendWindow, KeepsAReceiverBusyWithoutALongQueueInIt) {
  for (const int32_t servers : {1, 2, 4, 8}) {
    for (const double jitter : {0.0, 0.5}) {
      SendWindow window(64, true);
      World world(window, servers, 20_ms, 1_ms);
      world.jitter(jitter);
      world.run(20_s);
      const double rate = world.run(3600_s);
      EXPECT_GE(rate, 0.95 * servers / 0.02) << servers << " servers, jitter " << jitter;
      EXPECT_GE(world.median_limit(), servers);
      EXPECT_LE(world.median_limit(), 4 * servers + 2) << servers << " servers, jitter " << jitter;
      EXPECT_LE(world.largest_limit(), 5 * servers + 2) << "it does not creep";
    }
  }
}

TEST(SendWindow, IsNotShutByAReceiverWhoseAnswersAreErratic) {
  SendWindow erratic(16, true);
  World world(erratic, 16, 20_ms, 1_ms);
  world.stall();
  world.run(20_s);
  const double rate = world.run(600_s);
  SendWindow fixed(16, false);
  World same(fixed, 16, 20_ms, 1_ms);
  same.stall();
  EXPECT_GE(rate, 0.75 * same.run(600_s));
}

TEST(SendWindow, FollowsAReceiverThatBecomesWeakerAndStrongerAgain) {
  SendWindow window(64, true);
  World world(window, 8, 20_ms, 1_ms);
  world.run(60_s);
  EXPECT_GE(world.median_limit(), 8);
  world.change(2, 20_ms);
  world.run(30_s);
  EXPECT_LE(world.median_limit(), 8);
  world.change(16, 20_ms);
  world.run(60_s);
  world.run(60_s);
  EXPECT_GE(world.median_limit(), 16);
}

TEST(SendWindow, FollowsAReceiverWhoseAnswersTakeLongerForEver) {
  SendWindow window(16, true);
  World world(window, 16, 5_ms, 1_ms);
  world.run(30_s);
  world.change(16, 50_ms);
  world.run(120_s);
  const double rate = world.run(60_s);
  EXPECT_GE(rate, 0.9 * 16 / 0.051) << "ten times as slow is the new idle time";
}

TEST(SendWindow, StaysBelowWhatTheReceiverRefuses) {
  SendWindow window(64, true);
  World world(window, 64, 20_ms, 1_ms);
  world.refuse_above(10);
  world.run(10_s);
  const double rate = world.run(60_s);
  EXPECT_GT(rate, 0.6 * 10 / 0.021);
  EXPECT_LE(world.largest_limit(), 11);
}

TEST(SendWindow, HalvesOnceForABurstOfRefusals) {
  SendWindow window(16, true);
  World world(window, 64, 20_ms, 1_ms);
  world.run(2_s);
  ASSERT_EQ(window.limit(), 16);
  const MonoTime burst = MonoTime(0) + 100_s;
  for (int i = 0; i < 16; ++i) window.answered(Sign::kOverloaded, 5_ms, 16 - i, burst);
  EXPECT_EQ(window.limit(), 8);
}

TEST(SendWindow, ComesDownToOneAndComesBack) {
  SendWindow window(16, true);
  World world(window, 64, 20_ms, 1_ms);
  world.run(2_s);
  MonoTime now = MonoTime(0) + 100_s;
  for (int i = 0; i < 10; ++i, now = now + 1_s) window.answered(Sign::kOverloaded, 5_ms, 1, now);
  EXPECT_EQ(window.limit(), 1);
  for (int i = 0; i < 120; ++i, now = now + 1_s) {
    window.answered(Sign::kFine, 21_ms, window.limit(), now);
  }
  EXPECT_GE(window.limit(), 10);
}

TEST(SendWindow, DoesNotOpenWhenItIsNotWhatLimitsTheSending) {
  SendWindow window(16, true);
  MonoTime now = MonoTime(0) + 1_s;
  for (int i = 0; i < 100; ++i, now = now + 1_s) window.answered(Sign::kFine, 5_ms, 1, now);
  EXPECT_LE(window.limit(), 2);
}

TEST(SendWindow, LearnsNothingFromABodyThatIsRefusedForItself) {
  SendWindow window(16, true);
  World world(window, 64, 20_ms, 1_ms);
  world.run(2_s);
  const MonoTime later = MonoTime(0) + 100_s;
  for (int i = 0; i < 100; ++i) window.answered(Sign::kNoSign, 5_ms, 16, later + Duration(i));
  EXPECT_EQ(window.limit(), 16);
}

}  // namespace
}  // namespace sluice
