// SPDX-License-Identifier: Apache-2.0
// steward.h — the control thread's shell: which files are followed, how far each is delivered.
//
// In:      names (directory hints and comparisons), reports of shards, parcels that come home.
// Out:     orders to shards, rows to the checkpoint store, numbers for people.
// Owns:    every descriptor of a followed file, the ack windows, the checkpoint rows. A descriptor
//          is lent to shards and closed only after all of them let go of it.
// Thread:  one; turn() does everything that is due and says when to come back.
// Limits:  open_files_max descriptors; files beyond it wait for one, parked ones give theirs.
// Fails:   nothing stops it. A store that cannot be written is tried again at the next interval, a
//          file that cannot be opened at the next comparison; both are said and counted.
// Why so:  only one thread ever decides what a name, a file or an offset means, so no two parts can
//          disagree. It works per file and per parcel; lines never pass here.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <unordered_set>
#include <vector>

#include "flow/checkpoint/checkpoint_rows.h"
#include "flow/discover/catalogue.h"
#include "flow/steward_files.h"
#include "flow/unpacking.h"
#include "sluice/audit.h"
#include "sluice/channel.h"
#include "sluice/config.h"
#include "sluice/event_log.h"
#include "sluice/messages.h"
#include "sluice/metrics.h"
#include "sluice/parcel.h"
#include "sluice/waker.h"

