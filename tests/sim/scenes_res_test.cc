// SPDX-License-Identifier: Apache-2.0
// Limits of resources and the ways of reads: the rows RES that play in the simulated world.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "scene.h"

namespace sluice::sim {
namespace {

using namespace literals;

TEST(Scenes, RES_1_two_descriptors_serve_forty_files_in_turns) {
  play(
      [](Scene& s) {
        s.start();
        for (int round = 0; round < 3; ++round) {
          for (int i = 0; i < 40; ++i) s.write(fmt::format("f{}.log", i), 3);
          s.run_until_delivered(60_s);
        }
        s.expect_ok();
      },
      [](Plan& plan) { plan.open_files_max = 2; });
}

TEST(Scenes, RES_6_completions_that_are_reaped_late_and_few_at_a_time_are_all_taken) {
  play(
      [](Scene& s) {
        s.start();
        for (int i = 0; i < 30; ++i) {
          for (int k = 0; k < 8; ++k) s.write(fmt::format("f{}.log", k), 10);
          s.run(7_ms);
        }
        s.run_until_delivered(120_s);  // a reaper that is late makes every answer late
        s.expect_ok();
      },
      [](Plan& plan) {
        plan.buffers = 16;
        plan.read_delay_max = 5_ms;
        plan.stall = 300;  // the thread that reaps comes late
        plan.open_files_max = 64;
      });
}

TEST(Scenes, RES_7_short_reads_and_failing_reads_lose_and_repeat_nothing) {
  play(
      [](Scene& s) {
        s.start();
        for (int i = 0; i < 40; ++i) {
          s.write("a.log", 10);
          s.write("b.log", 1);
          s.run(20_ms);
          if (i % 10 == 9) s.rename("a.log", fmt::format("a.log.{}", i));
        }
        s.run_until_delivered();
        EXPECT_GT(s.sum(&ShardMetrics::read_errors), 0);
        EXPECT_GT(s.witness().rare()[static_cast<size_t>(Rare::kShortRead)], 0);
        s.expect_ok();
      },
      [](Plan& plan) {
        plan.short_read = 400;
        plan.read_error = 150;
        plan.block_bytes = 512;
        plan.wide_pattern = true;
        plan.open_files_max = 64;
      });
}

TEST(Scenes, RES_8_a_read_that_comes_back_seconds_later_is_never_taken_for_another_one) {
  play(
      [](Scene& s) {
        s.start();
        for (int i = 0; i < 25; ++i) {
          // Its descriptor is given back and taken by the next file while reads are under way.
          const std::string name = fmt::format("f{}.log", i % 5);
          if (s.exists(name)) s.unlink(name);
          s.write(name, 6);
          s.run_until_followed(name, 60_s);
          s.run(Duration((i % 4) * 700'000'000));
          s.write(name, 2);
        }
        s.run_until_delivered(120_s);
        s.expect_ok();
      },
      [](Plan& plan) {
        plan.read_delay_max = 3_s;
        plan.open_files_max = 8;
        plan.reconcile_interval = 300_ms;
        plan.stall = 0;
      });
}

TEST(Scenes, RES_10_one_file_at_full_speed_holds_no_slow_file_up_for_two_seconds) {
  play(
      [](Scene& s) {
        s.start();
        for (int k = 0; k < 20; ++k) s.write(fmt::format("slow{}.log", k), 1);
        s.run_until_delivered();
        s.write("hot.log", 2000);  // several seconds of what the destination takes
        Duration worst(0);
        for (int i = 0; i < 6; ++i) {
          const MonoTime written = s.now();
          for (int k = 0; k < 20; ++k) s.write(fmt::format("slow{}.log", k), 1);
          const auto slow_stored = [&] {
            return std::count_if(s.records().begin(), s.records().end(), [](const auto& each) {
              return each.record.path.find("/slow") != std::string::npos;
            });
          };
          const auto wanted = static_cast<int64_t>(s.plan().destinations.size()) * 20 * (i + 2);
          EXPECT_TRUE(s.run_until([&] { return slow_stored() >= wanted; }, 30_s));
          worst = std::max(worst, s.now() - written);
          s.run(200_ms);
        }
        EXPECT_LE(worst, 2_s);
        s.run_until_delivered(60_s);
        s.expect_ok();
      },
      [](Plan& plan) {
        for (DestinationPlan& destination : plan.destinations) {
          destination.rate_bytes = {.per_second = 60'000, .burst = 6'000};
          destination.batch_lines = 0;
          destination.bytes_max = 16'384;
          destination.parcels_max = 8;
        }
        plan.lost_hint = 0;
        plan.open_files_max = 64;
      });
}

}  // namespace
// While its descriptor is given to another file it goes where no search looks: then it keeps it.
TEST(Scenes, RES_1_a_file_that_is_moved_away_while_it_is_let_go_keeps_its_descriptor) {
  Inode* file = nullptr;
  bool was_held = false;
  play_between_all_calls({.before =
                              [&](Scene& s) {
                                file = s.open("a.log");
                                s.write(file, 5);
                                s.start();
                                s.run_until_delivered();
                                s.run(1_s);
                                s.write("b.log", 3);
                              },
                          .between =
                              [&](Scene& s) {
                                was_held = file->handles > 0;
                                s.rename("a.log", "/a-old.txt");
                              },
                          .after =
                              [&](Scene& s) {
                                if (was_held) s.write(file, 3);
                                s.close(file);
                                s.run(70_s);
                              }},
                         [](Plan& plan) {
                           plan.open_files_max = 1;
                           plan.wide_pattern = false;
                         });
}

}  // namespace sluice::sim
