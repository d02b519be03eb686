// SPDX-License-Identifier: Apache-2.0
// lane_stand.h — a lane on the test stand: it gets parcels as from a shard, and what comes home is
// kept.
//
// In:      ship(): a parcel with a body of its own, credited in the gauge as a shard does.
// Out:     `home`: the parcels that came home, oldest first.
// Owns:    everything a lane needs; the wire is scripted, time is whatever the test says.
#pragma once

#include <cstring>
#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "flow/lane.h"
#include "scripted_wire.h"

namespace sluice {

// One thread on both ends.
class PlainChannel final : public Channel<ParcelPtr> {
 public:
  bool push(uint32_t, ParcelPtr value) override {
    parcels.push_back(std::move(value));
    return true;
  }
  bool pop(ParcelPtr& value) override {
    if (parcels.empty()) return false;
    value = std::move(parcels.front());
    parcels.pop_front();
    return true;
  }
  size_t size_approx() const override { return parcels.size(); }

  std::deque<ParcelPtr> parcels;
};

struct CountingWaker final : Waker {
  int wakes = 0;
  void wake() noexcept override { ++wakes; }
};

struct RecordedEvents final : EventLog {
  using EventLog::event;
  void event(Severity severity, std::string_view key, std::string_view message,
             std::span<const EventField> fields) noexcept override {
    std::string line(key);
    line.append(severity == Severity::kError ? " error " : " ").append(message);
    for (const EventField& field : fields) {
      line.append(" ").append(field.name).append("=").append(field.value);
    }
    lines.push_back(std::move(line));
  }
  size_t count(std::string_view part) const {
    size_t found = 0;
    for (const std::string& line : lines) found += line.find(part) != std::string::npos ? 1 : 0;
    return found;
  }
  std::vector<std::string> lines;
};

class LaneStand {
 public:
  // Changed before start(), if at all.
  LaneSettings settings;
  LaneGauge gauge;

  ScriptedWire wire;
  PlainChannel arriving;
  PlainChannel home;
  LaneMetrics metrics;
  RecordedEvents events;
  CountingWaker steward;
  BodyCutter* cutter = nullptr;
  DeadLetters* dead = nullptr;
  std::optional<Lane> lane;
  MonoTime now{1'000'000'000};

  LaneStand() {
    settings.name = "far";
    gauge.bytes_max = int64_t{1} << 40;
  }

  void start(uint64_t seed = 1) {
    lane.emplace(
        settings,
        LaneParts{&wire, &arriving, &home, &gauge, &metrics, &events, &steward, cutter, dead},
        seed);
  }

  // As a shard seals a parcel; its key is the number of the parcel, from 1.
  void ship(int64_t lines, size_t body_bytes = 100) {
    auto parcel = std::make_unique<Parcel>();
    parcel->key.low = ++shipped;
    parcel->lines = Lines(lines);
    parcel->raw_bytes = Bytes(lines * 10);
    parcel->encoded_bytes = Bytes(lines * 17);
    parcel->body = std::make_unique<std::byte[]>(body_bytes);
    parcel->body_bytes = body_bytes;
    std::memset(parcel->body.get(), static_cast<int>(shipped % 251), body_bytes);
    gauge.held_bytes += static_cast<int64_t>(body_bytes);
    gauge.held_lines += lines;
    gauge.held_parcels += 1;
    arriving.parcels.push_back(std::move(parcel));
  }

  MonoTime turn() { return lane->turn(now); }
  MonoTime turn_at(MonoTime time) {
    now = time;
    return turn();
  }

  // Keys of the parcels that came home with this fate, in order.
  std::vector<uint64_t> home_with(Fate fate) const {
    std::vector<uint64_t> keys;
    for (const ParcelPtr& parcel : home.parcels) {
      if (parcel->fate == fate) keys.push_back(parcel->key.low);
    }
    return keys;
  }
  // Keys of all requests so far, in order.
  std::vector<uint64_t> requested() const {
    std::vector<uint64_t> keys;
    for (const ScriptedWire::Request& request : wire.requests) keys.push_back(request.key.low);
    return keys;
  }

  uint64_t shipped = 0;
};

}  // namespace sluice
