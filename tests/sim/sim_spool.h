// SPDX-License-Identifier: Apache-2.0
// sim_spool.h — the real spool on a simulated disk, slow and sometimes failing, across lives.
//
// In:      drafts of one lane, fetches, removals.
// Out:     outcomes, after a while; the oracle is shown each record when it survives a crash.
// Owns:    the shelf is the machine's and survives the agent; what is under way is not.
// Thread:  one.
// Why so:  a parcel that comes out of the spool in a later life names tails of an earlier one, and
//          only the oracle knows which bytes those were: here they get names that it can look up.
#pragma once

#include <algorithm>
#include <map>
#include <optional>
#include <utility>
#include <vector>

#include "../flow/memory_spool.h"
#include "dice.h"
#include "flow/spool/spool_log.h"
#include "ledger.h"
#include "sluice/spool.h"

namespace sluice::sim {

// What one destination has on disk, and whose bytes those are.
struct SpoolShelf {
  MemorySpool disk;
  // By sequence. Writes that failed may have left several of one sequence, of which one is there.
  std::multimap<uint64_t, std::vector<SpooledBytes>> records;
  int64_t life = 0;  // of the agent

  // Notes are not synced.
  void lose_power(Dice& dice) {
    for (auto& [number, file] : disk.files) {
      if (dice.chance(500)) file.notes.resize(file.durable_notes);
    }
  }
};

class SimSpool final : public Spool {
 public:
  SimSpool(const Plan& plan, uint32_t destination, Witness& witness, Ledger& ledger,
           SpoolShelf& shelf, Dice dice, WallTime wall)
      : plan_(plan),
        destination_(destination),
        witness_(witness),
        ledger_(ledger),
        shelf_(shelf),
        dice_(dice),
        wall_(wall),
        log_(settings(plan.destinations[destination]), shelf.disk) {
    ++shelf_.life;
    shelf_.disk.fails = [](MemorySpool::Call) { return 0; };
    SLUICE_CHECK(log_.open(wall).ok(), "a simulated spool opens");
    for (const auto& [sequence, bytes] : shelf_.records)
      ledger_.spooled_before(destination_, bytes);
    shelf_.disk.fails = [this](MemorySpool::Call call) { return fails(call); };
  }
  ~SimSpool() override {
    shelf_.disk.fails = [](MemorySpool::Call) { return 0; };
  }

  void store(std::vector<SpoolDraft> drafts) override {
    if (!drafts_.empty()) witness_.violation("I7 BOUND", "a second write before the first is done");
    drafts_ = std::move(drafts);
    stored_at_ = witness_.now + dice_.between(Duration(0), kSlow);
  }
  std::optional<Result<uint64_t>> stored() override {
    if (drafts_.empty() || stored_at_ > witness_.now) return std::nullopt;
    return write();
  }
  void fetch() override {
    if (fetching_) witness_.violation("I7 BOUND", "a second fetch before the first is done");
    fetching_ = true;
    fetched_at_ = witness_.now + dice_.between(Duration(0), kSlow);
  }
  std::optional<Result<SpooledParcel>> fetched() override {
    if (!fetching_ || fetched_at_ > witness_.now) return std::nullopt;
    fetching_ = false;
    work();
    Result<SpooledParcel> got = log_.fetch();
    const SpoolCounts now = log_.counts();
    witness_.see("spool d%ld gives %ld, %ld lost, %ld left", destination_,
                 got && got->parcel != nullptr ? static_cast<int64_t>(got->sequence) : -1,
                 now.lost_records, now.records);
    if (got && got->parcel != nullptr) name_again(*got);
    return got;
  }
  void remove(uint64_t sequence, Lines lines) override {
    removals_.push_back({witness_.now + dice_.between(Duration(0), kSlow), sequence, lines});
  }
  SpoolCounts counts() override {
    removed_ = false;
    return log_.counts();
  }

