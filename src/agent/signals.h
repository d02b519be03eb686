// SPDX-License-Identifier: Apache-2.0
// signals.h — SIGTERM, SIGINT and SIGHUP as a descriptor of the steward's loop.
//
// In:      the signals, blocked in every thread from the start of main.
// Out:     a callback per signal on the loop's thread: a stop with how many stops were asked for,
//          or a reload. Signals that come while nobody listens wait for the next listener.
// Owns:    a signalfd.
// Thread:  block_signals() before any thread is made; the rest on the steward's thread.
// Fails:   create(): no descriptor left.
// Why so:  a signal handler may do almost nothing; a descriptor may do anything, in order.
#pragma once

#include <functional>
#include <memory>

#include "platform/fd_poller.h"
#include "sluice/result.h"

namespace sluice {

void block_signals();

class Signals final : public FdListener {
 public:
  struct Listeners {
    // "SIGTERM" or "SIGINT", and how many of both there were so far.
    std::function<void(const char* name, int count)> stop;
    std::function<void()> reload;  // SIGHUP
  };
  static Result<std::unique_ptr<Signals>> create(FdPoller& poller, Listeners listeners);
  ~Signals();
  Signals(const Signals&) = delete;
  Signals& operator=(const Signals&) = delete;

  void on_ready(int fd, uint32_t revents) override;

 private:
  Signals(FdPoller& poller, Listeners listeners, int fd);

  FdPoller& poller_;
  const Listeners listeners_;
  int fd_;
  int stops_ = 0;
};

}  // namespace sluice
