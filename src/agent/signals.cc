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

sigset_t our_signals() {
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGTERM);
  sigaddset(&set, SIGINT);
  sigaddset(&set, SIGHUP);
  return set;
}

}  // namespace

void block_signals() {
  const sigset_t set = our_signals();
  pthread_sigmask(SIG_BLOCK, &set, nullptr);
  // A receiver that closes its socket is an answer, not the end of the agent.
  std::signal(SIGPIPE, SIG_IGN);
}

Result<std::unique_ptr<Signals>> Signals::create(FdPoller& poller, Listeners listeners) {
  const sigset_t set = our_signals();
  const int fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
  if (fd < 0) return Error::from_errno("signalfd");
  return std::unique_ptr<Signals>(new Signals(poller, std::move(listeners), fd));
}

Signals::Signals(FdPoller& poller, Listeners listeners, int fd)
    : poller_(poller), listeners_(std::move(listeners)), fd_(fd) {
  poller_.watch(fd_, POLLIN, this);
}

Signals::~Signals() {
  poller_.unwatch(fd_);
  close(fd_);
}

void Signals::on_ready(int, uint32_t) {
  signalfd_siginfo one;
  while (read(fd_, &one, sizeof one) == static_cast<ssize_t>(sizeof one)) {
    if (one.ssi_signo == SIGHUP) {
      listeners_.reload();
    } else {
      listeners_.stop(one.ssi_signo == SIGINT ? "SIGINT" : "SIGTERM", ++stops_);
    }
  }
}

}  // namespace sluice
