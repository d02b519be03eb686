// SPDX-License-Identifier: Apache-2.0
// signals.h — SIGTERM and SIGINT as a descriptor of the steward's loop.
//
// In:      the signals, blocked in every thread from the start of main.
// Out:     a callback per signal on the loop's thread. The second one ends the process at once: the
//          checkpoint store is transactional and everything else is read again.
// Owns:    a signalfd.
// Thread:  block_stop_signals() before any thread is made; the rest on the steward's thread.
// Fails:   create(): no descriptor left.
// Why so:  a signal handler may do almost nothing; a descriptor may do anything, in order.
#pragma once

#include <functional>
#include <memory>

#include "platform/fd_poller.h"
#include "sluice/result.h"

namespace sluice {

void block_stop_signals();

class StopSignals final : public FdListener {
 public:
  // `on_signal(name, count)` is called with "SIGTERM" or "SIGINT" and how many there were so far.
  static Result<std::unique_ptr<StopSignals>> create(
      FdPoller& poller, std::function<void(const char* name, int count)> on_signal);
  ~StopSignals();
  StopSignals(const StopSignals&) = delete;
  StopSignals& operator=(const StopSignals&) = delete;

  void on_ready(int fd, uint32_t revents) override;

 private:
  StopSignals(FdPoller& poller, std::function<void(const char*, int)> on_signal, int fd);

  FdPoller& poller_;
  std::function<void(const char*, int)> on_signal_;
  int fd_;
  int count_ = 0;
};

}  // namespace sluice
