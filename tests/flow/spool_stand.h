// SPDX-License-Identifier: Apache-2.0
// spool_stand.h — a lane with a spool on the test stand.
//
// In:      as LaneStand; what the destination answers to everything, for how long.
// Out:     as LaneStand; what lies on the disk.
// Owns:    the real log on a disk in memory.
// Limits:  one permit, so that all but one parcel wait.
#pragma once

#include <optional>
#include <utility>
#include <vector>

#include "flow/spool/spool_log.h"
#include "lane_stand.h"
#include "memory_spool.h"

namespace sluice {

// The real log on memory; its disk answers when the test lets it.
class SlowSpool final : public Spool {
 public:
  explicit SlowSpool(MemorySpool& disk) : log(SpoolSettings{}, disk) {
    SLUICE_CHECK(log.open(WallTime(1'000'000'000)).ok(), "a spool in memory opens");
  }
  void store(std::vector<SpoolDraft> drafts) override { drafts_ = std::move(drafts); }
  std::optional<Result<uint64_t>> stored() override {
    if (drafts_.empty() || !answers) return std::nullopt;
    return log.append(std::exchange(drafts_, {}), WallTime(0));
  }
  void fetch() override { fetching_ = true; }
  std::optional<Result<SpooledParcel>> fetched() override {
    if (!answers || !std::exchange(fetching_, false)) return std::nullopt;
    return log.fetch();
  }
  void remove(uint64_t sequence, Lines lines) override { log.remove(sequence, lines); }
  SpoolCounts counts() override { return log.counts(); }
  size_t storing() const { return drafts_.size(); }

  SpoolLog log;
  bool answers = true;

 private:
  std::vector<SpoolDraft> drafts_;
  bool fetching_ = false;
};

struct SpoolStand : LaneStand {
  MemorySpool disk;
  SlowSpool spool{disk};

  SpoolStand() {
    using namespace literals;
    settings.workers = 1;
    settings.spool = SpoolMode::kAll;
    settings.spool_after = 2_s;
    settings.retry_min_delay = 100_ms;
    settings.retry_max_delay = 1_s;
  }
  void begin() {
    lane.emplace(settings,
                 LaneParts{&wire, &arriving, &home, &gauge, &metrics, &events, &steward, nullptr,
                           nullptr, &spool},
                 1);
  }
  void ship_now() {
    ship(3);
    arriving.parcels.back()->sealed_at = now;
  }
  void answer_all(int32_t status) {
    while (wire.open_count() > 0) wire.answer_oldest(status_answer(status));
  }
  // Every request is refused for so long.
  void fail_for(Duration time) {
    using namespace literals;
    for (const MonoTime end = now + time; now < end; now += 50_ms) {
      turn();
      answer_all(503);
      turn();
    }
  }
  void deliver_all() {
    using namespace literals;
    for (int i = 0; i < 200; ++i) {
      now += 50_ms;
      turn();
      answer_all(200);
      turn();
    }
  }
};

}  // namespace sluice
