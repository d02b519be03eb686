// SPDX-License-Identifier: Apache-2.0
// dead_letter_desk.h — DeadLetters on a disk, with a thread that does the waiting.
//
// In:      letters of one lane.
// Out:     outcomes; the lane's loop is woken for each.
// Owns:    the files; a thread, from the first letter on, so that almost no agent has one.
// Thread:  file() and filed() by the lane's loop; its own thread writes.
// Limits:  one letter under way.
// Fails:   as DeadLetterFiles does.
// Why so:  an fsync of a slow disk takes seconds, and a loop that waits serves nobody.
#pragma once

#include <condition_variable>
#include <memory>
#include <mutex>
#include <thread>

#include "platform/dead_letter_files.h"
#include "sluice/clock.h"
#include "sluice/dead_letters.h"
#include "sluice/waker.h"

namespace sluice {

class DeadLetterDesk final : public DeadLetters {
 public:
  // `clock` and `waker` outlive it.
  DeadLetterDesk(std::unique_ptr<DeadLetterFiles> files, Clock& clock, Waker& waker);
  // Waits for the letter that is being written.
  ~DeadLetterDesk() override;

  void file(DeadLetter letter) override;
  std::optional<Result<void>> filed() override;

 private:
  void work();

  const std::unique_ptr<DeadLetterFiles> files_;
  Clock& clock_;
  Waker& waker_;
  std::thread thread_;

  std::mutex mutex_;
  std::condition_variable changed_;
  // Under the mutex:
  std::optional<DeadLetter> letter_;
  std::optional<Result<void>> outcome_;
  bool ends_ = false;
};

}  // namespace sluice
