// SPDX-License-Identifier: Apache-2.0
// status_board.h — how the agent is doing, surveyed by the steward when somebody asks.
//
// In:      a status from the steward's thread; questions from the admin port and the progress line.
// Out:     the newest status, or one whose survey began after the question was asked.
// Owns:    one copy of the status.
// Thread:  begin_survey() and publish() the steward's; everything else any thread.
// Limits:  a question waits at most as long as the asker allows, then gets the last status with
//          its age. Any number of askers share one survey.
// Fails:   cannot. A steward that does not answer shows as an old status.
// Why so:  a survey of 10,000 files each second would cost what an idle agent must not use; lag
//          that is computed when it is looked at is exact and costs nothing in between.
#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <mutex>
#include <string>
#include <vector>

#include "sluice/units.h"

namespace sluice {

enum class AgentPhase : uint8_t { kStarting, kRunning, kDraining };

struct AgentStatus {
  AgentPhase phase = AgentPhase::kStarting;
  Bytes lag{};         // written to files and not acked, over all tails
  Duration lag_age{};  // of the oldest tail that is behind
  int64_t files = 0;
  // What keeps lines from being delivered, one sentence each; empty: healthy.
  std::vector<std::string> unhealthy{};
  // What does not, but puts a promise at risk.
  std::vector<std::string> degraded{};
};

class StatusBoard {
 public:
  // `wake_steward` may be called from any thread at any time until the board is gone.
  explicit StatusBoard(std::function<void()> wake_steward);

  // --- the steward ---

  // One load: does somebody wait for a survey?
  bool survey_wanted() const;

  // Before looking at the files. The ticket says which questions this survey answers.
  uint64_t begin_survey();
  void publish(AgentStatus status, uint64_t ticket);

  // --- any thread ---

  struct Reading {
    AgentStatus status;
    Duration age;        // since it was published; kNoSurvey before the first one
    bool fresh = false;  // surveyed after the question
  };
  static constexpr Duration kNoSurvey = Duration::max();

  Reading latest() const;
  Reading survey(Duration wait_max);

 private:
  using SteadyClock = std::chrono::steady_clock;

  Reading read_locked() const;

  const std::function<void()> wake_steward_;

  mutable std::mutex mutex_;
  std::condition_variable published_;
  // Under mutex_:
  AgentStatus status_;
  SteadyClock::time_point published_at_{};
  bool any_ = false;
  uint64_t answered_ = 0;

  std::atomic<uint64_t> asked_{0};  // questions so far; grows under mutex_
  std::atomic<uint64_t> begun_{0};  // the newest question that a survey was begun for
};

}  // namespace sluice
