// SPDX-License-Identifier: Apache-2.0
// ledger.h — the oracle: what the agent owes, and every promise it could break.
//
// In:      each move that crosses a seam: a file is adopted, read, published as a block; a request
//          is stored, answered; a parcel comes home; a row is committed; names and processes go.
// Out:     violations, named as in design.md section 7, at the step where they happen.
// Owns:    what the present run's tails are about. The bytes' fates lie in the file model.
// Thread:  one.
// Why so:  it knows files as contents and not as paths, inodes or epochs, so it cannot share the
//          agent's mistakes about those.
#pragma once

#include <functional>
#include <map>
#include <set>
#include <span>
#include <string>
#include <unordered_map>
#include <vector>

#include "body_reader.h"
#include "plan.h"
#include "sim_disk.h"
#include "sluice/dead_letters.h"
#include "sluice/line_block.h"
#include "sluice/messages.h"
#include "sluice/parcel.h"
#include "sluice/store.h"
#include "witness.h"

namespace sluice::sim {

// What the oracle counts beside the agent's own metrics (I8).
struct LaneCounts {
  int64_t sent = 0;
  int64_t delivered_parcels = 0;
  int64_t delivered_lines = 0;
  int64_t delivered_raw_bytes = 0;
  int64_t delivered_body_bytes = 0;
  int64_t dropped_lines = 0;
  int64_t dropped_raw_bytes = 0;
  int64_t undelivered = 0;
};

// A body, for a destination.
std::pair<uint64_t, uint64_t> key_pair(const Parcel& parcel, uint32_t destination);

// Bytes that lie in the spool, whatever becomes of their file.
struct SpooledBytes {
  Life* life = nullptr;
  std::string path;
  Span span;  // in the words of the run that stored it
  std::pair<uint64_t, uint64_t> key;
};

class Ledger {
 public:
  Ledger(const Plan& plan, Witness& witness, SimDisk& disk);

  // A run of the agent.
  void run_begins();
  void run_ends();  // after a crash or a stop: what only it knew is gone

  // The road of a line.
  void adopted(const TailSpec& spec);
  void read_done(size_t buffer, const Inode& inode, MonoTime asked_at);
  void published(const LineBlock& block);
  void stored(uint32_t destination, const Parcel& parcel);
  void acked(uint32_t destination, const Parcel& parcel);
  // What a receiver that looks into bodies says to this one: 400, 413, or 0 for all is well.
  int32_t refusal(uint32_t destination, const Parcel& parcel);
  void refused(uint32_t destination, const Parcel& parcel);
  // Whether so many lines were refused one by one since the last success that the lane may hold
  // the next one, as documented: whoever refuses everything must not empty the files.
  bool may_hold(uint32_t destination) const;
  void buried(uint32_t destination, const DeadLetter& letter);
  void came_home(const Parcel& parcel);
  // The spool: a record is durable there; it was when the run began; it is done with.
  std::vector<SpooledBytes> spooled(uint32_t destination, const Parcel& parcel, bool durable);
  void spooled_before(uint32_t destination, const std::vector<SpooledBytes>& bytes);
  void unspooled(uint32_t destination, const std::vector<SpooledBytes>& bytes);
  // A tail of the present run for such bytes.
  TailId known_again(uint32_t destination, const SpooledBytes& bytes);
  void committed(const CheckpointRow& row);
  void row_erased(int64_t row) { rows_.erase(row); }
  // Between two runs: what the next one will find.
  void store_is(const std::map<int64_t, CheckpointRow>& rows, bool damaged);

  // Names.
  void names_changed(const Inode& inode);
  void closed_by_agent(const Inode& inode);
  bool wanted(const std::string& path) const;
  bool has_wanted_name(const Inode& inode) const;

  // At the end, when nothing moves any more. `lag` is what the agent says is not acknowledged.
  void settle_accounts(Bytes lag);
  // After a stop that ended in time and stored its rows.
  void check_clean_stop();

  const LaneCounts& counts(uint32_t destination) const { return counts_[destination]; }
  int64_t taken_bytes() const { return taken_bytes_; }
  int64_t owed_missing() const;   // bytes that are owed and not settled, for the trace
  int64_t settled_bytes() const;  // of all contents
  std::function<bool()> agent_up;
  bool receivers_mended = false;  // they take every line and every body
  // Scenes look at the records themselves: what the receiver now has.
  std::function<void(uint32_t, const std::vector<BodyRecord>&)> on_stored;

