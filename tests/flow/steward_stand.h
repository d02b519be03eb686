// SPDX-License-Identifier: Apache-2.0
// steward_stand.h — a steward with everything it talks to: files, a store, shards, a destination.
//
// In:      what a test does to the disk, to the destination (answering or not) and to the process
//          (stop, crash, start again); time, moved by run().
// Out:     the lines that the destination confirmed, by path, in order of confirmation.
// Owns:    all of it. One thread, no real clock.
// Limits:  ModelShard reads whole files at once and knows no buffers: it is the contract of
//          messages.h acted out as plainly as possible, not the real shard.
// Why so:  what the steward owes is about lines: none lost, none doubled. So the tests look at
//          lines, and the orders in between are free to change.
#pragma once

#include <deque>
#include <map>
#include <memory>
#include <string>
#include <tuple>
#include <vector>

#include "flow/steward.h"
#include "memory_disk.h"

namespace sluice {

template <class T>
class DequeChannel final : public Channel<T> {
 public:
  bool push(uint32_t, T value) override {
    values_.push_back(std::move(value));
    return true;
  }
  bool pop(T& value) override {
    if (values_.empty()) return false;
    value = std::move(values_.front());
    values_.pop_front();
    return true;
  }
  size_t size_approx() const override { return values_.size(); }

 private:
  std::deque<T> values_;
};

// Values can be kept back for a while, as if their producer had been slow.
template <class T>
class SlowChannel final : public Channel<T> {
 public:
  bool push(uint32_t, T value) override {
    (slow ? kept_ : arrived_).push_back(std::move(value));
    return true;
  }
  bool pop(T& value) override {
    if (arrived_.empty()) return false;
    value = std::move(arrived_.front());
    arrived_.pop_front();
    return true;
  }
  size_t size_approx() const override { return arrived_.size(); }
  void let_through() {
    for (T& value : kept_) arrived_.push_back(std::move(value));
    kept_.clear();
  }
  bool slow = false;

 private:
  std::deque<T> arrived_;
  std::deque<T> kept_;
};

// What survives a crash: rows of the last commit.
class MemoryStore final : public Store {
 public:
  Result<StoredState> load() override {
    StoredState state;
    for (const auto& [number, row] : rows) state.rows.push_back(row);
    state.host_id = "host";
    state.set_aside = set_aside;
    state.damaged_rows = damaged_rows;
    return state;
  }
  Result<void> commit(std::span<const CheckpointRow> upserts,
                      std::span<const int64_t> erased) override {
    if (broken) return Error::from_errno("commit", ENOSPC);
    ++commits;
    for (const CheckpointRow& row : upserts) rows[row.row] = row;
    for (int64_t row : erased) rows.erase(row);
    return {};
  }

  std::map<int64_t, CheckpointRow> rows;
  std::string set_aside;
  int64_t damaged_rows = 0;
  bool broken = false;
  int commits = 0;
};

class RecordingLog final : public EventLog {
 public:
  using EventLog::event;
  void event(Severity, std::string_view key, std::string_view,
             std::span<const EventField>) noexcept override {
    ++keys[std::string(key)];
  }
  std::map<std::string, int> keys;
};

// A record that is on its way.
struct Record {
  std::string path;
  DestinationId destination;
  std::string line;
  Span span;
};

class ModelShard {
 public:
  ModelShard(Disk& disk, ShardId id, Channel<ShardOrder>& orders, Channel<ShardReport>& reports)
      : disk_(disk), id_(id), orders_(orders), reports_(reports) {}

  void turn(std::vector<Record>& records) {
    for (ShardOrder order; orders_.pop(order);) obey(order);
    for (auto& [number, tail] : tails_) {
      if (!drained_ && !tail.cold) read(tail, records);
    }
  }
  size_t tails() const { return tails_.size(); }
  std::vector<FileOffset> acked;  // what kAcked orders said
  bool drained() const { return drained_; }
  int wakes = 0;  // orders to look again

 private:
  struct ReadTail {
    TailSpec spec;
    FileOffset position;
    Epoch epoch;
    std::string before;  // the marker
    bool cold = false;
  };

