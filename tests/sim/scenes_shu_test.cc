// SPDX-License-Identifier: Apache-2.0
// Shutdown and change of configuration: the rows SHU that play in the simulated world.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include "scene.h"

namespace sluice::sim {
namespace {

using namespace literals;

TEST(Scenes, SHU_1_a_stop_when_nothing_is_to_do_takes_less_than_a_second) {
  play([](Scene& s) {
    s.write("a.log", 20);
    s.start();
    s.run_until_delivered();
    s.run(60_s);
    const MonoTime asked = s.now();
    s.stop();
    EXPECT_LE(s.ended_at() - asked, 1_s);
    for (const auto& [number, row] : s.store().rows())
      EXPECT_EQ(row.offset.value, static_cast<int64_t>(s.content("a.log").size()));
    s.start();
    s.run(5_s);
    s.expect_ok();
  });
}

TEST(Scenes, SHU_2_a_stop_under_load_delivers_what_was_read_and_the_next_start_repeats_nothing) {
  play(
      [](Scene& s) {
        s.start();
        for (int i = 0; i < 5; ++i) {
          for (int k = 0; k < 20; ++k) {
            s.write("a.log", 5);
            s.write("b.log", 1);
            s.run(3_ms);
          }
          const MonoTime asked = s.now();
          s.begin_stop();
          while (s.up() && s.now() - asked < 20_s) {
            s.write("a.log", 2);
            s.run(10_ms);
          }
          EXPECT_FALSE(s.up());
          s.start();
        }
        s.run_until_delivered();
        s.expect_ok();
      },
      [](Plan& plan) { plan.shutdown_timeout = 20_s; });
}

TEST(Scenes, SHU_3_a_stop_without_a_receiver_ends_in_time_and_loses_nothing) {
  play([](Scene& s) {
    s.start();
    s.write("a.log", 20);
    s.run_until_delivered();
    s.receiver_down();
    s.write("a.log", 100);
    s.run(1_s);
    const MonoTime asked = s.now();
    s.stop();
    EXPECT_LE(s.ended_at() - asked, s.plan().shutdown_timeout + 1_s);
    s.write("a.log", 10);
    s.receiver_up();
    s.start();
    s.run_until_delivered();
    s.expect_ok();
  });
}

TEST(Scenes, SHU_4_the_second_signal_ends_it_at_once_and_no_offset_is_wrong) {
  for (const Duration between : {0_ms, 1_ms, 20_ms, 300_ms}) {
    play(
        [&](Scene& s) {
          s.start();
          s.write("a.log", 20);
          s.run(300_ms);
          s.receiver(Weather::kSilent);
          s.write("a.log", 100);
          s.run(200_ms);
          s.begin_stop();
          s.run(between);
          const int64_t risk = s.kill();
          s.write("a.log", 10);
          s.receiver_up();
          s.start();
          s.run_until_delivered();
          s.expect_no_loss(risk);
        },
        [](Plan& plan) { plan.shutdown_timeout = 20_s; });
  }
}

TEST(Scenes, SHU_5_another_address_of_the_same_destination_loses_and_repeats_nothing) {
  // A change of the configuration is a stop and a start; the destination keeps its name.
  play([](Scene& s) {
    s.start();
    s.write("a.log", 50);
    s.run(100_ms);
    s.write("a.log", 50);
    s.stop();
    s.plan().destinations[0].ndjson = true;
    s.plan().destinations[0].batch_lines = 3;
    s.start();
    s.write("a.log", 50);
    s.run_until_delivered();
    s.expect_ok();
  });
}

TEST(Scenes, SHU_8_a_stop_while_it_starts_damages_nothing) {
  for (int64_t turns = 1; turns < 60 && !testing::Test::HasFailure(); ++turns) {
    play([&](Scene& s) {
      for (int i = 0; i < 6; ++i) s.write(fmt::format("f{}.log", i), 10);
      s.start();
      s.run_until_delivered();
      s.run(1_s);
      s.kill();
      for (int i = 0; i < 6; ++i) s.write(fmt::format("f{}.log", i), 10);
      s.start();
      s.run(Duration(turns * 50'000));
      const MonoTime asked = s.now();
      s.stop();
      EXPECT_LE(s.ended_at() - asked, s.plan().shutdown_timeout + 1_s);
      s.start();
      s.run_until_delivered();
      s.expect_ok();
    });
  }
}

TEST(Scenes, SHU_9_a_source_that_is_taken_out_and_comes_back_a_day_later_is_remembered) {
  play(
      [](Scene& s) {
        s.write("a.log", 20);
        s.write("app/b.log", 20);
        s.start();
        s.run_until_delivered();
        s.stop();
        s.plan().sources = {{{"/logs/*.log"}, {}}};
        s.start();
        s.write("a.log", 5);
        s.run(90'000_s);
        s.stop();
        s.shift_wall(86'400_s);
        s.plan().sources = {{{"/logs/*.log", "/logs/app/*.log"}, {}}};
        s.write("app/b.log", 5);
        s.start();
        s.run_until_delivered();
        s.expect_ok();
      },
      [](Plan& plan) {
        plan.sources = {{{"/logs/*.log", "/logs/app/*.log"}, {}}};
        plan.reconcile_interval = 60_s;
        plan.lost_hint = 0;
        plan.open_files_max = 64;
      });
}

}  // namespace
}  // namespace sluice::sim
