// SPDX-License-Identifier: Apache-2.0
// shard_stand.h — a shard on the test stand: files are strings, reads complete at the next turn.
//
// In:      `files`: the content of each handle; orders as from the steward.
// Out:     reports and parcels; the number of reads.
// Owns:    everything one shard with one road needs. Bodies are plain JSON, not compressed.
// Limits:  one shard, one destination, time is whatever the test says.
#pragma once

#include <algorithm>
#include <cstring>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "flow/compress/codecs.h"
#include "flow/encode/json_encoder.h"
#include "flow/shard.h"

namespace sluice {

class StringIo final : public Io {
 public:
  std::map<int, std::string> files;
  std::map<int, std::vector<std::pair<int64_t, int64_t>>> holes;  // of a file, as [begin, end)
  int64_t reads = 0;
  std::map<int, size_t> visible;  // reads of the file end there, although it goes on

  size_t reads_in_flight_max() const override { return 8; }
  bool submit(const ReadRequest& request) override {
    ++reads;
    const std::string& text = files[request.file.value];
    const auto offset = std::min(static_cast<size_t>(request.offset.value), text.size());
    size_t size = std::min(text.size() - offset, request.into.size());
    const auto ends_early = visible.find(request.file.value);
    if (ends_early != visible.end() && offset < ends_early->second)
      size = std::min(size, ends_early->second - offset);
    std::memcpy(request.into.data(), text.data() + offset, size);
    done_.push_back({request.tag, static_cast<int32_t>(size)});
    return true;
  }
  size_t reap(std::span<ReadDone> done) override {
    const size_t count = std::min(done.size(), done_.size());
    std::copy_n(done_.begin(), count, done.begin());
    done_.erase(done_.begin(), done_.begin() + static_cast<ptrdiff_t>(count));
    return count;
  }
  Result<FileOffset> next_data(FileHandle file, FileOffset from) override {
    const std::string& text = files[file.value];
    for (const auto& [begin, end] : holes[file.value]) {
      if (from.value >= begin && from.value < end) return FileOffset(end);
    }
    return std::min(from, FileOffset(static_cast<int64_t>(text.size())));
  }
  void wait(MonoTime) override {}
  void wake() noexcept override {}
  const char* backend() const override { return "string"; }
  bool has_news() const { return !done_.empty(); }

 private:
  std::deque<ReadDone> done_;
};

class HeapBuffers final : public ReadBuffers {
 public:
  HeapBuffers(size_t count, size_t oversize_count, size_t oversize_bytes) {
    for (size_t i = 0; i < count + oversize_count; ++i) {
      auto slot = std::make_unique<Slot>();
      slot->buffer.oversize = i >= count;
      const size_t bytes = slot->buffer.oversize ? oversize_bytes : kBlockBytes;
      slot->memory.resize(Marker::kBytesMax + bytes + kReadSlackBytes);
      slot->ends.resize(kBlockLinesMax);
      slot->buffer.index = static_cast<int32_t>(i);
      slot->buffer.text = {slot->memory.data() + Marker::kBytesMax, bytes};
      slot->buffer.line_ends = slot->ends;
      slots_.push_back(std::move(slot));
      give(&slots_.back()->buffer);
    }
  }
  ReadBuffer* take(ShardId) override { return take_from(free_); }
  ReadBuffer* take_oversize() override { return take_from(free_oversize_); }
  ReadBuffer* at(int32_t index) override { return &slots_[static_cast<size_t>(index)]->buffer; }
  void give(ReadBuffer* buffer) override {
    (buffer->oversize ? free_oversize_ : free_).push_back(buffer);
  }

 private:
  struct Slot {
    ReadBuffer buffer;
    std::vector<std::byte> memory;
    std::vector<uint32_t> ends;
  };
  static ReadBuffer* take_from(std::deque<ReadBuffer*>& free) {
    if (free.empty()) return nullptr;
    ReadBuffer* buffer = free.front();
    free.pop_front();
    buffer->block = LineBlock{};
    buffer->block.buffer = buffer->index;
    return buffer;
  }
  std::vector<std::unique_ptr<Slot>> slots_;
  std::deque<ReadBuffer*> free_;
  std::deque<ReadBuffer*> free_oversize_;
};

class OneShardQueue final : public BlockQueue {
 public:
  void publish(ShardId, LineBlock* block) override { blocks_.push_back(block); }
  LineBlock* take_own(ShardId) override {
    if (blocks_.empty()) return nullptr;
    LineBlock* block = blocks_.front();
    blocks_.pop_front();
    return block;
  }
  LineBlock* steal(ShardId) override { return nullptr; }
  size_t waiting(ShardId) const override { return blocks_.size(); }

