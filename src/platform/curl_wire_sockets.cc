// SPDX-License-Identifier: Apache-2.0
#include "platform/curl_wire_sockets.h"

#include <linux/tcp.h>  // tcpi_bytes_sent, which the C library's copy of the struct does not have
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cstddef>

#include "sluice/check.h"

namespace sluice {
namespace {

constexpr size_t kSocketsUsual = 16;

uint16_t local_port_of(int fd) {
  sockaddr_storage address{};
  socklen_t length = sizeof address;
  if (::getsockname(fd, reinterpret_cast<sockaddr*>(&address), &length) != 0) return 0;
  if (address.ss_family == AF_INET) {
    return ntohs(reinterpret_cast<const sockaddr_in*>(&address)->sin_port);
  }
  if (address.ss_family == AF_INET6) {
    return ntohs(reinterpret_cast<const sockaddr_in6*>(&address)->sin6_port);
  }
  return 0;
}

// Bytes that the kernel ever took for this connection: on the wire once, and still waiting. It sees
// through TLS records and HTTP/2 frames, where libcurl's own counters move only at their ends.
uint64_t bytes_taken_by_kernel(int fd) {
  tcp_info info{};
  socklen_t length = sizeof info;
  if (::getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &length) != 0) return 0;
  if (length < offsetof(tcp_info, tcpi_bytes_retrans) + sizeof info.tcpi_bytes_retrans) return 0;
  return info.tcpi_bytes_sent - info.tcpi_bytes_retrans + info.tcpi_notsent_bytes;
}

}  // namespace

WireSockets::WireSockets(FdPoller& poller, FdListener& listener)
    : poller_(poller), listener_(listener) {
  sockets_.reserve(kSocketsUsual);
}

int WireSockets::open(const curl_sockaddr& address) {
  const int fd =
      ::socket(address.family, address.socktype | SOCK_CLOEXEC | SOCK_NONBLOCK, address.protocol);
  if (fd < 0) return CURL_SOCKET_BAD;
  find_or_add(fd).connection = true;
  return fd;
}

void WireSockets::close(int fd) {
  poller_.unwatch(fd);
  forget(fd);
  ::close(fd);
}

void WireSockets::want(int fd, uint32_t poll_events) {
  if (poll_events == 0) {
    poller_.unwatch(fd);
    Socket* socket = find(fd);
    if (socket == nullptr) return;
    if (!socket->connection) return forget(fd);
    socket->wanted = 0;
    socket->silent = false;
    socket->empty_writes = 0;
    return;
  }
  Socket& socket = find_or_add(fd);
  socket.wanted = poll_events;
  watch(socket);
}

WireSockets::Socket* WireSockets::find_by_port(uint16_t local_port) {
  Socket* found = nullptr;
  for (Socket& socket : sockets_) {
    if (!socket.connection) continue;
    if (socket.local_port == 0) socket.local_port = local_port_of(socket.fd);
    if (socket.local_port != local_port) continue;
    if (found != nullptr) return nullptr;
    found = &socket;
  }
  return found;
}

void WireSockets::break_off(int fd) {
  Socket* socket = find(fd);
  if (socket == nullptr) return;
  socket->established = false;
  socket->greeted = false;
  socket->requests = 0;
  ::shutdown(fd, SHUT_RDWR);
}

bool WireSockets::any_served(uint32_t requests) const {
  return std::any_of(sockets_.begin(), sockets_.end(),
                     [requests](const Socket& s) { return s.requests >= requests; });
}

void WireSockets::break_off_served(uint32_t requests) {
  for (const Socket& socket : sockets_) {
    if (socket.requests >= requests) break_off(socket.fd);
  }
}

void WireSockets::was_readable(int fd, MonoTime now) {
  Socket* socket = find(fd);
  if (socket == nullptr) return;
  socket->heard_at = now;
  socket->greeted = socket->established;
  socket->empty_writes = 0;
  if (!socket->silent) return;
  socket->silent = false;
  watch(*socket);
}

bool WireSockets::has_written(int fd) {
  Socket* socket = find(fd);
  if (socket == nullptr) return true;
  const uint64_t taken = bytes_taken_by_kernel(fd);
  const bool moved = taken != socket->written_bytes;
  socket->written_bytes = taken;
  return moved;
}

void WireSockets::after_write(int fd, bool moved, MonoTime now) {
  Socket* socket = find(fd);
  if (socket == nullptr) return;
  socket->empty_writes = moved ? 0 : socket->empty_writes + 1;
  if (socket->empty_writes < kEmptyWritesMax || (socket->wanted & POLLOUT) == 0) return;
  socket->silent = true;
  socket->silent_until = now + kSilence;
  watch(*socket);
}

void WireSockets::turn(MonoTime now) {
  for (Socket& socket : sockets_) {
    if (socket.established && socket.greeted_by <= now) socket.greeted = true;
    if (!socket.silent || socket.silent_until > now) continue;
    socket.silent = false;  // empty_writes stays: one more empty call silences it again
    watch(socket);
  }
}

MonoTime WireSockets::due(MonoTime now) {
  MonoTime next = kNever;
  for (Socket& socket : sockets_) {
    if (socket.silent) next = std::min(next, socket.silent_until);
    if (!socket.established || socket.greeted || greetings_expected_) continue;
    socket.greeted_by = std::min(socket.greeted_by, now + kGreetingMax);
    next = std::min(next, socket.greeted_by);
  }
  return next;
}

size_t WireSockets::connections() const {
  return static_cast<size_t>(std::count_if(sockets_.begin(), sockets_.end(),
                                           [](const Socket& s) { return s.connection; }));
}

size_t WireSockets::established() const {
  return static_cast<size_t>(std::count_if(sockets_.begin(), sockets_.end(),
                                           [](const Socket& s) { return s.established; }));
}

size_t WireSockets::greeted() const {
  return static_cast<size_t>(
      std::count_if(sockets_.begin(), sockets_.end(), [](const Socket& s) { return s.greeted; }));
}

size_t WireSockets::undisturbed() const {
  size_t count = 0;
  for (const Socket& socket : sockets_) {
    pollfd look{socket.fd, POLLIN, 0};
    if (socket.established && ::poll(&look, 1, 0) == 0) ++count;
  }
  return count;
}

WireSockets::Socket* WireSockets::find(int fd) {
  for (Socket& socket : sockets_) {
    if (socket.fd == fd) return &socket;
  }
  return nullptr;
}

WireSockets::Socket& WireSockets::find_or_add(int fd) {
  SLUICE_CHECK(fd >= 0, "a socket has a descriptor");
  if (Socket* known = find(fd)) return *known;
  sockets_.emplace_back().fd = fd;
  return sockets_.back();
}

void WireSockets::forget(int fd) {
  std::erase_if(sockets_, [fd](const Socket& socket) { return socket.fd == fd; });
}

void WireSockets::watch(const Socket& socket) {
  if (socket.wanted == 0) return;
  const uint32_t mask = socket.silent ? socket.wanted & ~uint32_t{POLLOUT} : socket.wanted;
  poller_.watch(socket.fd, mask, &listener_);
}

}  // namespace sluice
