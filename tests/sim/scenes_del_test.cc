// SPDX-License-Identifier: Apache-2.0
// Deletion and files that cannot be reached: the rows DEL that play in the simulated world.
#include <cerrno>

#include <gtest/gtest.h>

#include "scene.h"

namespace sluice::sim {
namespace {

using namespace literals;

TEST(Scenes, DEL_1_deleted_with_most_of_it_unread_it_is_read_by_its_descriptor) {
  play([](Scene& s) {
    s.start();
    s.write("a.log", 5);
    s.run_until_followed("a.log");
    s.receiver_down();
    s.write("a.log", 1500);  // far more than all buffers hold
    s.run(1_s);
    s.unlink("a.log");
    s.run(300_s);
    s.receiver_up();
    s.run_until_delivered();
    s.expect_ok();
  });
}

TEST(Scenes, DEL_2_deleted_and_made_again_under_the_same_name_both_contents_come) {
  play(
      [](Scene& s) {
        s.start();
        for (int i = 0; i < 5; ++i) {
          s.write("a.log", 10);
          s.run_until_followed("a.log");
          s.write("a.log", 5);
          s.unlink("a.log");
          s.run(Duration(i * 30'000'000));
        }
        s.write("a.log", 10);
        s.run_until_delivered();
        s.expect_ok();
      },
      [](Plan& plan) { plan.open_files_max = 64; });
}

TEST(Scenes, DEL_4_a_directory_that_is_removed_and_made_again_is_followed_again) {
  play(
      [](Scene& s) {
        s.start();
        for (int i = 0; i < 3; ++i) {
          s.write("app/a.log", 10);
          s.run_until_followed("app/a.log");
          s.write("app/a.log", 5);
          s.unlink("app/a.log");
          s.remove_directory("app");
          s.run(Duration(i * int64_t{2'000'000'000}));
          s.make_directory("app");
        }
        s.write("app/a.log", 10);
        s.run_until_delivered();
        s.expect_ok();
      },
      [](Plan& plan) { plan.open_files_max = 64; });
}

TEST(Scenes, DEL_5_a_disk_that_answers_nothing_but_errors_for_a_minute_costs_nothing) {
  play([](Scene& s) {
    s.start();
    s.write("a.log", 20);
    s.write("b.log", 20);
    s.run_until_delivered(10_s);
    s.plan().disk_error = 1000;
    s.plan().read_error = 1000;
    s.write("a.log", 20);
    s.run(60_s);
    s.plan().disk_error = 0;
    s.plan().read_error = 0;
    s.write("b.log", 5);
    s.run_until_delivered(15_s);
    EXPECT_EQ(s.sum(&ShardMetrics::truncations), 0);
    s.expect_ok();
  });
}

TEST(Scenes, DEL_6_a_file_that_may_not_be_read_for_a_while_holds_nobody_else_up) {
  play([](Scene& s) {
    s.disk().refuses = [](const std::string& path) { return path == "/logs/a.log" ? EACCES : 0; };
    s.append("a.log", "hidden\n");
    s.owe("hidden");
    s.start();
    s.run(1_s);
    s.write("b.log", 10);
    s.run_until([&] { return s.lines_stored() >= 10; }, 10_s);
    EXPECT_GE(s.lines_stored(), 10);
    EXPECT_EQ(s.lines_of("a.log").size(), 0u);
    s.run(120_s);
    EXPECT_GE(s.sum(&StewardMetrics::skipped_files), 1);
    s.disk().refuses = nullptr;
    s.run_until_delivered(15_s);
    s.expect_ok();
  });
}

TEST(Scenes, DEL_7_a_directory_that_cannot_be_searched_for_five_minutes_forgets_nobody) {
  play([](Scene& s) {
    s.start();
    s.write("app/a.log", 20);
    s.run_until_delivered(10_s);
    s.disk().refuses = [](const std::string& path) {
      return path.compare(0, 10, "/logs/app/") == 0 ? EACCES : 0;
    };
    s.write("app/a.log", 5);
    s.run(300_s);
    s.disk().refuses = nullptr;
    s.write("app/a.log", 5);
    s.run_until_delivered(15_s);
    s.stop();
    s.write("app/a.log", 5);
    s.start();
    s.run_until_delivered(15_s);
    s.expect_ok();
  });
}

}  // namespace
}  // namespace sluice::sim
