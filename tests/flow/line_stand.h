// SPDX-License-Identifier: Apache-2.0
// line_stand.h — one growing file through a real shard: what is written, and the records it
// becomes.
//
// In:      bytes as a writer writes them, whenever it does; restarts at what was acknowledged.
// Out:     records, parsed by an independent JSON parser.
// Owns:    the shard of the present life.
// Limits:  one file, one destination.
#pragma once

#include <gtest/gtest.h>
#include <simdjson.h>

#include <cstring>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "shard_stand.h"

namespace sluice {

struct SeenRecord {
  std::string line = {};
  bool partial = false;
  std::string stream = {};
  std::string time = {};

  bool operator==(const SeenRecord&) const = default;
};

inline std::ostream& operator<<(std::ostream& out, const SeenRecord& record) {
  return out << '"' << record.line << '"' << (record.partial ? "…" : "") << record.stream;
}

class LineStand {
 public:
  explicit LineStand(ShardStandRules rules = {}) : rules_(rules) { start(); }

  void write(std::string_view bytes) {
    file_ += bytes;
    stand_->io.files[kTail] = file_;
    stand_->order(ShardOrder::Kind::kWake, kTail);
    settle();
  }
  void truncate(std::string_view bytes) {
    file_ = bytes;
    stand_->io.files[kTail] = file_;
    stand_->order(ShardOrder::Kind::kWake, kTail);
    settle();
  }
  // A new life that knows what was acknowledged.
  void restart() {
    position_ = stand_->acked.contains(kTail) ? stand_->acked[kTail] : position_;
    start();
  }
  void start_at(FileOffset position) {
    position_ = position;
    start();
  }
  void rotate() {
    stand_->order(ShardOrder::Kind::kRotated, kTail);
    settle();
  }
  void pass(Duration time) {
    (void)stand_->turn_after(time);
    settle();
  }

  std::vector<std::string> lines() const {
    std::vector<std::string> lines;
    for (const SeenRecord& record : records) lines.push_back(record.line);
    return lines;
  }
  FileOffset acked() const {
    const auto found = stand_->acked.find(kTail);
    return found == stand_->acked.end() ? position_ : found->second;
  }
  const std::string& file() const { return file_; }
  const ShardMetrics& metrics() const { return stand_->metrics; }
  int64_t reads() const { return stand_->io.reads; }

  std::vector<SeenRecord> records;

 private:
  static constexpr uint32_t kTail = 1;

  void start() {
    stand_ = std::make_unique<ShardStand>(rules_);
    Marker marker;
    const auto end = static_cast<size_t>(position_.value);
    marker.size = static_cast<uint32_t>(std::min<size_t>(end, Marker::kBytesMax));
    std::memcpy(marker.bytes.data(), file_.data() + end - marker.size, marker.size);
    stand_->adopt(kTail, file_, position_, marker);
    settle();
  }

  void settle() {
    int quiet = 0;
    for (int turn = 0; turn < 100'000 && quiet < 4; ++turn) {
      const int64_t bytes = stand_->metrics.read_bytes.get();
      (void)stand_->turn_after(Duration(5'000'000));
      const bool news = take_parcels() || bytes != stand_->metrics.read_bytes.get();
      quiet = news ? 0 : quiet + 1;
    }
  }

  bool take_parcels() {
    for (const ParcelPtr& parcel : stand_->lane.values) {
      const auto* const text = reinterpret_cast<const char*>(parcel->body.get());
      simdjson::dom::parser parser;
      simdjson::dom::array body;
      expect_json(parser.parse(simdjson::padded_string(text, parcel->body_bytes)).get(body));
      int64_t count = 0;
      for (const simdjson::dom::element each : body) {
        ++count;
        records.push_back(read(each));
      }
      EXPECT_EQ(count, parcel->lines.value) << "a parcel knows how many records it holds";
    }
    const bool any = !stand_->lane.values.empty();
    stand_->deliver();
    return any;
  }

  static void expect_json(simdjson::error_code error) {
    EXPECT_EQ(error, simdjson::SUCCESS) << "a body is valid JSON";
  }

  static SeenRecord read(const simdjson::dom::element& element) {
    SeenRecord record;
    const auto text = [&element](const char* key) {
      std::string_view value;
      return element[key].get(value) == simdjson::SUCCESS ? std::string(value) : std::string();
    };
    record.line = text("line");
    record.stream = text("stream");
    record.time = text("time");
    record.partial = element["partial"].error() == simdjson::SUCCESS;
    return record;
  }

  const ShardStandRules rules_;
  std::string file_;
  FileOffset position_{0};
  std::unique_ptr<ShardStand> stand_;
};

}  // namespace sluice
