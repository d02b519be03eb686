// SPDX-License-Identifier: Apache-2.0
// scene.h — a short play in the simulated world: what one row of docs/scenarios.md says, acted out.
//
// In:      calls that read as a script: write, rename, copy, truncate, start, kill, run a second.
// Out:     what the receiver has, line by line; the oracle's verdict (I1 to I8) at the end.
// Owns:    the whole world: disk, network, receivers, the agent's lives. One thread.
// Limits:  a name without a slash lies in /logs. Lines that write() makes are all different.
// Why so:  a schedule of the simulator searches; a scene says. A row of the catalogue is proved by
//          a test that a reader can compare with the row, and play() acts it in many casts: other
//          numbers of shards, tiny buffers, late hints, ordered lanes, reused inodes.
#pragma once

#include <cstdio>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "agent_life.h"

namespace sluice::sim {

// A record as the receiver has it.
struct StoredRecord {
  uint32_t destination = 0;
  BodyRecord record;
  MonoTime at;
};

class Scene {
 public:
  Scene(const Plan& plan, uint64_t seed);
  ~Scene();
  Scene(const Scene&) = delete;
  Scene& operator=(const Scene&) = delete;

  // Programs that log. Each call opens the name, acts and closes it again.
  void write(const std::string& name, int lines);               // whole lines, owed from now on
  void append(const std::string& name, std::string_view text);  // these bytes, owing nothing
  // A program that keeps its descriptor, whatever becomes of the name.
  Inode* open(const std::string& name);
  void write(Inode* file, int lines);
  void append(Inode* file, std::string_view text);
  // Behind the end, as who does not append.
  void write_behind(Inode* file, size_t at, int lines);
  void close(Inode* file);

  // Rotators and people.
  void rename(const std::string& from, const std::string& to);
  // The first `end` bytes; goes on where an earlier call came to.
  void copy(const std::string& from, const std::string& to, size_t end = std::string::npos);
  void truncate(const std::string& name, size_t keep = 0);
  void unlink(const std::string& name);
  void pack(const std::string& from, const std::string& to);  // to .gz or .zst
  void link(const std::string& name, const std::string& more);
  void symlink(const std::string& target, const std::string& name);  // made, or pointed elsewhere
  void make_directory(const std::string& name);
  void remove_directory(const std::string& name);
  void rename_directory(const std::string& from, const std::string& to);
  bool exists(const std::string& name) const;
  const std::string& content(const std::string& name) const;

  // The operator.
  void start();
  void begin_stop();  // SIGTERM; it ends when it ends
  void stop();        // and wait for the end
  int64_t kill();     // SIGKILL; returns D1: bytes that may come a second time
  // The power fails: what nobody synced is gone or torn, in log files and in the store.
  void lose_power();
  bool up() const { return agent_ != nullptr; }
  MonoTime ended_at() const { return ended_at_; }
  // The agent is killed after so many turns of its threads, and comes back soon.
  void kill_after_turns(int64_t turns) { turns_left_ = turns; }
  bool was_killed_by_turns() const { return turns_left_ == 0; }
  int64_t killed_at_risk() const { return killed_at_risk_; }

  // The weather at a destination, the state directory, the wall clock.
  void receiver(Weather weather, uint32_t destination = 0);
  void receiver_down() { receiver(Weather::kRefused); }
  void receiver_up() { receiver(Weather::kFine); }
  void store_full(bool full) { store_.full = full; }
  SimStore& store() { return store_; }
  void shift_wall(Duration by) { wall_shift_ns_ += by.value; }
  // Right before the n-th call of the steward to the disk, counted from now.
  void at_disk_call(int64_t call, std::function<void()> act);
  // At the latest now. False if it has happened already.
  bool act_now();

