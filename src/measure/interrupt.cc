// SPDX-License-Identifier: Apache-2.0
#include "measure/interrupt.h"

#include <time.h>

#include <algorithm>
#include <cerrno>

namespace sluice {

Interrupt::Interrupt() {
  sigemptyset(&waited_);
  for (const int signal : {SIGINT, SIGTERM, SIGHUP}) sigaddset(&waited_, signal);
  pthread_sigmask(SIG_BLOCK, &waited_, &before_);
}

Interrupt::~Interrupt() {
  pthread_sigmask(SIG_SETMASK, &before_, nullptr);
}

bool Interrupt::pause(Duration duration) {
  constexpr int64_t kSecond = 1'000'000'000;
  const int64_t wanted = came_ ? 0 : std::max<int64_t>(duration.value, 0);
  const timespec time{wanted / kSecond, wanted % kSecond};
  if (sigtimedwait(&waited_, nullptr, &time) > 0) came_ = true;
  return came_;
}

}  // namespace sluice
