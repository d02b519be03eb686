// SPDX-License-Identifier: Apache-2.0
#include "platform/dead_letter_desk.h"

#include <pthread.h>

#include <utility>

#include "platform/dead_letter_text.h"
#include "sluice/check.h"

namespace sluice {

DeadLetterDesk::DeadLetterDesk(std::unique_ptr<DeadLetterFiles> files, Clock& clock, Waker& waker)
    : files_(std::move(files)), clock_(clock), waker_(waker) {}

DeadLetterDesk::~DeadLetterDesk() {
  {
    const std::lock_guard lock(mutex_);
    ends_ = true;
  }
  changed_.notify_all();
  if (thread_.joinable()) thread_.join();
}

void DeadLetterDesk::file(DeadLetter letter) {
  {
    const std::lock_guard lock(mutex_);
    SLUICE_CHECK(!letter_ && !outcome_, "one letter at a time");
    letter_ = std::move(letter);
  }
  if (!thread_.joinable()) thread_ = std::thread([this] { work(); });
  changed_.notify_all();
}

std::optional<Result<void>> DeadLetterDesk::filed() {
  const std::lock_guard lock(mutex_);
  return std::exchange(outcome_, std::nullopt);
}

void DeadLetterDesk::work() {
  pthread_setname_np(pthread_self(), "dead-letters");
  for (;;) {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [this] { return ends_ || letter_; });
    if (!letter_) return;
    const std::string line = dead_letter_line(*letter_, clock_.wall());
    lock.unlock();
    const Result<void> written = files_->append(line);
    lock.lock();
    letter_.reset();
    outcome_ = written;
    const bool ends = ends_;
    lock.unlock();
    if (ends) return;
    waker_.wake();
  }
}

}  // namespace sluice