  void obey(ShardOrder& order) {
    if (order.kind == ShardOrder::Kind::kDrain) {
      drained_ = true;
      return report(ShardReport::Kind::kDrained, nullptr);
    }
    if (order.kind == ShardOrder::Kind::kTell) {
      for (const auto& [number, tail] : tails_) report(ShardReport::Kind::kPosition, &tail);
      return report(ShardReport::Kind::kTold, nullptr);
    }
    if (order.kind == ShardOrder::Kind::kAdopt) {
      ReadTail tail{std::move(*order.spec), {}, {}, {}, false};
      tail.position = tail.spec.start;
      tail.epoch = tail.spec.epoch;
      tail.before.assign(tail.spec.marker.bytes.begin(),
                         tail.spec.marker.bytes.begin() + tail.spec.marker.size);
      const bool is_new = tails_.emplace(order.tail.value, std::move(tail)).second;
      SLUICE_CHECK(is_new, "a tail is adopted once");
      return;
    }
    const auto found = tails_.find(order.tail.value);
    SLUICE_CHECK(found != tails_.end(), "the steward speaks of tails that it gave to this shard");
    if (order.kind == ShardOrder::Kind::kRelease) {
      report(ShardReport::Kind::kReleased, &found->second);
      tails_.erase(found);
      return;
    }
    if (order.kind == ShardOrder::Kind::kWake) ++wakes;
    if (order.kind == ShardOrder::Kind::kWhere) report(ShardReport::Kind::kPlace, &found->second);
    if (order.kind == ShardOrder::Kind::kRotated) found->second.spec.rotated = true;
    if (order.kind == ShardOrder::Kind::kAcked) return acked.push_back(order.offset);
    found->second.cold = false;
  }

  void read(ReadTail& tail, std::vector<Record>& records) {
    std::string text = content_from(tail, tail.position - Bytes(int64_t(tail.before.size())));
    if (text.compare(0, tail.before.size(), tail.before) != 0) {
      tail.epoch = Epoch(tail.epoch.value + 1);
      report(ShardReport::Kind::kNewEpoch, &tail);
      tail.position = FileOffset(0);
      tail.before.clear();
      text = content_from(tail, FileOffset(0));
    }
    size_t at = tail.before.size();
    while (at < text.size()) {
      size_t end = text.find('\n', at);
      if (end == std::string::npos && !tail.spec.rotated) break;
      end = end == std::string::npos ? text.size() : end + 1;
      const FileOffset next = tail.position + Bytes(int64_t(end - at));
      const size_t proven = std::min<size_t>(end, Marker::kBytesMax);
      const uint64_t proof =
          content_hash(std::as_bytes(std::span(text.data() + end - proven, proven)));
      records.push_back({tail.spec.path,
                         tail.spec.destination,
                         text.substr(at, end - at),
                         {tail.spec.tail, tail.epoch, tail.position, next, proof}});
      tail.position = next;
      at = end;
    }
    const size_t kept = std::min<size_t>(at, Marker::kBytesMax);
    tail.before = text.substr(at - kept, kept);
    tail.cold = true;
    ShardReport cold = made(ShardReport::Kind::kCold, &tail);
    cold.missed = Bytes(int64_t(text.size() - at));
    cold.offset = tail.position + cold.missed;
    reports_.push(id_.value, cold);
  }
  std::string content_from(const ReadTail& tail, FileOffset from) {
    std::string text(1 << 16, '\0');
    const auto bytes = disk_.read_at(tail.spec.file, from, std::as_writable_bytes(std::span(text)));
    text.resize(bytes.ok() ? *bytes : 0);
    return text;
  }
  ShardReport made(ShardReport::Kind kind, const ReadTail* tail) const {
    ShardReport report;
    report.kind = kind;
    report.shard = id_;
    if (tail == nullptr) return report;
    report.tail = tail->spec.tail;
    report.epoch = tail->epoch;
    report.offset = tail->position;
    report.marker.size = static_cast<uint32_t>(tail->before.size());
    std::copy(tail->before.begin(), tail->before.end(), report.marker.bytes.begin());
    return report;
  }
  void report(ShardReport::Kind kind, const ReadTail* tail) {
    reports_.push(id_.value, made(kind, tail));
  }

  Disk& disk_;
  ShardId id_;
  Channel<ShardOrder>& orders_;
  Channel<ShardReport>& reports_;
  std::map<uint32_t, ReadTail> tails_;
  bool drained_ = false;
};

// One life of the agent process.
class StewardStand {
 public:
  StewardStand(StewardSettings settings, Disk& disk, DirectoryFeed& feed, MemoryStore& store,
               size_t shards = 2)
      : settings_(std::move(settings)), disk_(disk), feed_(feed), store_(store), shards_(shards) {}