namespace sluice {

struct Sibling;

struct StewardSource {
  std::string name;
  PathRules rules;
  StartFrom from = StartFrom::kBeginning;
  std::vector<DestinationId> destinations;
};

struct StewardDestination {
  std::string name;
  bool ordered = false;
};

struct StewardSettings {
  std::vector<StewardSource> sources;
  std::vector<StewardDestination> destinations;
  Duration checkpoint_interval{1'000'000'000};
  Duration reconcile_interval{10'000'000'000};
  // Positions are stored before the interval has passed when they moved by so much: a crash now
  // would deliver those bytes again. Raising it writes less often while catching up at full
  // speed. Measured there without it: 24 MiB exposed; with it: 12 MiB at most, in 20 commits a
  // second.
  Bytes exposed_bytes{4 << 20};
  // The same per row to be written, when that is more: a row costs 20 us. 32 KiB left 17 MiB
  // exposed when 256 files had been adopted just before.
  Bytes exposed_bytes_per_row{8 << 10};
  // Descriptors for followed files. Raising it needs a higher RLIMIT_NOFILE; lowering it makes
  // quiet files be closed and opened again when they grow.
  size_t open_files_max = 900;
  uint32_t producer = 0;  // the steward's index in the channels that it pushes to
  // At most this many orders are in one shard's channel; the rest waits here. The channel has at
  // least so much room.
  size_t orders_max = 1'024;
};

// Compiles the patterns. Fails for a pattern that has no meaning or is not absolute.
Result<StewardSettings> steward_settings(const AgentConfig& config, size_t open_files_max);

// Borrowed; everything outlives the steward.
struct StewardDoors {
  struct Shard {
    Channel<ShardOrder>* orders = nullptr;
    Waker* waker = nullptr;
  };
  std::vector<Shard> shards;  // by ShardId
  Channel<ShardReport>* reports = nullptr;
  Channel<ParcelPtr>* home = nullptr;
};

struct StewardWorld {
  Disk& disk;
  DirectoryFeed& feed;
  Store& store;
  EventLog& log;
  StewardMetrics& metrics;
  Scratch* scratch = nullptr;  // null: compressed files are read by nobody
};

// Exact at the moment of the survey.
struct Survey {
  Bytes lag;           // written and not acknowledged
  Duration lag_age{};  // of the oldest such byte, as seen by earlier surveys
  size_t files = 0;
  size_t tails = 0;
  size_t tails_behind = 0;
  size_t open_files = 0;
};

class Steward {
 public:
  Steward(StewardSettings settings, StewardDoors doors, StewardWorld world);
  // Closes the descriptors. REQUIRES: no shard turns any more.
  ~Steward();
  Steward(const Steward&) = delete;
  Steward& operator=(const Steward&) = delete;

  // Loads the store, looks at all directories, adopts what is there. Fails only if the store does.
  Result<void> start(MonoTime now, WallTime wall);
  // Does what is due; returns when to come back at the latest.
  MonoTime turn(MonoTime now, WallTime wall);
  // Hints that come before this moment are collected and need not wake anybody: a hot file's
  // writer would wake the steward thousands of times a second for nothing.
  MonoTime hints_wanted_at() const { return last_hint_look_ + kHintPause; }

  // Looks at every tail that may be behind.
  Survey survey(MonoTime now);

  // Asks every shard how far it has read; the answers come in a later turn.
  void ask_positions();
  bool positions_known() const { return shards_to_tell_ == 0; }
  // What became of every byte. Exact if the positions are known.
  AuditReport audit(MonoTime now, WallTime wall);

  // Tells the shards to read no more. turn() goes on: parcels still come home.
  void begin_stop();
  // All shards read no more and hold no lines. What was delivered may still be on its way home.
  bool stopped() const { return stopping_ && drained_shards_ == doors_.shards.size(); }
  // The last turn: takes what came home and stores it. Returns the bytes that stay undelivered.
  // REQUIRES: begin_stop() was called, and lanes give back no more parcels.
  Result<Bytes> finish(MonoTime now, WallTime wall);

  // Longer: fewer looks at directories under a burst of changes; shorter: a new file is found
  // sooner. Five milliseconds cap the cost at 200 looks a second.
  static constexpr Duration kHintPause{5'000'000};
  // How long an unlinked file that is delivered to its end must be quiet before it is closed and
  // its disk space freed. A writer that was not told of the deletion may still write to it.
  static constexpr Duration kUnlinkedQuiet{5'000'000'000};
  // The same for a file that was renamed away. It costs a descriptor and no disk, and writers go on
  // in it until they reopen, which may take them a minute; growth after that is found by name.
  static constexpr Duration kRenamedQuiet{60'000'000'000};
  // How long the row of a file that is gone and delivered is kept, in case the file comes back: a
  // mount that is away for a night.
  static constexpr Duration kGoneRowKept{86'400'000'000'000};
  // A million rows that are over are not forgotten in one go: it would keep acks and rotations
  // waiting for a second, and make one commit of everything. A slice costs a few milliseconds.
  static constexpr size_t kExpireAtOnce = 5'000;
  static constexpr Duration kExpirePause{50'000'000};
  // How many such rows are kept per path, of deleted files: their names may come back on another
  // file with the same content (an overlay, an editor), but not those of many rotations ago.
  static constexpr size_t kGoneRowsPerPath = 32;
  // Descriptors are made free at most this often, so that a directory with more files than
  // descriptors does not search for quiet files all the time.
  static constexpr Duration kRoomPause{100'000'000};
  // Leaving files are looked at again not earlier than this after an ack.
  static constexpr Duration kLeavingPause{250'000'000};
  // New rows are committed at most this often, beside the interval: a hundred rotations a second
  // make ten commits. Longer: more that a crash forgets it ever saw.
  static constexpr Duration kNewRowPause{100'000'000};
  // After a name vanished, its directory is looked at again after this: rm -r needs a moment.
  static constexpr Duration kDoubtPause{1'000'000'000};
  // An order that found its channel full is tried again after this.
  static constexpr Duration kOrderPause{2'000'000};
  // A directory in which a rotation was at work while it was searched is searched again after this.
  static constexpr Duration kChainPause{10'000'000};
  // An archive or a scratch file of which the disk knew nothing is asked again after this.
  static constexpr Duration kArchivePause{1'000'000'000};
  // How far unpacking may be ahead of what is acknowledged, per destination: room in the state
  // directory. More than any batch and any line; smaller: more waiting for acks.
  static constexpr Bytes kUnpackedAhead{32 << 20};
  // How much of an archive one turn unpacks: 1 ms to 4 ms.
  static constexpr Bytes kUnpackedPiece{1 << 20};

 private:
  // A path that should be followed but has no descriptor yet.
  struct Unopened {
    bool wants_room = false;  // the budget of descriptors is spent; else it was refused
    bool first_look = false;  // it was there when the agent started
    Error error{};            // the last one
  };
  // A free row whose file may lie under a name that no pattern wants.
  struct LeftRow {
    enum class Place : uint8_t { kUnknown, kFound, kPacked, kAbsent };
    Place place = Place::kUnknown;
    std::string found_at;
    MonoTime since;
  };
  // A row whose file was compressed: its rest is read out of an archive.
  struct PackedRow {
    std::vector<std::string> archives;     // that may hold it, the oldest first
    std::unique_ptr<Unpacking> unpacking;  // of the first of them
    std::optional<FileKey> file;           // the scratch file, once it is followed
    FileOffset given_back;                 // what lies before it there is gone
    bool moved = false;                    // one of them was renamed meanwhile
  };
  // What became of the attempt to write a tail's position into its row.
  enum class RowUpdate : uint8_t {
    kDone,
    kReplaced,    // the disk shows another content than the one that was delivered
    kUnreadable,  // the disk does not answer
  };

  // steward.cc: the order of things.
  void report_damaged_store(const StoredState& loaded);
  void take_reports();
  void take_home();
  void look_at_hints();
  void recheck_directories();
  void reconcile();
  void order(const FollowedTail& tail, ShardOrder::Kind kind);
  void send(ShardId shard, ShardOrder order);
  void flush_orders();
  void count();
  MonoTime next_deadline() const;

  // steward_names.cc: what names do.
  void apply(std::vector<CatalogueEvent>& events);
  void name_appeared(const CatalogueEvent& event);
  void name_gone(const std::string& path, const FileKey& key);
  void lose_name(const std::string& path, const FileKey& key);
  void file_written(const CatalogueEvent& event);
  void note_trouble(const CatalogueEvent& event);
  void open_path(const std::string& path);
  void follow_opened(const std::string& path, FileHandle handle, const FileStat& stat);
  void could_not_open(const std::string& path, const Error& error);
  void retry_unopened(bool only_for_room);
  void serve_sources(FollowedFile& file, const std::string& path, bool first_look);
  void settle_names();
  void begin_leaving(FollowedFile& file);
  void expect_last_line(const FollowedFile& file);

  // steward_chain.cc: files that were rotated before they were seen.
  using Chains = std::map<std::string, int64_t>;  // path to the birth of the last file known there
  void note_chain(const CatalogueEvent& event);
  void expect_members(const std::string& path, int64_t present);
  void search_chains();
  bool search_members(const std::string& directory, const Chains& chains);
  bool follow_member(const std::string& at, const std::string& path, const FileStat& seen);
  std::optional<bool> is_copy(const std::string& path, const FileStat& stat,
                              std::span<const std::byte> head, FileHandle handle);
  void follow_without_name(FollowedFile& file);

  // steward_adopt.cc: where a file begins, and files that no pattern names any more.
  bool adopt(FollowedFile& file, SourceId source, DestinationId destination, bool first_look);
  std::optional<CheckpointRow> row_for(FollowedFile& file, const FileFacts& facts, SourceId source,
                                       DestinationId destination, bool first_look, bool& is_new);
  struct Origin {
    SourceId source;
    DestinationId destination;
  };
  void hand_over(FollowedFile& file, const Origin& origin, const CheckpointRow& row,
                 const Marker& marker);
  FileOffset start_of_new(const FollowedFile& file, SourceId source, bool first_look);
  void leave_row(int64_t row, bool unlinked, MonoTime since);
  void search_left_rows();
  void follow_left_rows();
  void search_directory(const std::string& directory, const std::vector<int64_t>& rows);
  bool follow_nameless(const std::string& path, const FileStat& stat);
  bool can_return(const FollowedFile& file);
  void forget_generations(const std::string& path);
  void expire_left_rows();
  void declare_gone(int64_t number);
  // The first source that wants the row's path for the row's destination, with that destination.
  std::optional<Origin> origin_of(const CheckpointRow& row) const;

  // steward_packed.cc: files that were compressed before they were read to their end.
  bool expect_archive(int64_t number, const std::string& prefix,
                      const std::vector<Sibling>& siblings);
  void read_archives();
  bool unpack_for(int64_t number, PackedRow& packed);
  bool open_archive(int64_t number, PackedRow& packed);
  std::optional<bool> is_rest_of(int64_t number, const Unpacking& unpacking, bool over);
  bool follow_archive(int64_t number, PackedRow& packed);
  void pass_on(PackedRow& packed);
  void end_unpacking(int64_t number, PackedRow& packed, bool damaged);
  void say_damaged(int64_t number, const PackedRow& packed);
  void next_archive(PackedRow& packed);
  void forget_archives(int64_t number);
  std::vector<const CheckpointRow*> rivals_of(const CheckpointRow& row,
                                              std::span<const std::byte> head) const;
  void close_archive(PackedRow& packed);
  void give_up_archives(int64_t number, const PackedRow& packed);
  void close_unpacked(FollowedFile& file, bool delivered);
  Bytes unacked_of(const FileKey& key);

  // steward_tails.cc: what shards and parcels say.
  enum class Outcome : uint8_t { kAcked, kDropped, kSkipped };
  void release_span(const Span& span, Outcome outcome);
  void tail_skipped(const ShardReport& report);
  void tail_cold(const ShardReport& report);
  void tail_new_epoch(const ShardReport& report);
  void tail_released(const ShardReport& report);
  void tail_trouble(const ShardReport& report);
  void tail_refused(const ShardReport& report);
  void drop_refused(FollowedFile& file);
  void wake(FollowedTail& tail);
  bool look_at(FollowedFile& file);
  void look_at_open_files();
  void check_leaving();
  void make_room();
  void release(FollowedFile& file);
  void close_file(FollowedFile& file);
  RowUpdate update_rows(FollowedFile& file);
  void retry_closing();
  Survey sum_up();

  // steward_audit.cc: what became of every byte.
  void tail_position(const ShardReport& report);
  void note_sizes();
  void count_missed(MissedReason reason, Bytes bytes);
  void audit_open(const FollowedFile& file, std::vector<AuditLine>& lines);
  void audit_row(int64_t number, AuditState state, std::optional<Bytes> size,
                 const std::string& name, std::vector<AuditLine>& lines) const;
  void audit_waiting(const std::string& path, const Unopened& unopened,
                     std::unordered_set<int64_t>& told, std::vector<AuditLine>& lines) const;
  void audit_left(int64_t number, std::vector<AuditLine>& lines) const;

  // steward_checkpoint.cc: what is stored.
  Result<void> store_now();
  RowUpdate update_row(FollowedTail& tail);
  void end_row(FollowedTail& tail);
  void restart_row(FollowedTail& tail);
  Result<void> commit_rows();
  void rows_changed();
  void row_added();
  void mark_dirty(FollowedTail& tail);
  void count_exposed(Bytes committed);

  // Constant after construction.
  const StewardSettings settings_;
  const StewardDoors doors_;
  StewardWorld world_;
  std::string host_id_;

  // The steward's thread only.
  Catalogue catalogue_;
  FollowedFiles files_;
  CheckpointRows rows_;
  std::map<std::string, Unopened> unopened_;
  std::map<int64_t, LeftRow> left_;
  std::map<int64_t, PackedRow> packed_;                // by row, the oldest first
  std::unordered_set<FileKey, FileKeyHash> unpacked_;  // scratch files that are followed
  std::vector<FileKey> touched_;                       // their names changed in this turn
  std::unordered_set<FileKey, FileKeyHash> leaving_;   // followed, and no name refers to them
  std::vector<FileKey> closing_;     // let go, but the disk does not answer for the last row
  int64_t left_rows_want_room_ = 0;  // at the last look
  int64_t members_want_room_ = 0;    // the same
  int64_t archives_want_room_ = 0;   // the same
  Chains chains_;                    // whose members are not all known
  std::vector<bool> begins_at_end_;  // per source: what is there at the first look is not read
  std::vector<TailId> dirty_;
  Bytes exposed_;                               // by which positions moved since the last commit
  bool store_works_ = true;                     // the last attempt succeeded
  std::vector<std::deque<ShardOrder>> orders_;  // per shard; not in its channel yet
  std::vector<bool> drained_;
  std::vector<DirectoryChange> hints_;  // kept for their memory
  size_t open_files_ = 0;
  size_t drained_shards_ = 0;
  size_t shards_to_tell_ = 0;  // were asked for positions and have not said all
  // The present turn's.
  MonoTime now_;
  WallTime wall_;
  // When something is due; kNever if nothing is.
  MonoTime last_hint_look_{-1'000'000'000};
  MonoTime reconcile_at_ = kNever;
  MonoTime expire_at_ = kNever;
  int64_t expire_from_ = 0;  // the row at which the next slice begins
  MonoTime store_at_ = kNever;
  MonoTime new_rows_at_ = kNever;    // rows of files that the store has never heard of
  MonoTime stored_{-1'000'000'000};  // the last attempt
  MonoTime leaving_at_ = kNever;
  MonoTime room_at_ = kNever;
  MonoTime closing_at_ = kNever;
  MonoTime recheck_at_ = kNever;
  MonoTime chains_at_ = kNever;
  MonoTime archives_at_ = kNever;
  bool hints_postponed_ = false;
  bool first_look_ = false;
  bool stopping_ = false;
};

}  // namespace sluice
