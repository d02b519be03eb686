// SPDX-License-Identifier: Apache-2.0
#include "control/own_log_screen.h"

#include <fmt/format.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <climits>

namespace sluice {

namespace {

constexpr int kBlockedWaitMs = 50;
constexpr int kWidthUnknown = 80;
constexpr std::string_view kTakeAway = "\r\x1b[K";  // to column 0, erase to the end of the line

bool takes_bytes(int fd, int wait_ms) {
  pollfd polled{.fd = fd, .events = POLLOUT, .revents = 0};
  int ready = 0;
  do {
    ready = ::poll(&polled, 1, wait_ms);
  } while (ready < 0 && errno == EINTR);
  return ready > 0 && (polled.revents & POLLOUT) != 0;
}

}  // namespace

Screen::Screen(int fd) : fd_(fd), terminal_(::isatty(fd) == 1) {}

Screen::~Screen() {
  progress("");
}

int Screen::width() const {
  winsize size{};
  if (::ioctl(fd_, TIOCGWINSZ, &size) != 0 || size.ws_col == 0) return kWidthUnknown;
  return size.ws_col;
}

bool Screen::line(std::string_view text) {
  const std::lock_guard lock(mutex_);
  std::string bytes;
  if (!progress_.empty()) bytes += kTakeAway;
  if (torn_) bytes += '\n';
  if (dropped_ > 0) {
    bytes += fmt::format("({} log lines were dropped: stderr took no bytes)\n", dropped_);
  }
  bytes.append(text).append("\n").append(progress_);
  const bool whole = put(bytes);
  dropped_ = whole ? 0 : dropped_ + 1;
  return whole;
}

void Screen::progress(std::string_view text) {
  if (!terminal_) return;
  const std::lock_guard lock(mutex_);
  if (text.empty() && progress_.empty()) return;
  put(std::string(kTakeAway).append(text));
  progress_ = text;
}

// In pieces that a pipe takes whole or not at all, so that write() never waits.
bool Screen::put(std::string_view bytes) {
  while (!bytes.empty()) {
    if (!takes_bytes(fd_, blocked_ ? 0 : kBlockedWaitMs)) {
      blocked_ = true;
      return false;
    }
    const ssize_t sent =
        ::write(fd_, bytes.data(), std::min<size_t>(bytes.size(), static_cast<size_t>(PIPE_BUF)));
    if (sent < 0 && errno != EINTR && errno != EAGAIN) return false;
    if (sent > 0) bytes.remove_prefix(static_cast<size_t>(sent));
    blocked_ = false;
    torn_ = !bytes.empty();
  }
  return true;
}

}  // namespace sluice
