// SPDX-License-Identifier: Apache-2.0
#include "control/progress_writer.h"

#include <chrono>

namespace sluice {

namespace {
constexpr Duration kSurveyWaitMax(300'000'000);
}  // namespace

ProgressWriter::ProgressWriter(Screen& screen, const AgentMetricsView& view, StatusBoard& board,
                               Clock& clock, ProgressMode mode, Duration period)
    : screen_(screen), view_(view), board_(board), clock_(clock), period_(period) {
  const bool wanted =
      mode == ProgressMode::kOn || (mode == ProgressMode::kAuto && screen.is_terminal());
  if (!wanted) return;
  thread_ = std::thread([this] { run(); });
}

ProgressWriter::~ProgressWriter() {
  stop();
}

void ProgressWriter::stop() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  stopped_.notify_all();
  if (!thread_.joinable()) return;
  thread_.join();
  screen_.progress("");
}

void ProgressWriter::run() {
  ProgressSample previous = sample();
  std::unique_lock lock(mutex_);
  while (!stopped_.wait_for(lock, std::chrono::nanoseconds(period_.value),
                            [this] { return stopping_; })) {
    lock.unlock();
    const ProgressSample now = sample();
    // One column stays free: a full last column makes some terminals wrap.
    const std::string text =
        format_progress(previous, now, static_cast<size_t>(screen_.width()) - 1);
    if (screen_.is_terminal()) {
      screen_.progress(text);
    } else {
      screen_.line(text);
    }
    previous = now;
    lock.lock();
  }
}

ProgressSample ProgressWriter::sample() {
  const StatusBoard::Reading reading = board_.survey(kSurveyWaitMax);
  return progress_sample(view_, reading.status, clock_.mono());
}

}  // namespace sluice
