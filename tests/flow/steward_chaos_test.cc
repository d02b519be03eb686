// SPDX-License-Identifier: Apache-2.0
// Random rotations, deletions, crashes and outages, chosen by a seed. The oracle knows every line
// that was written: at the end each was confirmed, and twice only if a crash made it so.
#include <gtest/gtest.h>

#include <random>
#include <set>

#include "steward_stand.h"

namespace sluice {
namespace {

using namespace literals;

StewardSettings chaos_settings(const std::vector<std::string>& patterns, size_t open_files_max) {
  auto rules = PathRules::compile(patterns, {});
  SLUICE_CHECK(rules.ok(), "the patterns of a test are well formed");
  StewardSettings settings;
  settings.sources.push_back({.name = "default",
                              .rules = std::move(*rules),
                              .from = StartFrom::kBeginning,
                              .destinations = {DestinationId(0)}});
  settings.destinations.push_back({.name = "default", .ordered = false});
  settings.open_files_max = open_files_max;
  return settings;
}

struct Chances {
  bool crashes = false;
  bool rotated_names_match = true;  // the pattern names rotated files, too
  size_t open_files_max = 100;
};

class Chaos {
 public:
  Chaos(uint32_t seed, const Chances& chances)
      : random_(seed),
        chances_(chances),
        stand_(chaos_settings({chances.rotated_names_match ? "/l/*.log*" : "/l/*.log"},
                              chances.open_files_max),
               disk_, disk_, store_) {
    disk_.make_directories("/l");
    disk_.reuse_inodes = one_in(2);
    disk_.births = !one_in(3);
  }

  void play(int moves) {
    stand_.start();
    for (int i = 0; i < moves; ++i) move();
    if (!running_) start();
    disk_.lose_hints = false;
    disk_.overflow = true;
    stand_.answering = true;
    // Long enough for a comparison, and for files that wait for a descriptor.
    stand_.run(chances_.open_files_max < 100 ? 900_s : 60_s);
  }

  void judge() {
    std::map<std::string, int> confirmed;
    for (const auto& [path, lines] : stand_.lines) {
      for (const std::string& line : lines) ++confirmed[line];
    }
    for (const std::string& line : written_)
      EXPECT_TRUE(confirmed.contains(line)) << "lost: " << line << trace_;
    for (const auto& [line, times] : confirmed) {
      EXPECT_TRUE(written_.contains(line)) << "never written: " << line << trace_;
      EXPECT_TRUE(times == 1 || chances_.crashes) << "doubled: " << line << trace_;
    }
    EXPECT_EQ(stand_.steward().survey(stand_.now).lag, 0_B) << trace_;
  }

 private:
  bool one_in(uint32_t n) { return random_() % n == 0; }

