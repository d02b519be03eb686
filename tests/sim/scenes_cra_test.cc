// SPDX-License-Identifier: Apache-2.0
// Crash and restart: the rows CRA that play in the simulated world. What damage to its files may
// make of the real store (a whole commit, an older one, some rows, nothing) is proved with that
// store in tests/platform/sqlite_store_damage_test.cc; here, that no line is lost from there.
#include <gtest/gtest.h>

#include <iterator>

#include "scene.h"

namespace sluice::sim {
namespace {

using namespace literals;

constexpr int64_t kAnything = int64_t{1} << 40;

// Two files, one of them rotated, and lines that come while the agent is down.
void some_life(Scene& s) {
  s.write("a.log", 12);
  s.write("b.log", 3);
  s.start();
  s.run(300_ms);
  s.write("a.log", 10);
  s.run(40_ms);
  s.rename("a.log", "a.log.1");
  s.write("a.log", 10);
  s.run(300_ms);
  s.write("b.log", 4);
  s.run(1_s);
}

void quick(Plan& plan) {
  plan.wide_pattern = true;
  plan.checkpoint_interval = 50_ms;
  plan.reconcile_interval = 300_ms;
}

TEST(Scenes, CRA_2_killed_after_any_turn_of_any_thread_it_loses_nothing_and_repeats_little) {
  play_killed_at_every_turn(some_life, quick);
}

TEST(Scenes, CRA_2_killed_after_any_turn_with_a_receiver_that_fails_now_and_then) {
  const auto change = [](Plan& plan) {
    quick(plan);
    plan.request_fault = 300;
    plan.retry_max_delay = 100_ms;
    plan.request_timeout = 200_ms;
  };
  // What is stored without an answer comes again; the oracle knows which.
  play_killed_at_every_turn(some_life, change, kAnything);
}

// Lives on after `damage` was done to the rows between two runs; returns what came twice at most.
void play_damaged(const std::function<void(Scene&)>& damage, bool may_repeat = true) {
  play(
      [&](Scene& s) {
        some_life(s);
        s.run_until_delivered();
        s.run(1_s);
        s.kill();
        s.write("a.log", 10);
        damage(s);
        s.start();
        s.run_until_delivered(10_s);
        s.expect_no_loss(may_repeat ? kAnything : 0);
      },
      quick);
}

TEST(Scenes, CRA_3_an_older_whole_commit_is_gone_on_from) {
  for (const Duration age : {0_ms, 200_ms, 350_ms, 700_ms}) {
    play(
        [&](Scene& s) {
          s.write("a.log", 12);
          s.start();
          s.run(400_ms);
          s.write("a.log", 10);
          s.run(age);
          const auto older = s.store().rows();
          s.write("a.log", 10);
          s.rename("a.log", "a.log.1");
          s.write("a.log", 10);
          s.run_until_delivered();
          s.kill();
          s.write("a.log", 10);
          s.store().put_back(older);
          s.start();
          s.run_until_delivered(10_s);
          s.expect_no_loss(kAnything);
        },
        quick);
  }
}

TEST(Scenes, CRA_4_without_any_checkpoint_everything_is_read_from_its_beginning) {
  play_damaged([](Scene& s) { s.store().put_back({}); });
}

TEST(Scenes, CRA_5_rows_that_failed_their_checksum_are_missing_and_only_their_files_repeat) {
  for (size_t lost = 0; lost < 3; ++lost) {
    play_damaged([&](Scene& s) {
      auto rows = s.store().rows();
      if (lost < rows.size()) rows.erase(std::next(rows.begin(), static_cast<long>(lost)));
      s.store().put_back(rows);
    });
  }
}

TEST(Scenes, CRA_6_the_newest_whole_commit_is_the_one_that_counts) {
  play_damaged([](Scene& s) { s.store().put_back(s.store().rows()); }, false);
}

TEST(Scenes, CRA_8_rows_of_yesterday_repeat_the_lines_since_and_lose_none) {
  play(
      [](Scene& s) {
        s.write("a.log", 12);
        s.write("b.log", 12);
        s.start();
        s.run_until_delivered();
        s.stop();
        const auto yesterday = s.store().rows();
        const int64_t then = s.lines_stored();
        s.shift_wall(86'400_s);
        s.start();
        s.write("a.log", 30);
        s.run_until_delivered();
        s.rename("b.log", "b.log.1");
        s.write("b.log", 10);
        s.run_until_delivered();
        s.stop();
        const int64_t since = s.lines_stored() - then;
        s.store().put_back(yesterday);
        s.write("a.log", 5);
        s.start();
        s.run_until_delivered(10_s);
        s.end();
        EXPECT_LE(s.lines_stored(), then + 2 * since + 5);
        s.expect_no_loss(kAnything);
      },
      quick);
}

TEST(Scenes, CRA_9_after_a_loss_of_power_what_the_disks_still_hold_is_delivered) {
  for (int round = 1; round <= 6 && !testing::Test::HasFailure(); ++round) {
    play(
        [&](Scene& s) {
          s.start();
          for (int i = 0; i < 4; ++i) {
            s.write("a.log", 6 * round);
            s.write("b.log", 1);
            s.run(Duration(round * 37'000'000));
            if (i == 1) s.rename("a.log", "a.log.1");
            if (i == 2) s.store_full(true);  // an fsync fails, and the next one lies
          }
          s.store_full(false);
          s.run(300_ms);
          s.lose_power();
          s.start();
          s.write("b.log", 5);
          s.run(5_s);
          // The end of a file may be torn or zeros: the oracle knows what stands there, byte by
          // byte, and no row may promise more than that.
          s.end();
        },
        [](Plan& plan) {
          quick(plan);
          plan.fsync_lies = true;
        });
  }
}

TEST(Scenes, CRA_10_after_a_reboot_with_another_device_number_nothing_is_read_again) {
  play(
      [](Scene& s) {
        s.write("a.log", 12);
        s.write("b.log", 1);
        s.start();
        s.run_until_delivered();
        s.run(1_s);
        s.kill();
        s.disk().device = 99;
        s.write("a.log", 12);
        s.start();
        s.run_until_delivered(10_s);
        s.expect_ok();
      },
      quick);
}

}  // namespace
}  // namespace sluice::sim
