// SPDX-License-Identifier: Apache-2.0
// Discovery: the rows DSC of docs/scenarios.md that play in the simulated world.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "scene.h"

namespace sluice::sim {
namespace {

using namespace literals;

TEST(Scenes, DSC_1_what_is_there_before_the_start_is_read_from_its_beginning) {
  play([](Scene& s) {
    s.write("a.log", 40);
    s.write("app/b.log", 40);
    s.start();
    s.run_until_delivered(10_s);
    s.expect_ok();
  });
}

TEST(Scenes, DSC_2_from_the_end_skips_what_is_old_and_reads_a_new_file_from_its_first_byte) {
  play(
      [](Scene& s) {
        s.append("old.log", "old one\nold two\n");
        s.run(1_s);
        s.start();
        s.run(1_s);
        s.write("old.log", 5);
        s.write("new.log", 20);
        s.run_until_delivered(10_s);
        s.expect_ok();  // the two old lines are owed by nobody
      },
      [](Plan& plan) { plan.from_end = true; });
}

TEST(Scenes, DSC_3_from_the_end_goes_on_at_the_checkpoint_if_there_is_one) {
  play(
      [](Scene& s) {
        s.append("a.log", "old one\nold two\n");
        s.start();
        s.run(1_s);
        s.write("a.log", 5);
        s.run_until_delivered(10_s);
        s.stop();
        s.write("a.log", 30);
        s.start();
        s.run_until_delivered(10_s);
        s.expect_ok();
      },
      [](Plan& plan) { plan.from_end = true; });
}

TEST(Scenes, DSC_4_a_file_of_two_bytes_that_never_grows_is_delivered_within_two_seconds) {
  play([](Scene& s) {
    s.start();
    s.run(1_s);
    s.append("a.log", "a\n");
    s.owe("a");
    // A hint may be lost, and then the next comparison of the directory finds it.
    s.run_until_delivered(s.plan().lost_hint > 0 ? 3_s : 2_s);
    s.expect_ok();
  });
}

TEST(Scenes, DSC_5_two_files_with_the_same_first_four_kilobytes_are_two_files) {
  play([](Scene& s) {
    std::string head;
    for (int i = 0; head.size() < 4096; ++i) head += fmt::format("banner line {}\n", i);
    for (size_t at = 0; at < head.size();) {
      const size_t end = head.find('\n', at);
      s.owe(head.substr(at, end - at), 2);
      at = end + 1;
    }
    s.append("a.log", head);
    s.append("b.log", head);
    s.write("a.log", 5);
    s.write("b.log", 7);
    s.start();
    s.run_until_delivered(10_s);
    const size_t same = static_cast<size_t>(std::count(head.begin(), head.end(), '\n'));
    EXPECT_EQ(s.lines_of("a.log").size(), same + 5);
    EXPECT_EQ(s.lines_of("b.log").size(), same + 7);
    s.expect_ok();
  });
}

TEST(Scenes, DSC_8_when_the_queue_of_hints_overflows_everything_is_looked_at_anew) {
  play(
      [](Scene& s) {
        s.start();
        s.run(1_s);
        s.plan().hint_overflow = 1000;
        for (int i = 0; i < 30; ++i) {
          s.write("a.log", 2);
          s.write(fmt::format("f{}.log", i), 3);
          if (i % 10 == 0) s.run(5_ms);
        }
        s.run_until_delivered(15_s);
        EXPECT_GE(s.sum(&StewardMetrics::event_overflows), 1);
        s.expect_ok();
      },
      [](Plan& plan) {
        plan.lost_hint = 0;
        // Only the overflow leads to a look: the comparison by the clock never comes.
        plan.reconcile_interval = 3600_s;
        plan.open_files_max = 64;
        plan.stall = 0;
      });
}

TEST(Scenes, DSC_9_directories_beyond_the_limit_of_watches_are_polled) {
  play(
      [](Scene& s) {
        s.start();
        s.run(1_s);
        s.write("a.log", 5);
        s.write("app/b.log", 5);
        s.run_until_delivered(s.plan().reconcile_interval + 2_s);
        s.write("app/b.log", 5);
        s.run_until_delivered(s.plan().reconcile_interval + 2_s);
        EXPECT_GE(s.sum(&StewardMetrics::watch_failures), 1);
        s.expect_ok();
      },
      [](Plan& plan) { plan.watches_max = 1; });
}

TEST(Scenes, DSC_10_a_new_directory_with_a_file_already_in_it_is_found) {
  play(
      [](Scene& s) {
        s.start();
        s.run(1_s);
        s.make_directory("new");
        s.write("new/a.log", 10);
        s.run(20_ms);
        s.make_directory("new/deep");
        s.write("new/deep/b.log", 10);
        s.run_until_delivered(10_s);
        s.write("new/a.log", 5);
        s.write("new/deep/b.log", 5);
        s.run_until_delivered(10_s);
        s.expect_ok();
      },
      [](Plan& plan) {
        plan.sources.push_back({{"/logs/*.log", "/logs/*/*.log", "/logs/*/*/*.log"}, {}});
      });
}

TEST(Scenes, DSC_11_a_directory_renamed_between_any_two_calls_of_the_look_into_it) {
  play_between_all_calls({[](Scene& s) {
                            s.start();
                            s.write("app/a.log", 10);
                            s.run_until_followed("app/a.log");
                            s.write("app/b.log", 10);
                          },
                          [](Scene& s) { s.rename_directory("app", "moved"); },
                          [](Scene& s) { s.write("moved/a.log", 5); }},
                         [](Plan& plan) {
                           plan.sources.push_back({{"/logs/*.log", "/logs/*/*.log"}, {}});
                         });
}

TEST(Scenes, DSC_11_renamed_or_deleted_between_any_two_calls_of_the_look_at_it) {
  const auto before = [](Scene& s) {
    s.start();
    s.write("a.log", 10);
    s.run_until_followed("a.log");
    s.write("b.log", 10);
  };
  const auto after = [](Scene& s) { s.write("a.log", 5); };
  play_between_all_calls({before, [](Scene& s) { s.rename("a.log", "b2.log"); }, after});
  play_between_all_calls({before,
                          [](Scene& s) {
                            s.rename("a.log", "a.log.1");
                            s.write("a.log", 3);
                          },
                          after});
  play_between_all_calls({before,
                          [](Scene& s) {
                            s.unlink("a.log");
                            s.write("a.log", 3);
                          },
                          after});
}

TEST(Scenes, DSC_12_one_file_by_two_patterns_two_sources_and_a_hard_link_is_one_stream) {
  play(
      [](Scene& s) {
        s.write("a.log", 20);
        s.link("a.log", "b.log");
        s.start();
        s.run_until_delivered(10_s);
        s.link("a.log", "app/c.log");
        s.write("a.log", 20);
        s.run_until_delivered(10_s);
        s.unlink("a.log");
        s.run(5_s);
        s.write("b.log", 10);
        s.run_until_delivered(10_s);
        s.stop();
        s.write("app/c.log", 10);
        s.start();
        s.run_until_delivered(10_s);
        s.expect_ok();
      },
      [](Plan& plan) {
        plan.sources.push_back({{"/logs/*.log", "/logs/a*", "/logs/app/*.log"}, {}});
        plan.sources.push_back({{"/logs/*.log"}, {}});
      });
}

TEST(Scenes, DSC_12_a_file_and_a_symbolic_link_to_it_are_one_stream) {
  play([](Scene& s) {
    s.write("a.log", 20);
    s.symlink("a.log", "link.log");
    s.start();
    s.run_until_delivered(10_s);
    s.symlink("a.log", "app/link.log");
    s.write("a.log", 20);
    s.run_until_delivered(10_s);
    s.unlink("link.log");
    s.write("a.log", 5);
    s.run_until_delivered(10_s);
    s.expect_ok();
  });
}

TEST(Scenes, DSC_16_a_file_that_slept_for_a_year_goes_on_at_its_saved_offset) {
  play([](Scene& s) {
    s.write("a.log", 20);
    s.start();
    s.run_until_delivered(10_s);
    s.stop();
    s.shift_wall(3600_s * (24 * 365));
    s.start();
    s.run(60_s);
    s.write("a.log", 5);
    s.run_until_delivered(10_s);
    s.expect_ok();
  });
}

TEST(Scenes, DSC_17_renamed_into_an_excluded_name_and_out_again_it_repeats_and_loses_nothing) {
  play(
      [](Scene& s) {
        s.start();
        s.write("a.log", 10);
        s.run_until_followed("a.log");
        s.rename("a.log", "a-debug.log");
        s.run(1_s);
        s.write("a-debug.log", 10);  // it is followed by its descriptor: these lines come too
        s.run_until_delivered(10_s);
        s.rename("a-debug.log", "a.log");
        s.write("a.log", 10);
        s.run_until_delivered(10_s);
        // A file that never had another name is not read.
        s.append("b-debug.log", "nobody wants this\n");
        s.run(10_s);
        s.expect_ok();
      },
      [](Plan& plan) {
        plan.sources.push_back({{"/logs/*.log"}, {"*debug*"}});
      });
}

TEST(Scenes, DSC_18_another_device_number_of_the_same_files_is_no_reason_to_read_them_again) {
  play([](Scene& s) {
    s.write("a.log", 20);
    s.write("b.log", 1);
    s.start();
    s.run_until_delivered(10_s);
    s.stop();
    s.disk().device = 11;  // mounted again
    s.write("a.log", 20);
    s.start();
    s.run_until_delivered(10_s);
    s.expect_ok();
  });
}

TEST(Scenes, DSC_18_another_inode_number_of_the_same_content_is_no_reason_to_read_it_again) {
  play([](Scene& s) {
    s.write("a.log", 20);
    s.start();
    s.run_until_delivered(10_s);
    s.stop();
    s.disk().device = 11;
    s.disk().find("/logs/a.log")->number = 7'777;  // copied up
    s.disk().find("/logs/a.log")->birth_ns += s.plan().birth_times ? 1 : 0;
    s.write("a.log", 20);
    s.start();
    s.run_until_delivered(10_s);
    s.expect_ok();
  });
}

}  // namespace
}  // namespace sluice::sim
