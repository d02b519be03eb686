// SPDX-License-Identifier: Apache-2.0
// Copy and truncate: the rows ROT-6 and ROT-8 of docs/scenarios.md.
#include <gtest/gtest.h>

#include "scene.h"

namespace sluice::sim {
namespace {

using namespace literals;

void narrow(Plan& plan) {
  plan.open_files_max = 64;
}

void wide(Plan& plan) {
  plan.open_files_max = 64;
  plan.wide_pattern = true;
}

// Far more than all buffers hold lies in the file and its copy when the file is truncated.
void copy_and_truncate_far_behind(Scene& s) {
  s.start();
  s.write("a.log", 5);
  s.run_until_delivered();
  s.receiver_down();
  s.write("a.log", 1500);
  s.run(1_s);
  s.copy("a.log", "a.log.1");
  s.truncate("a.log");
  s.write("a.log", 5);
  s.run(3_s);
}

TEST(Scenes, ROT_6_the_unread_rest_of_a_truncated_file_is_read_from_its_copy) {
  for (const auto& pattern : {narrow, wide}) {
    play(
        [](Scene& s) {
          copy_and_truncate_far_behind(s);
          s.receiver_up();
          s.run_until_delivered();
          EXPECT_EQ(s.sum(&StewardMetrics::missed_truncated), 0);
          s.expect_ok();
        },
        pattern);
  }
}

TEST(Scenes, ROT_6_also_by_an_agent_that_was_killed_in_between) {
  for (const auto& pattern : {narrow, wide}) {
    play(
        [](Scene& s) {
          copy_and_truncate_far_behind(s);
          const int64_t risk = s.kill();
          s.receiver_up();
          s.start();
          s.run_until_delivered();
          s.expect_no_loss(risk);
        },
        pattern);
  }
}

TEST(Scenes, ROT_6_also_when_it_was_copied_and_truncated_while_the_agent_was_down) {
  for (const auto& pattern : {narrow, wide}) {
    play(
        [](Scene& s) {
          s.start();
          s.write("a.log", 20);
          s.run_until_delivered();
          s.run(1_s);
          s.stop();
          s.write("a.log", 20);
          s.copy("a.log", "a.log.1");
          s.truncate("a.log");
          s.write("a.log", 50);
          s.start();
          s.run_until_delivered();
          s.expect_ok();
        },
        pattern);
  }
}

TEST(Scenes, ROT_6_copied_and_truncated_three_times_without_a_receiver_nothing_is_missing) {
  for (const auto& pattern : {narrow, wide}) {
    play(
        [](Scene& s) {
          copy_and_truncate_far_behind(s);
          for (int i = 0; i < 2; ++i) {
            s.write("a.log", 40);
            s.run(12_s);
            if (i == 1) s.rename("a.log.2", "a.log.3");
            s.rename("a.log.1", "a.log.2");
            s.copy("a.log", "a.log.1");
            s.truncate("a.log");
            s.run(3_s);
          }
          s.write("a.log", 5);
          s.receiver_up();
          s.run_until_delivered();
          EXPECT_EQ(s.sum(&StewardMetrics::missed_truncated), 0);
          s.expect_ok();
        },
        pattern);
  }
}

TEST(Scenes, ROT_8_what_was_read_behind_the_end_of_the_copy_makes_it_no_other_file) {
  play(
      [](Scene& s) {
        s.start();
        s.write("a.log", 60);
        s.run_until_delivered();
        s.copy("a.log", "a.log.1");
        s.run(12_s);
        s.write("a.log", 3);  // after the copy, before the truncation
        s.run_until_delivered();
        s.truncate("a.log");
        s.write("a.log", 5);
        s.run_until_delivered();
        s.expect_ok();
      },
      wide);
}

// Both sides of the copy's end are under way as one block when the file is truncated.
TEST(Scenes, ROT_8_a_tail_goes_on_after_lines_that_lie_across_the_end_of_the_copy) {
  play([](Scene& s) {
    s.start();
    s.write("a.log", 5);
    s.run_until_delivered();
    s.receiver_down();
    s.write("a.log", 1);
    s.copy("a.log", "a.log.1");
    s.write("a.log", 1);
    s.run(1_s);
    s.truncate("a.log");
    s.run(3_s);
    s.write("a.log", 5);
    s.receiver_up();
    s.run_until_delivered();
    s.expect_ok();
  });
}

TEST(Scenes, ROT_8_a_copy_that_is_seen_before_the_truncation_is_not_delivered_twice) {
  play(
      [](Scene& s) {
        s.start();
        s.write("a.log", 60);
        s.run_until_delivered();
        s.copy("a.log", "a.log.1");
        s.run(1_s);
        s.truncate("a.log");
        s.write("a.log", 5);
        s.run_until_delivered();
        s.expect_ok();
      },
      wide);
}

TEST(Scenes, ROT_8_a_copy_that_grows_under_our_eyes_is_not_delivered_twice) {
  play(
      [](Scene& s) {
        s.start();
        s.write("a.log", 60);
        s.run_until_delivered();
        for (size_t end = 0; end < s.content("a.log").size() + 300; end += 300) {
          s.copy("a.log", "a.log.1", end);
          s.run(50_ms);
        }
        s.truncate("a.log");
        s.write("a.log", 5);
        s.run_until_delivered();
        s.expect_ok();
      },
      wide);
}

// Its shards are asked how much they took of the old content, and read the new one then.
TEST(Scenes, ROT_8_a_file_that_is_truncated_while_room_is_made_comes_once) {
  play_between_all_calls({.before =
                              [](Scene& s) {
                                s.start();
                                s.write("a.log", 20);
                                s.run_until_delivered();
                                s.run(5_s);
                                s.write("b.log", 3);
                              },
                          .between =
                              [](Scene& s) {
                                s.truncate("a.log");
                                s.write("a.log", 3);
                              },
                          .after = [](Scene& s) { s.run_until_delivered(); }},
                         [](Plan& plan) { plan.open_files_max = 1; });
}

// What stands before the position is compared with the row, and is what its shard compares with.
TEST(Scenes, ROT_9_replaced_between_any_two_looks_at_the_place_where_it_goes_on) {
  play_between_all_calls({.before =
                              [](Scene& s) {
                                s.start();
                                s.write("a.log", 5);
                                s.run_until_delivered();
                                s.run(1_s);
                                s.stop();
                                s.start();
                              },
                          .between =
                              [](Scene& s) {
                                s.truncate("a.log");
                                s.write("a.log", 9);
                              },
                          .after = [](Scene& s) { s.run_until_delivered(); }},
                         narrow);
}

// A copy is known by the head of the content that was there, not of the one that was opened.
TEST(Scenes, ROT_6_the_copy_of_a_content_that_replaced_another_between_any_two_calls) {
  for (const auto& pattern : {narrow, wide}) {
    play_between_all_calls({.before =
                                [](Scene& s) {
                                  s.start();
                                  s.write("a.log", 5);
                                  s.run_until_delivered();
                                  s.run(1_s);
                                  s.stop();
                                  s.start();
                                },
                            .between =
                                [](Scene& s) {
                                  s.truncate("a.log");
                                  s.write("a.log", 9);
                                },
                            .after =
                                [](Scene& s) {
                                  s.run_until_delivered();
                                  s.copy("a.log", "a.log.1");
                                  s.truncate("a.log");
                                  s.write("a.log", 3);
                                  s.run_until_delivered();
                                }},
                           pattern);
  }
}

// Two rows begin like what is in the archive: that of a file, and that of its copy.
TEST(Scenes, ROT_13_an_archive_of_a_file_and_of_its_copy_comes_once) {
  play(
      [](Scene& s) {
        s.start();
        s.write("b.log", 5);
        s.run_until_delivered();
        const auto count = static_cast<uint32_t>(s.plan().destinations.size());
        for (uint32_t i = 0; i < count; ++i) s.receiver(Weather::kRefused, i);
        s.write("a.log", 20);
        s.run(1_s);
        s.rename("a.log", "a.log.2");
        s.copy("a.log.2", "a.log.1");
        s.run(3_s);
        s.stop();
        s.unlink("a.log.2");
        s.pack("a.log.1", "a.log.1.gz");
        for (uint32_t i = 0; i < count; ++i) s.receiver(Weather::kFine, i);
        s.start();
        s.run_until_delivered();
        s.run(5_s);
        s.expect_ok();
      },
      wide);
}

// It is compressed before anybody can open it: only the archive has the rest.
TEST(Scenes, ROT_6_the_unread_rest_is_read_from_a_copy_that_was_packed) {
  for (const char* archive : {"a.log.1.gz", "a.log.1.zst"}) {
    for (const bool killed : {false, true}) {
      play(
          [&](Scene& s) {
            s.start();
            s.write("a.log", 5);
            s.run_until_delivered();
            s.receiver_down();
            s.write("a.log", 1500);
            s.run(1_s);
            const int64_t risk = killed ? s.kill() : 0;
            s.copy("a.log", "a.log.1");
            s.truncate("a.log");
            s.pack("a.log.1", archive);
            s.write("a.log", 5);
            if (killed) s.start();
            s.run(3_s);
            s.receiver_up();
            s.run_until_delivered();
            EXPECT_EQ(s.sum(&StewardMetrics::missed_truncated), 0);
            s.expect_no_loss(risk);
          },
          narrow);
    }
  }
}

}  // namespace
}  // namespace sluice::sim
