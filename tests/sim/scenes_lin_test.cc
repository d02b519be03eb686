// SPDX-License-Identifier: Apache-2.0
// Lines and encodings: the rows LIN that play in the simulated world.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <string>

#include "readable_text.h"
#include "scene.h"

namespace sluice::sim {
namespace {

using namespace literals;

// Each line is owed and written.
void put(Scene& s, const std::string& name, const std::string& line) {
  s.append(name, line + "\n");
  s.owe(line);
}

std::vector<const BodyRecord*> partial_records(const Scene& s) {
  std::vector<const BodyRecord*> found;
  for (const StoredRecord& each : s.records()) {
    if (each.destination == 0 && each.record.partial) found.push_back(&each.record);
  }
  return found;
}

TEST(Scenes, LIN_1_a_line_that_is_written_byte_by_byte_over_five_seconds_is_one_record) {
  play([](Scene& s) {
    s.start();
    const std::string line = "this line takes its time and comes in one piece";
    s.owe(line);
    for (const char c : line) {
      s.append("a.log", std::string(1, c));
      s.run(100_ms);
    }
    EXPECT_EQ(s.lines_stored(), 0);
    s.append("a.log", "\n");
    s.run_until_delivered(10_s);
    s.expect_ok();
  });
}

TEST(Scenes, LIN_2_without_its_newline_nothing_is_sent_and_with_it_once) {
  play([](Scene& s) {
    s.start();
    s.write("a.log", 2);
    s.append("a.log", "not finished");
    s.run(300_s);
    EXPECT_EQ(s.lines_stored(), 2);
    s.append("a.log", "\n");
    s.owe("not finished");
    s.run_until_delivered(10_s);
    s.expect_ok();
  });
}

TEST(Scenes, LIN_3_the_unfinished_last_line_of_a_rotated_or_deleted_file_is_sent_once_and_marked) {
  for (const bool deleted : {false, true}) {
    play([&](Scene& s) {
      s.start();
      s.write("a.log", 3);
      s.append("a.log", "never finished");
      s.owe("never finished");
      s.run_until_followed("a.log");
      s.run(3_s);
      EXPECT_TRUE(partial_records(s).empty());
      if (deleted) {
        s.unlink("a.log");
      } else {
        s.rename("a.log", "a.log.1");
      }
      s.write("a.log", 3);
      s.run_until_delivered(20_s);
      ASSERT_EQ(partial_records(s).size(), 1u);
      EXPECT_EQ(partial_records(s).front()->line, "never finished");
      s.expect_ok();
    });
  }
}

TEST(Scenes, LIN_4_unfinished_at_a_stop_and_finished_before_the_start_it_is_one_whole_record) {
  const auto script = [](Scene& s) {
    s.start();
    s.write("a.log", 3);
    s.append("a.log", "begun before ");
    s.run(1_s);
    s.stop();
    s.append("a.log", "and ended after\n");
    s.owe("begun before and ended after");
    s.start();
    s.run_until_delivered(10_s);
    EXPECT_TRUE(partial_records(s).empty());
    s.expect_ok();
  };
  play(script);
  // The stop itself stores the offset: it must not reach into the line.
  play(script, [](Plan& plan) { plan.checkpoint_interval = 60_s; });
}

TEST(Scenes, LIN_5_a_carriage_return_is_kept_or_stripped_and_never_half_of_it) {
  for (const bool strip : {true, false}) {
    play(
        [&](Scene& s) {
          s.start();
          // The end of the line at every place of a block, and its two bytes in two writes.
          for (int size = 0; size < 140; ++size) {
            const std::string line = fmt::format("{} {}", size, std::string(size_t(size), 'x'));
            s.append("a.log", line + "\r");
            if (size % 7 == 0) s.run(60_ms);
            s.append("a.log", "\n");
            s.owe(strip ? line : line + "\r");
          }
          s.append("a.log", "in the\rmiddle\n");
          s.owe("in the\rmiddle");
          s.run_until_delivered(10_s);
          s.expect_ok();
        },
        [&](Plan& plan) { plan.strip_cr = strip; });
  }
}

TEST(Scenes, LIN_6_empty_lines_are_records_and_the_offset_is_the_size) {
  play([](Scene& s) {
    constexpr int kLines = 5'000;
    s.append("a.log", std::string(kLines, '\n'));
    s.owe("", kLines);
    s.start();
    s.run_until_delivered();
    s.run(1_s);
    s.stop();
    for (const auto& [number, row] : s.store().rows()) EXPECT_EQ(row.offset.value, kLines);
    s.start();
    put(s, "a.log", "and a full one");
    s.run_until_delivered();
    s.expect_ok();
  });
}

TEST(Scenes, LIN_7_lines_around_the_longest_and_ten_times_it_come_whole_or_in_marked_pieces) {
  play([](Scene& s) {
    s.start();
    const auto most = static_cast<int>(s.plan().line_bytes_max);
    for (const int size : {most - 1, most, most + 1, 10 * most}) {
      const std::string name = fmt::format("s{}.log", size);
      std::string line;
      while (static_cast<int>(line.size()) < size)
        line += fmt::format("{} of {};", line.size(), size);
      line.resize(static_cast<size_t>(size));
      s.append(name, line + "\n");
      s.append(name, fmt::format("the next line of {}\n", name));
      const auto next = [&] {
        return std::any_of(s.records().begin(), s.records().end(), [&](const StoredRecord& each) {
          return each.record.line == fmt::format("the next line of {}", name);
        });
      };
      EXPECT_TRUE(s.run_until(next, 10_s)) << size;
      s.run(1_s);
      std::string joined;
      for (const std::string& piece : s.lines_of(name)) joined += piece;
      EXPECT_EQ(joined, line + fmt::format("the next line of {}", name));
      const auto pieces = s.lines_of(name).size();
      EXPECT_EQ(pieces > 2, size > most) << size;
      for (const std::string& piece : s.lines_of(name)) s.owe(piece);
    }
    EXPECT_GT(s.sum(&ShardMetrics::split_lines), 0);
    s.expect_ok();
  });
}

TEST(Scenes, LIN_9_a_newline_at_every_place_of_a_buffer_cuts_where_it_stands) {
  play([](Scene& s) {
    s.start();
    for (size_t first = 0; first < 128; ++first) {
      const std::string name = fmt::format("f{}.log", first % 8);
      put(s, name, fmt::format("{:x<{}}{}", "", first, first));
      put(s, name, fmt::format("{:y<{}}{}", "", 255 - first, first));
      if (first % 16 == 0) s.run(100_ms);
    }
    s.run_until_delivered();
    s.expect_ok();
  });
}

TEST(Scenes, LIN_10_a_nul_inside_a_line_stays_where_it_is) {
  play([](Scene& s) {
    s.start();
    put(s, "a.log", std::string("be\0fore", 7));
    put(s, "a.log", std::string("\0\0\0", 3));
    put(s, "a.log", "after");
    s.run_until_delivered();
    s.expect_ok();
  });
}

TEST(Scenes, LIN_11_bytes_that_are_no_utf_8_are_replaced_and_their_neighbours_intact) {
  play([](Scene& s) {
    s.start();
    for (const char* bad :
         {"lone \x80 continuation", "overlong \xC0\xAF slash", "overlong \xE0\x80\xAF slash",
          "surrogate \xED\xA0\x80 half", "cut at the end \xE2\x82", "cut \xF0\x9F\x98 inside",
          "too high \xF4\x90\x80\x80", "no byte \xFE\xFF at all", "\xFF"}) {
      put(s, "a.log", "before it \xE2\x82\xAC");
      s.append("a.log", std::string(bad) + "\n");
      s.owe(readable_text(bad));
      put(s, "a.log", "after it \xF0\x9F\x98\x80");
      s.run(20_ms);
    }
    s.run_until_delivered();
    EXPECT_GT(s.sum(&ShardMetrics::replaced_sequences), 0);
    s.expect_ok();
  });
}

TEST(Scenes, LIN_12_a_character_of_four_bytes_over_any_boundary_of_reads_stays_whole) {
  play([](Scene& s) {
    s.start();
    const std::string face = "\xF0\x9F\x98\x80";
    for (size_t before = 0; before < 132; ++before)
      put(s, "a.log", std::string(before, 'x') + face + face);
    // And its bytes in two writes, with a look in between.
    for (size_t cut = 1; cut < 4; ++cut) {
      s.append("b.log", "half " + face.substr(0, cut));
      s.run(100_ms);
      s.append("b.log", face.substr(cut) + fmt::format(" {}\n", cut));
      s.owe("half " + face + fmt::format(" {}", cut));
    }
    s.run_until_delivered();
    EXPECT_EQ(s.sum(&ShardMetrics::replaced_sequences), 0);
    s.expect_ok();
  });
}

TEST(Scenes, LIN_13_a_byte_order_mark_goes_at_each_beginning_and_stays_elsewhere) {
  play([](Scene& s) {
    const std::string mark = "\xEF\xBB\xBF";
    s.start();
    s.append("a.log", mark + "first\n");
    s.owe("first");
    put(s, "a.log", mark + "begins a later line");
    put(s, "a.log", "holds one " + mark + " inside");
    s.run_until_delivered();
    s.run(1_s);
    s.truncate("a.log");
    s.append("a.log", mark + "first after the truncation\n");
    s.owe("first after the truncation");
    s.run_until_delivered();
    s.stop();
    put(s, "a.log", mark + "written while down");
    s.start();
    s.run_until_delivered();
    s.expect_ok();
  });
}

TEST(Scenes, LIN_15_every_byte_that_json_must_escape_is_read_back_as_it_was) {
  play([](Scene& s) {
    s.start();
    std::string all;
    for (char c = 1; c < 127; ++c) {
      if (c != '\n') all += c;
    }
    put(s, "a.log", all);
    put(s, "a.log", R"(\" "}\n{" \\u0041 </script>)");
    put(s, "a.log", "ESC \x1B[31m, DEL \x7F, separators \xE2\x80\xA8 and \xE2\x80\xA9");
    for (char c = 1; c < 32; ++c) {
      if (c != '\n') put(s, "b.log", fmt::format("{}|{}{}", c, int{c}, c == '\r' ? "." : ""));
    }
    s.run_until_delivered();
    s.expect_ok();
  });
}

}  // namespace
}  // namespace sluice::sim
