// SPDX-License-Identifier: Apache-2.0
// spool_desk.h — Spool on a disk, with a thread that does the waiting.
//
// In:      drafts, fetches and removals of one lane.
// Out:     outcomes; the lane's loop is woken for each.
// Owns:    the log and its disk; a thread, from the first job on.
// Thread:  the calls of Spool by the lane's loop; its own thread works. open() before both.
// Limits:  one write and one fetch under way; removals as many as the lane has parcels.
// Fails:   as SpoolLog does.
// Why so:  a sync of a slow disk takes seconds, and a loop that waits serves nobody. Removals come
//          first, for they make room; then writes, which hold up readers; then fetches.
#pragma once

#include <condition_variable>
#include <memory>
#include <mutex>
#include <optional>
#include <thread>
#include <utility>
#include <vector>

#include "flow/spool/spool_log.h"
#include "sluice/clock.h"
#include "sluice/spool.h"
#include "sluice/waker.h"

namespace sluice {

class SpoolDesk final : public Spool {
 public:
  // `clock` and `waker` outlive it.
  SpoolDesk(SpoolSettings settings, std::unique_ptr<SpoolDisk> disk, Clock& clock, Waker& waker);
  // Waits for what is under way, and notes all removals.
  ~SpoolDesk() override;

  Result<void> open();

  void store(std::vector<SpoolDraft> drafts) override;
  std::optional<Result<uint64_t>> stored() override;
  void fetch() override;
  std::optional<Result<SpooledParcel>> fetched() override;
  void remove(uint64_t sequence, Lines lines) override;
  SpoolCounts counts() override;

 private:
  struct Removal {
    uint64_t sequence;
    Lines lines;
  };
  struct Jobs {
    std::vector<Removal> removals;
    std::vector<SpoolDraft> drafts;
    bool fetch = false;

    bool any() const { return fetch || !drafts.empty() || !removals.empty(); }
  };
  void begin_job();
  void work();
  void do_jobs(Jobs jobs);

  const std::unique_ptr<SpoolDisk> disk_;
  SpoolLog log_;  // the thread's, but for open()
  Clock& clock_;
  Waker& waker_;
  std::thread thread_;

  std::mutex mutex_;
  std::condition_variable changed_;
  // Under the mutex:
  Jobs jobs_;
  std::optional<Result<uint64_t>> stored_;
  std::optional<Result<SpooledParcel>> fetched_;
  SpoolCounts counts_;
  bool ends_ = false;
};

}  // namespace sluice