  // What the disk does by itself.
  void work() {
    while (!removals_.empty() && removals_.front().at <= witness_.now) remove_first();
  }
  // The lane is woken for each thing that is done.
  MonoTime next_event() const {
    if (removed_) return witness_.now;
    MonoTime next = drafts_.empty() ? kNever : stored_at_;
    if (fetching_) next = std::min(next, fetched_at_);
    return removals_.empty() ? next : std::min(next, removals_.front().at);
  }
  // The process is gone: what it was doing is done, or not. A clean end waits for its disk.
  void agent_ends(bool clean) {
    if (!drafts_.empty() && dice_.chance(500)) (void)write();
    while (!removals_.empty() && (clean || dice_.chance(500))) remove_first();
    removals_.clear();
    drafts_.clear();
  }

  bool faults = true;

 private:
  static constexpr Duration kSlow{40'000'000};
  struct Removal {
    MonoTime at;
    uint64_t sequence;
    Lines lines;
  };

  static SpoolSettings settings(const DestinationPlan& plan) {
    SpoolSettings settings;
    settings.bytes_max = Bytes(plan.spool_max);
    settings.segment_bytes = Bytes(1500);
    return settings;
  }
  int fails(MemorySpool::Call) {
    if (!faults || !dice_.chance(plan_.spool_error)) return 0;
    witness_.saw(Rare::kSpoolFailed);
    return dice_.one_of({ENOSPC, EIO});
  }
  Result<uint64_t> write() {
    const std::vector<SpoolDraft> drafts = std::exchange(drafts_, {});
    shelf_.disk.cut_works = dice_.chance(500);
    // What failed may be there all the same, under these sequences until others take them.
    const uint64_t sequence = log_.next_sequence();
    const Result<uint64_t> first = log_.append(drafts, wall_);
    SLUICE_CHECK(!first || *first == sequence, "sequences go on");
    if (first.ok())
      shelf_.records.erase(shelf_.records.lower_bound(sequence), shelf_.records.end());
    TextPool texts;
    for (size_t i = 0; i < drafts.size(); ++i) {
      const ParcelPtr parcel = decode_parcel(head_of(drafts[i]), drafts[i].payload, texts);
      SLUICE_CHECK(parcel != nullptr, "what is written can be read");
      shelf_.records.emplace(sequence + i, ledger_.spooled(destination_, *parcel, first.ok()));
    }
    return first;
  }
  void remove_first() {
    const Removal removal = removals_.front();
    removals_.erase(removals_.begin());
    log_.remove(removal.sequence, removal.lines);
    removed_ = true;
    witness_.see("spool d%ld is done with %ld", destination_,
                 static_cast<int64_t>(removal.sequence));
    const auto [begin, end] = shelf_.records.equal_range(removal.sequence);
    for (auto it = begin; it != end; ++it) ledger_.unspooled(destination_, it->second);
  }
  // Tails of this run that stand for those of the one that stored it.
  void name_again(SpooledParcel& got) {
    witness_.saw(Rare::kReplayed);
    Parcel& parcel = *got.parcel;
    const auto [begin, end] = shelf_.records.equal_range(got.sequence);
    const auto known = std::find_if(begin, end, [&](const auto& record) {
      return record.second.front().key == key_pair(parcel, destination_);
    });
    SLUICE_CHECK(known != end, "what comes out was put in");
    parcel.destination = DestinationId(destination_);
    for (const SpooledBytes& bytes : known->second) {
      const TailId again = ledger_.known_again(destination_, bytes);
      for (Span& span : parcel.spans) {
        if (span == bytes.span) span.tail = again;
      }
      for (RecordRun& run : parcel.records.runs) {
        if (run.tail == bytes.span.tail && run.epoch == bytes.span.epoch) run.tail = again;
      }
    }
  }

  const Plan& plan_;
  const uint32_t destination_;
  Witness& witness_;
  Ledger& ledger_;
  SpoolShelf& shelf_;
  Dice dice_;
  const WallTime wall_;
  SpoolLog log_;
  std::vector<SpoolDraft> drafts_;
  MonoTime stored_at_;
  bool fetching_ = false;
  MonoTime fetched_at_;
  std::vector<Removal> removals_;
  bool removed_ = false;  // since the lane looked
};

}  // namespace sluice::sim
