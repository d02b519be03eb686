// SPDX-License-Identifier: Apache-2.0
// loopback.h — a listening socket on a free port of 127.0.0.1.
//
// Out:     a descriptor that the caller closes; the port in `port`. -1 and 0 if there is none.
// Limits:  `receive_buffer` is inherited by accepted connections; 0 leaves the kernel's default.
#pragma once

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstdint>

namespace sluice {

inline int listen_on_loopback(uint16_t& port, int receive_buffer = 0) {
  port = 0;
  const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd < 0) return -1;
  const int on = 1;
  ::setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  if (receive_buffer > 0) {
    ::setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &receive_buffer, sizeof receive_buffer);
  }
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t length = sizeof address;
  auto* raw = reinterpret_cast<sockaddr*>(&address);
  if (::bind(fd, raw, sizeof address) != 0 || ::listen(fd, 128) != 0 ||
      ::getsockname(fd, raw, &length) != 0) {
    ::close(fd);
    return -1;
  }
  port = ntohs(address.sin_port);
  return fd;
}

// A connection without Nagle's delay, as every server has it. -1 if there is none.
inline int accept_on_loopback(int listener) {
  const int fd = ::accept4(listener, nullptr, nullptr, SOCK_CLOEXEC);
  const int on = 1;
  if (fd >= 0) ::setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  return fd;
}

// For the threads of a test server: what a client does may not end the test. The client's own
// thread keeps the default, so that a transport that raises SIGPIPE fails its test.
inline void block_sigpipe() {
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGPIPE);
  ::pthread_sigmask(SIG_BLOCK, &set, nullptr);
}

}  // namespace sluice
