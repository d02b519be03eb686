// SPDX-License-Identifier: Apache-2.0
#include "control/status_board.h"

#include <utility>

namespace sluice {

StatusBoard::StatusBoard(std::function<void()> wake_steward)
    : wake_steward_(std::move(wake_steward)) {}

bool StatusBoard::survey_wanted() const {
  return asked_.load(std::memory_order_acquire) > begun_.load(std::memory_order_relaxed);
}

uint64_t StatusBoard::begin_survey() {
  const uint64_t ticket = asked_.load(std::memory_order_acquire);
  begun_.store(ticket, std::memory_order_relaxed);
  return ticket;
}

void StatusBoard::publish(AgentStatus status, uint64_t ticket) {
  {
    const std::lock_guard lock(mutex_);
    status_ = std::move(status);
    published_at_ = SteadyClock::now();
    any_ = true;
    answered_ = ticket;
  }
  published_.notify_all();
}

StatusBoard::Reading StatusBoard::latest() const {
  const std::lock_guard lock(mutex_);
  return read_locked();
}

StatusBoard::Reading StatusBoard::survey(Duration wait_max) {
  std::unique_lock lock(mutex_);
  const uint64_t question = asked_.fetch_add(1, std::memory_order_release) + 1;
  // The wake may take a lock of the steward's; it must not be held up by readers of the board.
  lock.unlock();
  wake_steward_();
  lock.lock();
  const bool answered = published_.wait_for(lock, std::chrono::nanoseconds(wait_max.value),
                                            [&] { return answered_ >= question; });
  Reading reading = read_locked();
  reading.fresh = answered;
  return reading;
}

StatusBoard::Reading StatusBoard::read_locked() const {
  Reading reading{.status = status_, .age = kNoSurvey, .fresh = false};
  if (any_) {
    const auto age = SteadyClock::now() - published_at_;
    reading.age = Duration(std::chrono::nanoseconds(age).count());
  }
  return reading;
}

}  // namespace sluice