  // Time.
  MonoTime now() const { return witness_.now; }
  void run(Duration time);
  bool run_until(const std::function<bool()>& done, Duration at_most);
  // Until the agent holds a descriptor of the file: what happens to its name before that is the
  // documented window of files that come and go unseen.
  void run_until_followed(const std::string& name, Duration at_most = Duration(5'000'000'000));
  // Until the receivers have confirmed all that is owed. A failure if it takes longer.
  void run_until_delivered(Duration at_most = Duration(30'000'000'000));

  // The book of lines.
  void owe(std::string line, int times = 1) { book_[std::move(line)].owed += times; }
  // Lines written until now that did not arrive need not arrive: a documented window.
  void forgive_unread() { forgiving_ = true; }
  const std::vector<StoredRecord>& records() const { return records_; }
  // Lines of one path in the order of their offsets.
  std::vector<std::string> lines_of(const std::string& name) const;
  int64_t lines_stored(uint32_t destination = 0) const;
  int64_t lines_owed() const;
  int64_t lines_missing() const;   // owed and at no receiver
  int64_t bytes_missing() const;   // with their newlines
  int64_t bytes_repeated() const;  // stored more often than owed

  // Numbers of all lives of the agent so far.
  int64_t sum(Counter StewardMetrics::*which) const;
  int64_t sum(Counter ShardMetrics::*which) const;
  int64_t sum(Counter LaneMetrics::*which) const;

  Plan& plan() { return plan_; }  // faults may be changed while it plays
  SimDisk& disk() { return disk_; }
  Witness& witness() { return witness_; }
  AgentLife& agent() { return *agent_; }
  Ledger& ledger() { return ledger_; }

  // The end: faults stop, everything owed arrives, nothing is held, a stop ends in time. Called by
  // the expectations below; after it the agent is down.
  void end();
  // What a row calls OK: every line once at every receiver, and no other line.
  void expect_ok();
  // After crashes: every line, and no other; at most so many bytes twice.
  void expect_no_loss(int64_t bytes_repeated_max);
  // For the report of a failed test.
  std::string story() const;

 private:
  struct Entry {
    int64_t owed = 0;
    std::array<int64_t, kDestinationsMax> stored{};
  };
  static std::string path_of(const std::string& name);
  std::string make_line(const std::string& name);
  void stored(uint32_t destination, const std::vector<BodyRecord>& records);
  void make_life();
  void end_life(bool crash);
  void keep_numbers();
  bool step(MonoTime until);
  bool turn_someone();
  MonoTime next_moment() const;
  int64_t at_risk() const;
  void called_disk();
  void settle();
  void compare_book(bool once);

  Plan plan_;
  Witness witness_{false};
  Dice dice_;
  bool faults_ = true;
  bool ended_ = false;
  bool forgiving_ = false;
  int64_t wall_shift_ns_ = 0;
  SimFeed feed_;
  SimDisk disk_;
  Ledger ledger_;
  SimStore store_;
  std::vector<DestinationSky> skies_;
  std::vector<SpoolShelf> shelves_;
  std::unique_ptr<AgentLife> agent_;
  bool up_ = false;
  MonoTime ended_at_ = kNever;
  int64_t turns_left_ = -1;
  int64_t killed_at_risk_ = 0;
  MonoTime revive_at_ = kNever;
  int64_t calls_left_ = -1;
  std::function<void()> act_at_call_;
  std::vector<MonoTime> stalled_until_;
  int64_t lines_made_ = 0;
  std::map<std::string, Entry> book_;
  std::vector<StoredRecord> records_;
  // Numbers of lives that are over, in the order of the tables in scene_judge.cc.
  std::vector<int64_t> past_steward_, past_shards_, past_lanes_;
};

using Script = std::function<void(Scene&)>;

// A calm machine with one destination: the plan that scenes begin with.
Plan scene_plan();
// Acts the script in every cast. `change` fixes what the row is about; it is applied last.
void play(const Script& script, const std::function<void(Plan&)>& change = {});
// Acts the script again and again and kills the agent one turn later each time, until a run comes
// to its end alive. Loses nothing and repeats at most D1 each time. The script starts the agent.
// `repeats_beside`: bytes that may come twice for other reasons, as after answers that got lost.
void play_killed_at_every_turn(const Script& script, const std::function<void(Plan&)>& change = {},
                               int64_t repeats_beside = 0);
// Sets the stage, then lets `between` happen before the first call of the steward to the disk,
// before the second, ... until a run of three seconds makes fewer calls.
struct Interruption {
  Script before, between, after;
};
void play_between_all_calls(const Interruption& scenes,
                            const std::function<void(Plan&)>& change = {});

}  // namespace sluice::sim
