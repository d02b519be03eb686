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
#include "flow/discover/siblings.h"
#include "flow/steward_files.h"
#include "flow/steward_rests.h"
#include "flow/steward_settings.h"
#include "flow/steward_waiting.h"
#include "sluice/audit.h"
#include "sluice/messages.h"
#include "sluice/parcel.h"

namespace sluice {

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
  // A file that was asked for its descriptor has come to its end: others will have, too, after
  // this. With the pause above instead 5,000 files and 178 descriptors take twice as long.
  static constexpr Duration kYieldPause{10'000'000};
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
  // A search for copies that was disturbed is repeated after this, and a name that is held back for
  // want of an answer is looked at again.
  static constexpr Duration kRestPause{100'000'000};
  // A hot file of whose growth there are hints is looked at no more often than this.
  static constexpr Duration kHotLookPause{50'000'000};
  // At the first look only a file that is no older than so may be a copy of another.
  static constexpr Duration kCopyFresh{60'000'000'000};

 private:
  // The first source that wants a row's path for the row's destination, with that destination.
  struct Origin {
    SourceId source;
    DestinationId destination;
  };
  // Where a tail begins.
  struct RowChoice {
    CheckpointRow row;
    bool is_new = false;
    std::optional<CheckpointRow> over{};  // the content that the row spoke of was replaced
  };
  // Lines of a content that is over come home to its rest, or to the tail that reads its copy.
  struct Forward {
    int64_t row = 0;
    TailId copy{};           // none while the copy is searched for
    FileOffset taken;        // by the tail that read the content, and there is in the copy
    uint64_t end_proof = 0;  // of the bytes before that
  };
  // What became of the attempt to write a tail's position into its row.
  enum class RowUpdate : uint8_t {
    kDone,
    kReplaced,    // the disk shows another content than the one that was delivered
    kUnreadable,  // the disk does not answer
  };

  // What became of a span.
  enum class Outcome : uint8_t { kAcked, kDropped, kSkipped };

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
  void follow_passed(const CatalogueEvent& event);
  void expect_born_at(const std::string& path, int64_t birth_ns);
  void expect_members(const std::string& path, int64_t present);
  void search_chains();
  bool search_members(const std::string& directory, const Chains& chains);
  bool follow_member(const std::string& at, const std::string& path, const FileStat& seen);
  std::optional<bool> is_copy(const std::string& path, const FileStat& stat,
                              std::span<const std::byte> head, FileHandle handle);
  void follow_without_name(FollowedFile& file);

  // steward_cuts.cc: a file is truncated, and what of it was not read is to be found.
  void begin_cut(FollowedFile& file, Bytes size);
  Cut& new_cut(FollowedFile& file, Bytes size);
  Cut& cut_of(FollowedFile& file, TailId tail);
  void tail_place(const ShardReport& report);
  void ask_place(FollowedTail& tail);
  void settle_share(Cut& cut, FollowedTail& tail);
  void settle_cuts();
  void settle_cut(Cut& cut);
  void leave_all(FollowedTail& tail, const Cut& cut);
  void set_head(FollowedFile& file, std::span<const std::byte> head);
  void learn_head(FollowedFile& file);
  bool cut_pending(const FileKey& file) const;
  Rest& part_with_content(FollowedTail& tail, const Cut* cut);
  void set_taken(Rest& rest, const ContentProof& taken, Bytes behind);
  void restart_tail(FollowedTail& tail, Epoch epoch);
  void rest_of_row(const FollowedFile& file, const CheckpointRow& over);
  Rest& add_rest(CheckpointRow row, Rest rest);
  void load_rest(const CheckpointRow& row);
  void tell_acked(const FollowedTail& tail, Epoch epoch, FileOffset offset);
  bool release_to_rest(const Span& span, Outcome outcome);

  // steward_copies.cc: the search for the copy.
  enum class Found : uint8_t { kYes, kNo, kUnknown };
  // What was seen in this turn: by directory, of names that rotation makes or of others.
  struct Listings {
    std::set<std::string> bases;  // of the files whose copies are searched for
    std::map<std::pair<std::string, bool>, Result<Surroundings>> seen;
  };
  void search_rests();
  std::vector<std::string> directories_for(const CheckpointRow& row);
  const Result<Surroundings>& listing_of(const std::string& directory, bool by_name,
                                         Listings& listings);
  static Found unless_denied(const Rest& rest, const Error& error);
  Found search_copy(int64_t rest, Listings& listings);
  Found search_in(int64_t rest, const std::string& directory, bool by_name, Listings& listings);
  Found try_copy(int64_t rest, const std::string& path, const FileStat& seen);
  Found try_followed(int64_t rest, FollowedFile& file, const std::string& path);
  Found continues(const Rest& rest, const FileFacts& facts, FileHandle handle) const;
  Found continues_any(const FileFacts& facts, FileHandle handle) const;

  // steward_packed_copies.cc: copies that were compressed before they were read.
  Found search_archives(int64_t rest);
  void find_packed(int64_t rest, const std::string& directory, const Surroundings& around,
                   std::vector<Sibling>& found) const;
  std::optional<bool> holds_rest(const Rest& rest, const Unpacking& unpacking, bool over);
  bool is_followed(const Rest& rest, const Unpacking& unpacking);
  void count_unpacked(const Rest& rest, const PackedRow& packed);

  // steward_rests.cc: the copy is found, or nothing holds the content.
  bool has_row(const std::string& destination, const FileStat& stat) const;
  std::set<DestinationId> serve_rests(FollowedFile& file, const std::string& at);
  FileOffset take_over(FollowedTail& tail, Bytes size, const Marker& before);
  void count_beyond(const Rest& rest, Bytes size, const AckWindow& kept);
  void give_up(int64_t rest);
  void end_rest(int64_t rest, const PastGeneration& past);
  void keep_books(const Rest& rest, const PastGeneration& past);

  // steward_held.cc: new names that may be copies in the making.
  bool held_back(const std::string& path, FileHandle handle, const FileStat& stat,
                 std::span<const std::byte> head);
  bool is_known(const FileFacts& facts, FileHandle handle);
  bool may_be_copy_of(const std::string& original, HeldName& held, FileHandle handle,
                      const FileFacts& facts);
  bool is_still_held(HeldName& held, const FollowedFile& file, FileHandle handle, Bytes size);
  void prove_copy(KnownCopy& copy, const FollowedFile& file, FileHandle handle);
  bool ask_tails(FollowedFile& live, HeldName& held, FileHandle handle);
  std::optional<bool> begins_parked(const FollowedFile& parked, const std::string& path,
                                    FileHandle handle, const FileFacts& facts);
  bool was_copied(FollowedFile& live, FileHandle handle);
  void look_at_held();
  std::vector<KnownCopy> copies_of(const FollowedTail& tail) const;

  // steward_adopt.cc: where a file begins, and files that no pattern names any more.
  // `rest`: the row to go on with; 0: whichever fits.
  bool adopt(FollowedFile& file, SourceId source, DestinationId destination, bool first_look,
             int64_t rest = 0);
  std::optional<RowChoice> row_for(FollowedFile& file, const FileFacts& facts, SourceId source,
                                   DestinationId destination, bool first_look);
  Digest128 seed_of(const CheckpointRow& row) const;
  void hand_over(FollowedFile& file, const Origin& origin, const CheckpointRow& row,
                 const Marker& marker);
  FileOffset start_of_new(const FollowedFile& file, SourceId source, bool first_look);
  void leave_row(int64_t row, bool unlinked, MonoTime since);
  void search_left_rows();
  void follow_left_rows();
  std::optional<Surroundings> find_left_rows(const std::string& directory,
                                             const std::vector<int64_t>& rows);
  void search_directory(const std::string& directory, const std::vector<int64_t>& rows);
  bool follow_nameless(const std::string& path, const FileStat& stat);
  bool can_return(const FollowedFile& file);
  void forget_generations(const std::string& path);
  void expire_left_rows();
  void declare_gone(int64_t number);
  std::optional<Origin> origin_of(const CheckpointRow& row) const;

  // steward_packed.cc: files that were compressed before they were read to their end.
  bool expect_archive(int64_t number, const std::string& prefix,
                      const std::vector<Sibling>& siblings);
  void read_archives();
  bool unpack_for(int64_t number, PackedRow& packed);
  bool open_archive(int64_t number, PackedRow& packed);
  bool is_unpacked(const FileStat& archive, const std::string& destination);
  std::optional<FileHandle> open_first(int64_t number, PackedRow& packed);
  std::optional<bool> is_rest_of(int64_t number, const Unpacking& unpacking, bool over);
  bool follow_archive(int64_t number, PackedRow& packed);
  void pass_on(PackedRow& packed);
  void end_unpacking(int64_t number, PackedRow& packed, bool damaged);
  void say_damaged(int64_t number, const PackedRow& packed);
  void next_archive(PackedRow& packed);
  void forget_archives(int64_t number);
  std::vector<const CheckpointRow*> rivals_of(const CheckpointRow& row, const std::string& archive,
                                              std::span<const std::byte> head) const;
  void close_archive(PackedRow& packed);
  void give_up_archives(int64_t number, const PackedRow& packed);
  void close_unpacked(FollowedFile& file, bool delivered);
  Bytes unacked_of(const FileKey& key);

  // steward_tails.cc: what shards and parcels say.
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
  std::vector<FileKey> choose_victims(int64_t wanted);
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
  void audit_rest(const Rest& rest, std::vector<AuditLine>& lines) const;

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
  int64_t rests_want_room_ = 0;      // the same
  int64_t held_want_room_ = 0;       // the same
  std::map<int64_t, Rest> rests_;    // by row; their copies are searched for
  std::vector<Cut> cuts_;            // their tails were asked how much they took
  std::map<std::pair<uint32_t, uint32_t>, Forward> forwards_;  // by tail and epoch
  std::map<std::string, HeldName> held_;
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
  MonoTime rests_at_ = kNever;
  MonoTime held_at_ = kNever;
  bool hints_postponed_ = false;
  bool first_look_ = false;
  bool stopping_ = false;
};

}  // namespace sluice
