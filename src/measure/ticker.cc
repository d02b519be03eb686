// SPDX-License-Identifier: Apache-2.0
#include "measure/ticker.h"

#include <fmt/format.h>
#include <unistd.h>

#include <cstdio>
#include <utility>

#include "measure/raw_loop.h"

namespace sluice {
namespace {

constexpr double kTerminalSeconds = 0.1;
constexpr double kLogSeconds = 10;

}  // namespace

Ticker::Ticker(std::string command, bool quiet)
    : command_(std::move(command)), quiet_(quiet), terminal_(::isatty(STDERR_FILENO) == 1) {
  next_ = terminal_ ? 0 : seconds_of_wall() + kLogSeconds;
}

Ticker::~Ticker() {
  if (written_ && terminal_) std::fputs("\r\033[K", stderr);
}

void Ticker::tell(const std::string& line, double share) {
  const double now = seconds_of_wall();
  if (quiet_ || now < next_) return;
  next_ = now + (terminal_ ? kTerminalSeconds : kLogSeconds);
  written_ = true;
  fmt::print(stderr, "{}sluice {}: {:.0f} %{}{}{}", terminal_ ? "\r" : "", command_, share * 100,
             line.empty() ? "" : ", ", line, terminal_ ? "\033[K" : "\n");
  std::fflush(stderr);
}

}  // namespace sluice
