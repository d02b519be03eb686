// SPDX-License-Identifier: Apache-2.0
#include "control/admin_connection.h"

#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

namespace sluice {

AdminConnection::AdminConnection(int fd)
    : fd_(fd),
      read_until_(SteadyClock::now() + kRequestTimeMax),
      write_until_(SteadyClock::now() + kAnswerTimeMax) {}

bool AdminConnection::wait_for(short events, SteadyClock::time_point until) const {
  for (;;) {
    const auto left =
        std::chrono::duration_cast<std::chrono::milliseconds>(until - SteadyClock::now()).count();
    if (left <= 0) return false;
    pollfd polled{.fd = fd_, .events = events, .revents = 0};
    const int ready = ::poll(&polled, 1, static_cast<int>(left));
    if (ready > 0) return true;
    if (ready == 0 || errno != EINTR) return false;
  }
}

bool AdminConnection::is_readable() const {
  return begin_ < end_ || wait_for(POLLIN, read_until_);
}

bool AdminConnection::is_writable() const {
  return wait_for(POLLOUT, write_until_);
}

ssize_t AdminConnection::read(char* into, size_t size) {
  if (begin_ == end_) {
    const size_t room = std::min(buffer_.size(), kRequestBytesMax - taken_);
    if (room == 0 || !wait_for(POLLIN, read_until_)) return -1;
    const ssize_t got = ::recv(fd_, buffer_.data(), room, MSG_DONTWAIT);
    if (got <= 0) return got;
    begin_ = 0;
    end_ = static_cast<size_t>(got);
    taken_ += end_;
  }
  const size_t given = std::min(size, end_ - begin_);
  std::memcpy(into, buffer_.data() + begin_, given);
  begin_ += given;
  return static_cast<ssize_t>(given);
}

ssize_t AdminConnection::write(const char* from, size_t size) {
  if (!wait_for(POLLOUT, write_until_)) return -1;
  return ::send(fd_, from, size, MSG_NOSIGNAL | MSG_DONTWAIT);
}

void AdminConnection::get_remote_ip_and_port(std::string& ip, int& port) const {
  ip.clear();
  port = 0;
}

void AdminConnection::get_local_ip_and_port(std::string& ip, int& port) const {
  ip.clear();
  port = 0;
}

void AdminConnection::finish() {
  ::shutdown(fd_, SHUT_WR);
  const auto until = std::min(write_until_, SteadyClock::now() + std::chrono::milliseconds(100));
  for (size_t thrown_away = 0; thrown_away < (64U << 10);) {
    if (!wait_for(POLLIN, until)) return;
    const ssize_t got = ::recv(fd_, buffer_.data(), buffer_.size(), MSG_DONTWAIT);
    if (got <= 0) return;
    thrown_away += static_cast<size_t>(got);
  }
}

}  // namespace sluice