 private:
  struct TailFacts {
    Inode* inode = nullptr;
    uint32_t destination = 0;
    std::string path;
    std::map<uint32_t, Life*> lives;  // by epoch
    // Contents before, of an epoch that goes on behind a cut: what lay before it is theirs.
    std::map<uint32_t, std::vector<EarlierLife>> earlier;
  };
  // What a read found: whose bytes, and how things stood at that moment.
  struct ReadFacts {
    Life* life = nullptr;
    int64_t size = 0;
    int64_t changed_at = 0;
    MonoTime asked_at;
  };
  struct Cursor {
    Life* life = nullptr;
    const std::vector<EarlierLife>* earlier = nullptr;
    const std::string* path = nullptr;
    int64_t at = 0;
    int64_t end = 0;
    // Bytes of the end of a line that may or may not belong to the last piece.
    int64_t may_skip = 0;

    bool done() const { return at <= end && at + may_skip >= end; }
  };

  Reach& reach(const Span& span);
  void settle(const Span& span, RangeSet Reach::*how);
  Life* life_of(const Span& span);
  Inode* find_unpacked(Inode& scratch, const TailSpec& spec);
  Life* life_with(const Inode& inode, FileOffset offset, uint64_t marker_hash,
                  uint32_t marker_bytes) const;
  bool row_speaks_of(const CheckpointRow& row, const Inode& inode, uint32_t destination) const;
  bool row_known(const Inode& inode, uint32_t destination) const;
  bool can_be_found(const Inode& inode, uint32_t destination) const;
  void forget_packed_twins(const Inode& inode);
  void excuse_rest(Inode& inode, uint32_t destination);
  void check_body(uint32_t destination, const Parcel& parcel);
  using FailedWays = std::set<std::vector<int64_t>>;  // positions that lead nowhere
  bool assign(std::vector<Cursor> cursors, std::span<const BodyRecord> records,
              FailedWays& failed) const;
  bool covers(const Cursor& cursor, const BodyRecord& record) const;
  bool advance(std::vector<Cursor>& cursors, const BodyRecord& record) const;
  bool matches(Cursor& cursor, const BodyRecord& record) const;
  bool matches_replaced(Cursor& cursor, const BodyRecord& record) const;
  void check_not_twice(uint32_t destination, const Parcel& parcel, const Span& span);
  void check_order(uint32_t destination, const Span& span);
  void check_epoch(TailFacts& tail, const LineBlock& block, Life& life);
  void check_cut(const LineBlock& block, const ReadFacts& read);
  void check_resumes(const TailSpec& spec, Inode& inode);
  RangeSet settled(const Life& life, size_t destination) const;
  RangeSet delivered(const Life& life, size_t destination) const;
  RangeSet come(const Life& life, size_t destination) const;
  RangeSet known_by_run(const Life& life, size_t destination) const;
  RangeSet taken_with_parents(const Life& life, size_t destination) const;
  RangeSet taken_of_original(const Life& life, size_t destination) const;
  void check_copy(const TailSpec& spec, const Life& life);
  void check_rest(const Life& life, uint32_t destination);
  static int64_t common_bytes(const std::string& a, const std::string& b);
  // What `of` says of a content, and of those that it began with bytes of, as far as these go.
  template <class Of>
  static RangeSet with_parents(const Life& life, const Of& of) {
    RangeSet all = of(life);
    if (life.parent != nullptr)
      all.add(
          with_parents(*life.parent, of).before(common_bytes(life.content, life.parent->content)));
    return all;
  }
  bool has_twin(const Life& life, int64_t bytes, size_t destination, bool anywhere) const;
  bool is_elsewhere(const Life& life) const;
  bool settled_by_all(const Life& life) const;
  RangeSet stored_of(const Life& life, size_t destination) const;
  RangeSet reached_of_cuts(const Life& life, size_t destination) const;
  RangeSet delivered_of_kin(const Life& life, size_t destination) const;
  RangeSet refused_of(const Life& life, size_t destination) const;
  void settle_life(const Inode& inode, Life& life, uint32_t destination, int64_t& unfinished);
  void broken(const char* invariant, const Life& life, int64_t at, const char* what);

  const Plan& plan_;
  Witness& witness_;
  SimDisk& disk_;
  std::unordered_map<uint32_t, TailFacts> tails_;  // of the present run
  uint32_t tails_known_again_ = 0;
  std::vector<ReadFacts> in_buffer_;  // what the last read into a buffer found
  std::set<std::pair<uint64_t, uint64_t>> keys_stored_, keys_acked_;  // of the present run
  std::set<std::pair<uint64_t, uint64_t>> keys_spooled_before_;
  std::map<int64_t, CheckpointRow> rows_;  // as stored
  std::vector<LaneCounts> counts_;         // of the present run
  // Lines that were refused alone since the last success, by destination: content and place.
  std::vector<std::set<std::pair<uint32_t, int64_t>>> refused_in_row_;
  int64_t taken_bytes_ = 0;
  bool store_damaged_ = false;  // when the present run began
  BodyReader reader_;
};

}  // namespace sluice::sim
