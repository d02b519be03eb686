// SPDX-License-Identifier: Apache-2.0
// Receivers that fail, and disks under the agent: the rows SNK and DSK that play in the simulated
// world. Bytes on sockets are tried on the real program (tests/e2e/test_sinks*.py).
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <string>

#include "scene.h"

namespace sluice::sim {
namespace {

using namespace literals;

// Lines wait for so long at a receiver in this weather, are never given up, and come once.
void waits_out(Weather weather, Duration how_long, Duration retry_max_delay) {
  play(
      [&](Scene& s) {
        s.start();
        s.write("a.log", 20);
        s.run_until_delivered();
        s.receiver(weather);
        s.write("a.log", 30);
        s.write("b.log", 5);
        s.run(how_long);
        EXPECT_EQ(s.sum(&LaneMetrics::dropped_lines), 0);
        EXPECT_GT(s.lines_missing(), 0) << "nothing of it arrived";
        s.receiver_up();
        s.run_until_delivered(retry_max_delay * 2 + 10_s);
        s.expect_ok();
      },
      [&](Plan& plan) {
        plan.reconcile_interval = std::max(plan.reconcile_interval, Duration(10_s));
        plan.retry_max_delay = retry_max_delay;
        // Or a day has millions of turns.
        plan.tick = std::max(plan.tick, retry_max_delay / 20);
        plan.credit_retry = plan.tick;
      });
}

TEST(Scenes, SNK_1_ten_minutes_of_refused_connections_lose_and_repeat_nothing) {
  play([](Scene& s) {
    s.start();
    s.write("a.log", 20);
    s.run_until_delivered();
    s.receiver_down();
    const int64_t before = s.sum(&LaneMetrics::sent_requests);
    for (int i = 0; i < 60; ++i) {
      s.write("a.log", 2);
      s.run(10_s);
    }
    // Two workers, each on average once in half of the longest pause.
    const int64_t tried = s.sum(&LaneMetrics::sent_requests) - before;
    EXPECT_LT(tried, 2 * 600 * 4);
    EXPECT_GT(tried, 100);
    s.receiver_up();
    s.run_until_delivered();
    s.expect_ok();
  });
}

TEST(Scenes, SNK_6_a_day_of_503_drops_nothing) {
  waits_out(Weather::kUnavailable, 86'400_s, 60_s);
}

TEST(Scenes, SNK_7_an_hour_of_429_with_pauses_of_its_own_drops_nothing) {
  waits_out(Weather::kThrottled, 3600_s, 5_s);
}

TEST(Scenes, SNK_9_an_hour_without_valid_credentials_holds) {
  waits_out(Weather::kLockedOut, 3600_s, 5_s);
}

TEST(Scenes, SNK_11_an_hour_at_a_wrong_route_holds) {
  waits_out(Weather::kMisrouted, 3600_s, 5_s);
}

TEST(Scenes, SNK_22_stored_and_answered_too_late_exactly_those_lines_come_twice) {
  play([](Scene& s) {
    s.start();
    s.write("a.log", 20);
    s.run_until_delivered();
    s.receiver(Weather::kSilent);
    s.write("a.log", 10);
    s.run(1_s);
    s.receiver_up();
    s.run_until_delivered();
    s.run(10_s);
    // At most the workers' requests were out there, and each of their lines twice.
    std::map<std::string, int> times;
    for (const StoredRecord& each : s.records())
      ++times[fmt::format("{} {}", each.destination, each.record.line)];
    for (const auto& [line, count] : times) EXPECT_LE(count, 2) << line;
    s.expect_no_loss(s.bytes_repeated());
  });
}

TEST(Scenes, SNK_23_killed_with_a_later_request_acked_the_earlier_one_is_sent_again) {
  play(
      [](Scene& s) {
        s.start();
        s.write("a.log", 60);
        s.run_until([&] { return s.lines_stored() >= 5; }, 10_s);
        s.run(1_s);  // checkpoints pass; the oracle looks at each stored offset (I1)
        const int64_t risk = s.kill();
        s.start();
        s.run_until_delivered();
        s.expect_no_loss(risk);
      },
      [](Plan& plan) {
        plan.destinations[0].batch_lines = 2;
        plan.destinations[0].workers = 4;
        plan.answer_delay_max = 400_ms;
        plan.request_fault = 0;
      });
}

TEST(Scenes, SNK_24_of_two_receivers_one_is_down_and_the_other_does_not_feel_it) {
  play(
      [](Scene& s) {
        s.receiver_down();
        s.start();
        for (int i = 0; i < 50; ++i) {
          s.write("a.log", 4);
          s.run(200_ms);
        }
        s.run_until([&] { return s.lines_stored(1) >= 200; }, 5_s);
        EXPECT_EQ(s.lines_stored(1), 200);
        EXPECT_EQ(s.lines_stored(0), 0);
        // What is stored about positions is of each destination for itself.
        s.stop();
        s.receiver_up();
        s.start();
        s.run_until_delivered();
        s.expect_ok();
      },
      [](Plan& plan) {
        if (plan.destinations.size() == 1) plan.destinations.push_back(plan.destinations[0]);
        plan.destinations[1].ordered = false;
      });
}

TEST(Scenes, SNK_25_up_for_a_second_and_down_for_a_second_ten_minutes_long) {
  play([](Scene& s) {
    s.start();
    for (int i = 0; i < 300; ++i) {
      s.receiver_up();
      s.write("a.log", 1);
      s.run(1_s);
      s.receiver_down();
      s.write("a.log", 1);
      s.run(1_s);
    }
    s.receiver_up();
    s.run_until_delivered();
    s.expect_ok();
  });
}

TEST(Scenes, DSK_2_without_room_for_positions_lines_go_on_and_a_kill_repeats_since_the_last_one) {
  play([](Scene& s) {
    s.start();
    s.write("a.log", 20);
    s.run_until_delivered();
    s.run(2_s);  // they are stored
    s.store_full(true);
    s.write("a.log", 30);
    s.run_until_delivered();
    s.run(5_s);
    EXPECT_GT(s.sum(&StewardMetrics::checkpoint_errors), 0);
    const int64_t risk = s.kill();
    s.store_full(false);
    s.start();
    s.run_until_delivered();
    s.run(2_s);
    s.expect_no_loss(risk);
  });
}

TEST(Scenes, DSK_11_a_bad_sector_of_one_file_holds_that_file_alone) {
  play(
      [](Scene& s) {
        s.start();
        s.write("a.log", 20);
        s.write("b.log", 20);
        s.run_until_delivered();
        const size_t bad = s.content("a.log").size() + 50;
        s.write("a.log", 20);
        const Inode* file = s.disk().find("/logs/a.log");
        s.disk().bad_sector = [file, bad](const Inode& inode, FileOffset from, size_t bytes) {
          const auto begin = static_cast<size_t>(from.value);
          return &inode == file && begin <= bad && bad < begin + bytes;
        };
        const int64_t errors = s.sum(&ShardMetrics::read_errors);
        for (int i = 0; i < 30; ++i) {
          s.write("b.log", 2);
          s.run(1_s);
        }
        EXPECT_EQ(s.lines_of("b.log").size(), 80u);
        EXPECT_LT(s.lines_of("a.log").size(), 40u);
        const int64_t tried = s.sum(&ShardMetrics::read_errors) - errors;
        EXPECT_GT(tried, 2) << "it is tried again";
        EXPECT_LT(tried, 1000) << "and not in a hurry";
        s.disk().bad_sector = nullptr;
        s.run_until_delivered();
        s.expect_ok();
      },
      [](Plan& plan) {
        if (plan.destinations.size() > 1) plan.destinations.pop_back();
      });
}

}  // namespace
}  // namespace sluice::sim
