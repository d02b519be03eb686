// SPDX-License-Identifier: Apache-2.0
// Row ROT-13 of docs/scenarios.md: files that are compressed before they are read to their end.
#include <gtest/gtest.h>

#include "scene.h"

namespace sluice::sim {

using namespace literals;

namespace {

// The first lines of a.log are delivered; the rest is written, rotated and packed while the agent
// is down.
void pack_while_down(Scene& s, int rest, const std::string& archive) {
  s.start();
  s.write("a.log", 20);
  s.run_until_delivered();
  s.stop();
  s.write("a.log", rest);
  s.rename("a.log", "a.log.1");
  s.write("a.log", 5);
  s.pack("a.log.1", archive);
}

}  // namespace

TEST(Scenes, ROT_13_packed_while_down_it_is_read_to_its_end_out_of_the_archive) {
  for (const char* archive : {"a.log.1.gz", "a.log.2.zst", "a.log-20261122.gz"}) {
    play([&](Scene& s) {
      pack_while_down(s, 300, archive);
      s.start();
      s.run_until_delivered();
      s.run(1_s);
      EXPECT_GT(s.sum(&StewardMetrics::archives_read), 0);
      EXPECT_EQ(s.sum(&StewardMetrics::missed_deleted), 0);
      s.expect_ok();
    });
  }
}

TEST(Scenes, ROT_13_killed_at_any_turn_it_goes_on_in_the_archive) {
  play_killed_at_every_turn([](Scene& s) {
    s.write("a.log", 8);
    s.start();
    s.run(600_ms);
    if (s.up()) s.stop();
    s.write("a.log", 20);
    s.rename("a.log", "a.log.1");
    s.write("a.log", 2);
    if (s.up()) s.kill();
    s.pack("a.log.1", "a.log.1.gz");
    s.start();
    s.run(3_s);
  });
}

TEST(Scenes, ROT_13_packed_while_its_descriptor_is_held_it_is_not_read_a_second_time) {
  play([](Scene& s) {
    s.start();
    s.write("a.log", 20);
    s.run_until_delivered();
    s.receiver_down();
    s.write("a.log", 800);
    s.run(1_s);
    s.rename("a.log", "a.log.1");
    s.run(1_s);
    s.pack("a.log.1", "a.log.1.gz");
    s.write("a.log", 5);
    s.run(1_s);
    s.receiver_up();
    s.run_until_delivered();
    s.expect_ok();
    EXPECT_EQ(s.sum(&StewardMetrics::archives_read), 0);
  });
}

TEST(Scenes, ROT_13_several_rotations_that_packed_everything_while_down) {
  play([](Scene& s) {
    pack_while_down(s, 100, "a.log.1.gz");
    s.start();
    s.run(200_ms);
    s.kill();
    s.rename("a.log.1.gz", "a.log.2.gz");
    s.write("a.log", 30);
    s.rename("a.log", "a.log.1");
    s.pack("a.log.1", "a.log.1.gz");
    s.write("a.log", 3);
    s.start();
    s.run(3_s);
    s.end();
  });
}

TEST(Scenes, ROT_13_archives_that_are_rotated_between_any_two_calls_are_found_all_the_same) {
  play_between_all_calls({.before =
                              [](Scene& s) {
                                pack_while_down(s, 30, "a.log.1.gz");
                                s.start();
                              },
                          .between = [](Scene& s) { s.rename("a.log.1.gz", "a.log.2.gz"); },
                          .after = [](Scene&) {}});
}

// Of ten names that are searched for one by one, each may be another archive's by then.
TEST(Scenes, ROT_13_an_archive_that_took_the_name_is_not_taken_for_it) {
  play_between_all_calls({.before =
                              [](Scene& s) {
                                pack_while_down(s, 30, "a.log.1.gz");
                                s.start();
                              },
                          .between =
                              [](Scene& s) {
                                s.append("other", "what another program wrote\n");
                                s.rename("a.log.1.gz", "a.log.2.gz");
                                s.pack("other", "a.log.1.gz");
                              },
                          .after = [](Scene&) {}});
}

// Of a file of two bytes nearly every archive beside it seems to be the rest.
TEST(Scenes, ROT_13_a_young_file_that_begins_like_the_archive_does_not_claim_it) {
  play(
      [](Scene& s) {
        s.start();
        s.run(100_ms);
        s.receiver_down();
        s.write("a.log", 30);  // known, and not a byte of it delivered
        s.run(2_s);
        s.kill();
        const std::string first = s.content("a.log").substr(0, 2);
        s.rename("a.log", "a.log.1");
        s.pack("a.log.1", "a.log.1.gz");
        s.append("a.log", first);
        s.receiver_up();
        s.start();
        s.run_until_delivered();
        EXPECT_GT(s.sum(&StewardMetrics::archives_read), 0);
        EXPECT_EQ(s.sum(&StewardMetrics::missed_deleted), 0);
        s.append("a.log", "\n");
        s.owe(first);
        s.expect_no_loss(0);
      },
      [](Plan& plan) { plan.reuse_inodes = false; });
}

TEST(Scenes, ROT_13_what_was_unpacked_is_let_go_as_soon_as_it_is_delivered) {
  play([](Scene& s) {
    pack_while_down(s, 30, "a.log.1.gz");
    s.start();
    s.run_until_delivered();
    s.run(1_s);
    EXPECT_EQ(s.disk().open_handles(), 1U);
    s.expect_ok();
  });
}

TEST(Scenes, ROT_13_of_an_archive_that_is_cut_off_the_rest_is_counted) {
  play([](Scene& s) {
    s.start();
    s.write("a.log", 20);
    s.run_until_delivered();
    s.receiver_down();
    s.write("a.log", 800);
    s.run(15_s);  // it knows how large the file is
    s.stop();
    s.rename("a.log", "a.log.1");
    Life* content = s.disk().find("/logs/a.log.1")->life;
    s.pack("a.log.1", "a.log.1.gz");
    content->destroyed = true;
    s.disk().truncate(*s.disk().find("/logs/a.log.1.gz"), s.content("a.log.1.gz").size() / 2);
    s.receiver_up();
    s.start();
    s.run(20_s);
    EXPECT_EQ(s.sum(&StewardMetrics::archives_damaged),
              static_cast<int64_t>(s.plan().destinations.size()));
    EXPECT_GT(s.sum(&StewardMetrics::missed_deleted), 0);
    EXPECT_GT(s.lines_missing(), 0);
    s.forgive_unread();
  });
}

}  // namespace sluice::sim
