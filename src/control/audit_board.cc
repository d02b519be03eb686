// SPDX-License-Identifier: Apache-2.0
#include "control/audit_board.h"

#include <utility>

namespace sluice {

AuditBoard::AuditBoard(std::function<void()> wake_steward)
    : wake_steward_(std::move(wake_steward)) {}

bool AuditBoard::wanted() const {
  return asked_.load(std::memory_order_acquire) > begun_.load(std::memory_order_relaxed);
}

uint64_t AuditBoard::begin() {
  const uint64_t ticket = asked_.load(std::memory_order_acquire);
  begun_.store(ticket, std::memory_order_relaxed);
  return ticket;
}

void AuditBoard::publish(AuditReport report, uint64_t ticket) {
  auto shared = std::make_shared<const AuditReport>(std::move(report));
  {
    const std::lock_guard lock(mutex_);
    report_.swap(shared);
    published_at_ = SteadyClock::now();
    answered_ = ticket;
  }
  published_.notify_all();
  // The report before this one dies here, outside the lock.
}

AuditBoard::Report AuditBoard::ask(Duration wait_max) {
  std::unique_lock lock(mutex_);
  if (report_ != nullptr && SteadyClock::now() - published_at_ < kFreshFor) return report_;
  const uint64_t question = asked_.fetch_add(1, std::memory_order_release) + 1;
  // The wake may take a lock of the steward's.
  lock.unlock();
  wake_steward_();
  lock.lock();
  const bool answered = published_.wait_for(lock, std::chrono::nanoseconds(wait_max.value),
                                            [&] { return answered_ >= question; });
  return answered ? report_ : nullptr;
}

}  // namespace sluice