  void start() {
    life_ = std::make_unique<Life>();
    StewardDoors doors{.shards = {}, .reports = &life_->reports, .home = &life_->home};
    for (uint32_t i = 0; i < shards_; ++i) {
      life_->orders.push_back(std::make_unique<DequeChannel<ShardOrder>>());
      life_->shards.emplace_back(disk_, ShardId(i), *life_->orders.back(), life_->reports);
      doors.shards.push_back({life_->orders.back().get(), nullptr});
    }
    life_->steward = std::make_unique<Steward>(
        settings_, std::move(doors), StewardWorld{disk_, feed_, store_, log, life_->metrics});
    const auto started = life_->steward->start(now, wall());
    SLUICE_CHECK(started.ok(), "a store that can be read lets the steward start");
  }
  // kill -9: what was not stored is forgotten.
  void crash() { life_.reset(); }
  // SIGTERM. Returns the bytes that stay undelivered.
  Bytes stop() {
    life_->steward->begin_stop();
    run(Duration(100'000'000));
    SLUICE_CHECK(life_->steward->stopped(), "all shards drained");
    const auto left = life_->steward->finish(now, wall());
    SLUICE_CHECK(left.ok(), "the last commit works");
    life_.reset();
    return *left;
  }

  // Lets everybody turn, at most every 10 ms, until the time has passed.
  void run(Duration duration) {
    const MonoTime end = now + duration;
    while (true) {
      step();
      if (now >= end) return;
      now = std::min(now + Duration(10'000'000), end);
    }
  }
  void step() {
    life_->steward->turn(now, wall());
    for (ModelShard& shard : life_->shards) shard.turn(life_->on_the_way);
    if (answering) confirm_all();
  }
  void confirm_all() {
    for (Record& record : std::exchange(life_->on_the_way, {})) confirm(std::move(record));
  }
  // The user's overflow policy gives the oldest lines up.
  void drop_oldest(size_t count) {
    auto& all = life_->on_the_way;
    for (size_t i = 0; i < count; ++i) come_home(all[i].span, Fate::kDropped);
    all.erase(all.begin(), all.begin() + static_cast<std::ptrdiff_t>(count));
  }
  // Asks for positions, lets the shards answer, and takes the books.
  AuditReport audit() {
    const bool answered = std::exchange(answering, false);
    life_->steward->ask_positions();
    while (!life_->steward->positions_known()) step();
    answering = answered;
    return life_->steward->audit(now, wall());
  }
  // What a lane does at the end of the time for stopping.
  void give_all_back() {
    for (const Record& record : std::exchange(life_->on_the_way, {}))
      come_home(record.span, Fate::kUndelivered);
  }
  // The newest half of what is on its way is confirmed, so acks come out of order.
  void confirm_newest_half() {
    auto& all = life_->on_the_way;
    for (size_t keep = all.size() / 2; all.size() > keep; all.pop_back())
      confirm(std::move(all.back()));
  }
  size_t on_the_way() const { return life_->on_the_way.size(); }

  Steward& steward() { return *life_->steward; }
  StewardMetrics& metrics() { return life_->metrics; }
  SlowChannel<ShardReport>& reports() { return life_->reports; }
  const std::vector<FileOffset>& acked_orders(size_t shard) const {
    return life_->shards[shard].acked;
  }
  int wakes() const {
    int sum = 0;
    for (const ModelShard& shard : life_->shards) sum += shard.wakes;
    return sum;
  }
  size_t shard_tails(size_t shard) const { return life_->shards[shard].tails(); }
  WallTime wall() const { return WallTime(now.value + 1'700'000'000'000'000'000); }

  // Confirmed lines, by the path in the record; of destination 0, or of all if it is the only one.
  std::map<std::string, std::vector<std::string>> lines;
  std::map<uint32_t, int> lines_of_destination;
  // Different lines in one place of one epoch of a path: they would have the same id. Means
  // something only in tests in which one file is behind the path.
  int shared_ids = 0;
  RecordingLog log;
  MonoTime now{1'000'000'000};
  bool answering = true;

 private:
  struct Life {
    SlowChannel<ShardReport> reports;
    DequeChannel<ParcelPtr> home;
    std::vector<std::unique_ptr<DequeChannel<ShardOrder>>> orders;
    std::vector<ModelShard> shards;
    std::vector<Record> on_the_way;
    StewardMetrics metrics;
    std::unique_ptr<Steward> steward;
  };

  void confirm(Record record) {
    if (record.destination == DestinationId(0)) {
      lines[record.path].push_back(record.line);
      const std::tuple place(record.path, record.span.epoch.value, record.span.begin.value);
      if (ids_.try_emplace(place, record.line).first->second != record.line) ++shared_ids;
    }
    ++lines_of_destination[record.destination.value];
    come_home(record.span, Fate::kDelivered);
  }
  void come_home(const Span& span, Fate fate) {
    auto parcel = std::make_unique<Parcel>();
    parcel->fate = fate;
    parcel->spans.push_back(span);
    life_->home.push(0, std::move(parcel));
  }

  const StewardSettings settings_;
  Disk& disk_;
  DirectoryFeed& feed_;
  MemoryStore& store_;
  const size_t shards_;
  std::map<std::tuple<std::string, uint32_t, int64_t>, std::string> ids_;
  std::unique_ptr<Life> life_;
};

}  // namespace sluice