  void move() {
    switch (random_() % 12) {
      case 0:
      case 1:
      case 2:
      case 3:
        return append(live_name());
      case 4:
        return rotate(live_name());
      case 5:
        return append_to_rotated();
      case 6:
        return running_ ? remove() : void();
      case 7:
        return running_ ? truncate() : void();
      case 8:
        stand_.answering = !one_in(3);
        if (running_ && one_in(2)) stand_.confirm_newest_half();
        return;
      case 9:
        disk_.lose_hints = one_in(3);
        return;
      case 10:
        return one_in(4) ? stop_or_start() : void();
      default:
        if (running_) stand_.run(Duration(int64_t(random_() % 4'000) * 1'000'000));
    }
  }

  std::string live_name() { return one_in(2) ? "/l/a.log" : "/l/b.log"; }
  void note(const std::string& what) { trace_ += "\n  " + what; }

  void append(const std::string& path) {
    // A name that is born while nobody looks must still have it when somebody does, unless rotated
    // names match; see rotate().
    std::string text;
    for (auto lines = 1 + random_() % 3; lines > 0; --lines) {
      const std::string line = path + " line " + std::to_string(++last_line_) + "\n";
      written_.insert(line);
      text += line;
    }
    disk_.append(path, text);
    note("append " + path + " to " + std::to_string(last_line_));
  }
  void rotate(const std::string& name) {
    if (!disk_.exists(name)) return;
    if (!chances_.rotated_names_match && !known_to_agent(name)) return;
    note("rotate " + name);
    int last = 1;
    while (disk_.exists(name + "." + std::to_string(last))) ++last;
    for (; last > 1; --last)
      disk_.rename(name + "." + std::to_string(last - 1), name + "." + std::to_string(last));
    disk_.rename(name, name + ".1");
    if (one_in(2)) append(name);
  }
  // Without a name that matches, only a stored row leads to a file that was renamed.
  bool known_to_agent(const std::string& name) {
    if (!running_) return alive_at_stop_.erase(name) == 1;
    settle();
    return true;
  }
  void append_to_rotated() {
    const std::string path = live_name() + "." + std::to_string(1 + random_() % 2);
    if (disk_.exists(path)) append(path);
  }
  void remove() {
    const std::string path = live_name() + (one_in(2) ? "" : ".1");
    if (!disk_.exists(path)) return;
    settle();  // the agent has it open now, or had it and delivered all
    note("unlink " + path);
    disk_.unlink(path);
    only_copy_ = true;
  }
  void truncate() {
    const std::string path = live_name();
    if (!disk_.exists(path)) return;
    // What was not read before the truncation is lost by nature.
    const bool answered = std::exchange(stand_.answering, true);
    settle();
    stand_.answering = answered;
    note("truncate " + path);
    disk_.overwrite(path, "");
    only_copy_ = true;
    append(path);
  }
  // Until every present name was looked at and every file read to its end.
  void settle() {
    const bool scarce = chances_.open_files_max < 100;
    // A file that waits for a descriptor cannot be read before others are delivered.
    stand_.answering = stand_.answering || scarce;
    stand_.run(scarce ? 300_s : 24_s);
  }

  void stop_or_start() {
    if (!running_) return start();
    // What only the agent still has, in a descriptor or in flight, does not survive its end.
    const bool deliver = std::exchange(only_copy_, false);
    stand_.answering = stand_.answering || deliver;
    // A file that was not looked at, or has no row yet (they are stored once a second), can only be
    // found by its name.
    if (deliver || !chances_.rotated_names_match) settle();
    for (const char* name : {"/l/a.log", "/l/b.log"}) {
      if (disk_.exists(name)) alive_at_stop_.insert(name);
    }
    running_ = false;
    if (chances_.crashes && one_in(2)) {
      note("crash");
      return stand_.crash();
    }
    note("stop");
    stand_.stop();
  }
  void start() {
    note("start");
    stand_.start();
    running_ = true;
    alive_at_stop_.clear();
  }

  std::mt19937 random_;
  const Chances chances_;
  MemoryDisk disk_;
  MemoryStore store_;
  StewardStand stand_;
  std::set<std::string> written_;
  std::set<std::string> alive_at_stop_;
  std::string trace_;
  int last_line_ = 0;
  bool running_ = true;
  bool only_copy_ = false;  // lines are unconfirmed perhaps, and no name leads to them any more
};

void play_seeds(uint32_t seeds, const Chances& chances) {
  for (uint32_t seed = 1; seed <= seeds && !testing::Test::HasFailure(); ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    Chaos chaos(seed, chances);
    chaos.play(150);
    chaos.judge();
  }
}

TEST(StewardChaos, WithoutCrashesEveryLineIsConfirmedExactlyOnce) {
  play_seeds(40, {});
}

TEST(StewardChaos, WithCrashesEveryLineIsConfirmed) {
  play_seeds(40, {.crashes = true});
}

TEST(StewardChaos, RotatedOutOfThePatternsEveryLineIsConfirmedExactlyOnce) {
  play_seeds(40, {.rotated_names_match = false});
}

TEST(StewardChaos, RotatedOutOfThePatternsWithCrashesEveryLineIsConfirmed) {
  play_seeds(40, {.crashes = true, .rotated_names_match = false});
}

TEST(StewardChaos, WithTwoDescriptorsEveryLineIsConfirmedExactlyOnce) {
  play_seeds(6, {.open_files_max = 2});
}

}  // namespace
}  // namespace sluice
