// SPDX-License-Identifier: Apache-2.0
#include "receive/listener.h"

#include <fmt/format.h>
#include <netdb.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <memory>

namespace sluice {
namespace {

uint16_t port_of(int fd) {
  sockaddr_storage address{};
  socklen_t length = sizeof address;
  if (::getsockname(fd, reinterpret_cast<sockaddr*>(&address), &length) != 0) return 0;
  return address.ss_family == AF_INET6
             ? ntohs(reinterpret_cast<const sockaddr_in6&>(address).sin6_port)
             : ntohs(reinterpret_cast<const sockaddr_in&>(address).sin_port);
}

std::string explain_bind(const std::string& host, uint16_t port, int err) {
  if (err == EADDRINUSE) {
    return fmt::format(
        "port {} on {} is already in use. Stop the other program (ss -ltnp 'sport = :{}' shows "
        "it), or choose another port with --listen {}:{}; port 0 takes a free one.",
        port, host, port, host, port == 65535 ? port - 1 : port + 1);
  }
  if (err == EACCES) {
    return fmt::format(
        "port {} on {} is not allowed for this user. Choose one above 1023 with "
        "--listen {}:8080.",
        port, host, host);
  }
  return fmt::format(
      "cannot listen on {} port {}: {}. Choose an address of this machine with "
      "--listen HOST:PORT.",
      host, port, std::strerror(err));
}

}  // namespace

std::string Listener::open(const std::string& host, uint16_t port) {
  Descriptor finder;  // holds the free port until the second socket has it
  if (port == 0) {
    if (std::string wrong = bind_to(host, 0, &finder); !wrong.empty()) return wrong;
    port = port_of(finder.get());
  }
  if (std::string wrong = bind_to(host, port, &fd_); !wrong.empty()) return wrong;
  finder.close();
  port_ = port;
  if (auto listening = resume(); !listening.ok()) {
    return explain_bind(host, port, listening.error().sys_errno);
  }
  return {};
}

std::string Listener::bind_to(const std::string& host, uint16_t port, Descriptor* fd) {
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = AI_PASSIVE | AI_NUMERICSERV;
  addrinfo* found = nullptr;
  const int failed = ::getaddrinfo(host.c_str(), std::to_string(port).c_str(), &hints, &found);
  if (failed != 0) {
    return fmt::format("host \"{}\" is unknown: {}. Write --listen 127.0.0.1:{}.", host,
                       ::gai_strerror(failed), port);
  }
  const std::unique_ptr<addrinfo, decltype(&::freeaddrinfo)> owner(found, ::freeaddrinfo);
  *fd = Descriptor(::socket(found->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  if (!fd->is_open()) return explain_bind(host, port, errno);
  const int on = 1;
  ::setsockopt(fd->get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  if (::bind(fd->get(), found->ai_addr, found->ai_addrlen) != 0) {
    return explain_bind(host, port, errno);
  }
  return {};
}

Result<void> Listener::pause() {
  // On a listening socket this ends listening and keeps a port that was bound by name.
  if (::shutdown(fd_.get(), SHUT_RDWR) != 0) return Error::from_errno("shutdown");
  return {};
}

Result<void> Listener::resume() {
  if (::listen(fd_.get(), SOMAXCONN) != 0) return Error::from_errno("listen");
  return {};
}

void reset_connection(int fd) {
  sockaddr nowhere{};
  nowhere.sa_family = AF_UNSPEC;
  (void)::connect(fd, &nowhere, sizeof nowhere);  // "disconnect": sends RST when established
}

}  // namespace sluice
