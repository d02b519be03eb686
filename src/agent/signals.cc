// SPDX-License-Identifier: Apache-2.0
#include "agent/signals.h"

#include <poll.h>
#include <pthread.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <csignal>
#include <utility>

namespace sluice {
namespace {

sigset_t stop_signals() {
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGTERM);
  sigaddset(&set, SIGINT);
  return set;
}

}  // namespace

void block_stop_signals() {
  const sigset_t set = stop_signals();
  pthread_sigmask(SIG_BLOCK, &set, nullptr);
  // A receiver that closes its socket is an answer, not the end of the agent.
  std::signal(SIGPIPE, SIG_IGN);
}

Result<std::unique_ptr<StopSignals>> StopSignals::create(
    FdPoller& poller, std::function<void(const char*, int)> on_signal) {
  const sigset_t set = stop_signals();
  const int fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
  if (fd < 0) return Error::from_errno("signalfd");
  return std::unique_ptr<StopSignals>(new StopSignals(poller, std::move(on_signal), fd));
}

StopSignals::StopSignals(FdPoller& poller, std::function<void(const char*, int)> on_signal, int fd)
    : poller_(poller), on_signal_(std::move(on_signal)), fd_(fd) {
  poller_.watch(fd_, POLLIN, this);
}

StopSignals::~StopSignals() {
  poller_.unwatch(fd_);
  close(fd_);
}

void StopSignals::on_ready(int, uint32_t) {
  signalfd_siginfo one;
  while (read(fd_, &one, sizeof one) == static_cast<ssize_t>(sizeof one)) {
    on_signal_(one.ssi_signo == SIGINT ? "SIGINT" : "SIGTERM", ++count_);
  }
}

}  // namespace sluice
