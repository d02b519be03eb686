// SPDX-License-Identifier: Apache-2.0
// audit_board.h — hands audits from the steward, who makes them, to whoever asked.
//
// In:      a report from the steward's thread; questions from the admin port.
// Out:     a report that was made after the question, or one that is a moment old.
// Owns:    the last report, until the next one.
// Thread:  begin() and publish() the steward's; ask() any thread.
// Limits:  one audit at a time and at most four a second, however many ask: ten thousand files
//          cost the steward some 20 ms.
// Fails:   a steward that does not answer in time is an empty answer.
// Why so:  the same idea as the status board, with a report that is too large to copy and too dear
//          to make for every scrape.
#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>

#include "sluice/audit.h"

namespace sluice {

class AuditBoard {
 public:
  using Report = std::shared_ptr<const AuditReport>;

  // `wake_steward` may be called from any thread at any time until the board is gone.
  explicit AuditBoard(std::function<void()> wake_steward);

  // --- the steward ---

  // One load: does somebody wait for an audit?
  bool wanted() const;
  // Before asking the shards. The ticket says which questions this audit answers.
  uint64_t begin();
  void publish(AuditReport report, uint64_t ticket);

  // --- any thread ---

  // Null: the steward did not answer in time.
  Report ask(Duration wait_max);

  static constexpr std::chrono::milliseconds kFreshFor{250};

 private:
  using SteadyClock = std::chrono::steady_clock;

  const std::function<void()> wake_steward_;

  std::mutex mutex_;
  std::condition_variable published_;
  // Under mutex_:
  Report report_;
  SteadyClock::time_point published_at_{};
  uint64_t answered_ = 0;

  std::atomic<uint64_t> asked_{0};
  std::atomic<uint64_t> begun_{0};
};

}  // namespace sluice