 private:
  std::deque<LineBlock*> blocks_;
};

template <class T>
class BoundedChannel final : public Channel<T> {
 public:
  std::deque<T> values;
  size_t room = SIZE_MAX;
  bool push(uint32_t, T value) override {
    if (values.size() >= room) return false;
    values.push_back(std::move(value));
    return true;
  }
  bool pop(T& value) override {
    if (values.empty()) return false;
    value = std::move(values.front());
    values.pop_front();
    return true;
  }
  size_t size_approx() const override { return values.size(); }
};

struct NoWaker final : Waker {
  void wake() noexcept override {}
};

struct ShardStandRules {
  bool ordered = false;
  size_t soft_limit = 100'000;
  size_t line_bytes_max = 1'000;
  size_t oversize_count = 1;
  LineForm form = {};
  bool strip_cr = true;
};

class ShardStand {
 public:
  explicit ShardStand(ShardStandRules rules)
      : buffers(4, rules.oversize_count, rules.line_bytes_max + 4096),
        body_(rules.soft_limit + rules.line_bytes_max * 12 + 16'384) {
    gauge.bytes_max = int64_t{1} << 40;
    ShardParts parts;
    parts.io = &io;
    parts.buffers = &buffers;
    parts.blocks = &blocks_;
    parts.orders = &orders;
    parts.reports = &reports;
    parts.steward = &steward_;
    parts.metrics = &metrics;
    parts.sources.push_back({"host", {}, rules.line_bytes_max, rules.strip_cr, rules.form});
    RoadParts road;
    road.encoder = std::make_unique<JsonEncoder>(JsonEncoder::Options{});
    road.compressor = make_identity();
    road.body = {body_.data(), 0, rules.soft_limit, body_.size()};
    scratch_.resize(road.compressor->bound(body_.size()));
    road.compressed = scratch_;
    road.gauge = &gauge;
    road.lane = &lane;
    road.ordered = rules.ordered;
    parts.roads.push_back(std::move(road));
    shard.emplace(ShardSettings{}, std::move(parts));
  }

  // The tail's number is the file's handle, too.
  void adopt(uint32_t tail, std::string text, FileOffset start = FileOffset(0),
             const Marker& marker = {}) {
    io.files[static_cast<int>(tail)] = std::move(text);
    ShardOrder order;
    order.kind = ShardOrder::Kind::kAdopt;
    order.spec = std::make_unique<TailSpec>();
    order.spec->tail = TailId(tail);
    order.spec->file.value = static_cast<int>(tail);
    order.spec->path = "/log";
    order.spec->start = start;
    order.spec->marker = marker;
    orders.values.push_back(std::move(order));
  }
  void order(ShardOrder::Kind kind, uint32_t tail, FileOffset offset = FileOffset(0)) {
    ShardOrder order;
    order.kind = kind;
    order.tail = TailId(tail);
    order.offset = offset;
    orders.values.push_back(std::move(order));
  }
  MonoTime turn_after(Duration pause) {
    now += pause;
    return shard->turn(now, WallTime(0));
  }
  // Takes what the shard sealed, as a lane that delivers at once; acks go to the ordered tails.
  void deliver() {
    ParcelPtr parcel;
    while (lane.pop(parcel)) {
      gauge.held_bytes -= static_cast<int64_t>(parcel->body_bytes);
      gauge.held_lines -= parcel->lines.value;
      gauge.held_parcels -= 1;
      for (const Span& span : parcel->spans) {
        acked[span.tail.value] = span.end;
        order(ShardOrder::Kind::kAcked, span.tail.value, span.end);
      }
    }
  }
  bool reported(ShardReport::Kind kind) const {
    return std::any_of(reports.values.begin(), reports.values.end(),
                       [kind](const ShardReport& report) { return report.kind == kind; });
  }

  StringIo io;
  HeapBuffers buffers;
  BoundedChannel<ShardOrder> orders;
  BoundedChannel<ShardReport> reports;
  BoundedChannel<ParcelPtr> lane;
  ShardMetrics metrics;
  LaneGauge gauge;
  std::map<uint32_t, FileOffset> acked;
  MonoTime now{1'000'000'000};

 private:
  OneShardQueue blocks_;
  NoWaker steward_;
  std::vector<uint8_t> body_;
  std::vector<std::byte> scratch_;

 public:
  std::optional<Shard> shard;  // last: it goes before what it borrows
};

}  // namespace sluice
