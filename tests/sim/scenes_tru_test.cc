// SPDX-License-Identifier: Apache-2.0
// Truncation: the rows TRU of docs/scenarios.md that play in the simulated world.
#include <gtest/gtest.h>

#include "scene.h"

namespace sluice::sim {
namespace {

using namespace literals;

TEST(Scenes, TRU_1_truncated_to_nothing_and_written_with_less_than_before) {
  play([](Scene& s) {
    s.start();
    s.write("a.log", 40);
    s.run_until_delivered(10_s);
    s.run(1_s);
    s.truncate("a.log");
    s.write("a.log", 3);
    s.run_until_delivered(10_s);
    EXPECT_EQ(s.sum(&ShardMetrics::truncations), s.plan().destinations.size());
    s.expect_ok();
  });
}

// The old content is read at once and under way for seconds.
void roomy_and_slow(Plan& plan) {
  plan.lost_hint = 0;
  plan.hint_delay_max = Duration(0);
  plan.reconcile_interval = 200_ms;
  plan.buffers = 8;
  plan.block_bytes = 512;
  plan.destinations[0].batch_lines = 4;
  plan.destinations[0].parcels_max = 64;
  plan.destinations[0].ordered = false;
  plan.checkpoint_interval = 10_ms;
  plan.stall = 0;
}

void truncate_under_way(Scene& s) {
  s.start();
  s.write("a.log", 6);
  s.run(100_ms);
  s.receiver(Weather::kSilent);  // takes requests and says nothing for two seconds
  s.write("a.log", 6);
  s.run(500_ms);
  s.truncate("a.log");
  s.write("a.log", 3);
  s.receiver_up();
}

TEST(Scenes, TRU_2_truncated_while_the_old_lines_are_under_way_old_and_new_come) {
  play(
      [](Scene& s) {
        truncate_under_way(s);
        s.run_until_delivered();
        // A request that was stored and never answered is sent again: that is no second reading.
        s.expect_no_loss(1 << 10);
      },
      roomy_and_slow);
}

TEST(Scenes, TRU_2_the_late_ack_of_truncated_lines_moves_no_stored_offset) {
  for (const Duration until_kill : {300_ms, 1600_ms, 2500_ms, 5000_ms}) {
    play(
        [&](Scene& s) {
          truncate_under_way(s);
          s.run(until_kill);
          s.kill();
          s.forgive_unread();  // what was in memory only, of a content that is no more
          s.start();
          s.run(5_s);
          s.expect_no_loss(1 << 10);
        },
        roomy_and_slow);
  }
}

TEST(Scenes, TRU_3_truncated_to_a_part_the_prefix_comes_at_most_once_more) {
  for (const bool down : {false, true}) {
    for (const int kept : {1, 10, 19}) {
      play([&](Scene& s) {
        s.start();
        s.write("a.log", 20);
        s.run_until_delivered(10_s);
        s.run(1_s);
        if (down) s.stop();
        size_t keep = 0;
        for (int i = 0; i < kept; ++i) keep = s.content("a.log").find('\n', keep) + 1;
        s.truncate("a.log", keep);
        s.write("a.log", 8);
        if (down) s.start();
        s.run_until_delivered(15_s);
        const auto destinations = static_cast<int64_t>(s.plan().destinations.size());
        s.expect_no_loss(static_cast<int64_t>(keep) * destinations);
      });
    }
  }
}

TEST(Scenes, TRU_3_truncated_inside_a_line_what_stands_there_then_is_delivered) {
  play([](Scene& s) {
    s.start();
    s.append("a.log", "first line\nsecond line\nthird line\n");
    s.owe("first line");
    s.owe("second line");
    s.owe("third line");
    s.run_until_delivered(10_s);
    s.run(1_s);
    s.truncate("a.log", 17);  // "second"
    s.append("a.log", " hand\nfourth line\n");
    s.owe("second hand");
    s.owe("fourth line");
    s.run_until_delivered(15_s);
    s.expect_no_loss(static_cast<int64_t>(2 * 17));
  });
}

TEST(Scenes, TRU_4_fifty_times_overwritten_by_the_shell_loses_only_what_nobody_read) {
  play([](Scene& s) {
    s.start();
    s.write("a.log", 3);
    s.run_until_delivered(10_s);
    for (int i = 0; i < 50; ++i) {
      s.write("a.log", 3);
      s.run(Duration(i * 700'000));
      s.truncate("a.log");
      if (i % 3 == 0) s.write("a.log", 1);
      s.run(Duration((i % 7) * 5'000'000));
    }
    s.truncate("a.log");
    s.forgive_unread();
    s.run(3_s);
    const int64_t before = s.lines_stored();
    s.write("a.log", 5);
    s.run(5_s);
    EXPECT_EQ(s.lines_stored(), before + 5) << "the last content stands and is delivered whole";
    EXPECT_GE(s.sum(&ShardMetrics::truncations), 1);
    s.expect_ok();
  });
}

TEST(Scenes, TRU_6_truncated_while_a_read_is_in_flight_it_sends_no_stale_and_no_zero_bytes) {
  play(
      [](Scene& s) {
        s.start();
        s.write("a.log", 3);
        s.run_until_delivered(10_s);
        for (int i = 0; i < 60; ++i) {
          s.write("a.log", 8);
          s.run(Duration(i * 400'000));  // into the middle of a read, sooner or later
          s.truncate("a.log");
          s.write("a.log", i % 2 == 0 ? 2 : 12);
          s.run(Duration((i % 5) * 900'000));
        }
        s.forgive_unread();
        s.expect_ok();
      },
      [](Plan& plan) { plan.read_delay_max = 10_ms; });
}

}  // namespace
}  // namespace sluice::sim
