// SPDX-License-Identifier: Apache-2.0
#include "servers/raw_peer.h"

#include <netinet/in.h>
#include <poll.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <charconv>

#include "servers/loopback.h"

namespace sluice {
namespace {

// Closing with unread bytes would reset the connection, and overtake the alert that was just sent.
void linger_until_gone(int fd) {
  ::shutdown(fd, SHUT_WR);
  std::array<char, 4096> bytes;
  while (::recv(fd, bytes.data(), bytes.size(), 0) > 0) {
  }
}

}  // namespace

PeerConnection::PeerConnection(int fd, SSL_CTX* tls, int index, std::atomic<uint64_t>& received)
    : fd_(fd), index_(index), received_(received) {
  if (tls != nullptr) {
    ssl_.reset(SSL_new(tls));
    SSL_set_fd(ssl_.get(), fd_);
  }
}

PeerConnection::~PeerConnection() {
  close();
}

bool PeerConnection::handshake() {
  return !ssl_ || SSL_accept(ssl_.get()) == 1;
}

std::string PeerConnection::read_some(size_t most) {
  if (!buffered_.empty()) {
    std::string taken = buffered_.substr(0, most);
    buffered_.erase(0, taken.size());
    return taken;
  }
  if (fd_ < 0) return {};
  std::string bytes(std::min<size_t>(most, 64 << 10), '\0');
  const ssize_t got = ssl_ ? SSL_read(ssl_.get(), bytes.data(), static_cast<int>(bytes.size()))
                           : ::recv(fd_, bytes.data(), bytes.size(), 0);
  bytes.resize(got > 0 ? static_cast<size_t>(got) : 0);
  received_ += bytes.size();
  return bytes;
}

std::optional<std::string> PeerConnection::read_head() {
  std::string head;
  size_t end = std::string::npos;
  while ((end = head.find("\r\n\r\n")) == std::string::npos) {
    const std::string more = read_some(64 << 10);
    if (more.empty()) return std::nullopt;
    head += more;
  }
  buffered_ = head.substr(end + 4) + buffered_;
  head.resize(end + 4);
  return head;
}

std::optional<PeerConnection::Request> PeerConnection::read_request() {
  std::optional<std::string> head = read_head();
  if (!head) return std::nullopt;
  size_t length = 0;
  if (const std::optional<std::string> value = header_value(*head, "Content-Length")) {
    std::from_chars(value->data(), value->data() + value->size(), length);
  }
  Request request{std::move(*head), {}};
  while (request.body.size() < length) {
    const std::string more = read_some(length - request.body.size());
    if (more.empty()) return std::nullopt;
    request.body += more;
  }
  return request;
}

size_t PeerConnection::take_buffered(size_t most) {
  const size_t taken = std::min(most, buffered_.size());
  buffered_.erase(0, taken);
  return taken;
}

bool PeerConnection::write(std::string_view bytes) {
  while (!bytes.empty()) {
    if (fd_ < 0) return false;
    const ssize_t put = ssl_ ? SSL_write(ssl_.get(), bytes.data(), static_cast<int>(bytes.size()))
                             : ::send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (put <= 0) return false;
    bytes.remove_prefix(static_cast<size_t>(put));
  }
  return true;
}

void PeerConnection::drain() {
  while (!read_some(64 << 10).empty()) {
  }
}

void PeerConnection::close() {
  if (fd_ < 0) return;
  if (ssl_) SSL_shutdown(ssl_.get());
  ::shutdown(fd_, SHUT_RDWR);
  fd_ = -1;  // the peer closes it: the number stays taken until its thread has ended
}

void PeerConnection::reset() {
  if (fd_ < 0) return;
  const linger now{1, 0};
  ::setsockopt(fd_, SOL_SOCKET, SO_LINGER, &now, sizeof now);
  fd_ = -1;
}

std::string PeerConnection::protocol() const {
  const unsigned char* name = nullptr;
  unsigned int length = 0;
  if (ssl_) SSL_get0_alpn_selected(ssl_.get(), &name, &length);
  return std::string(reinterpret_cast<const char*>(name), length);
}

void PeerConnection::shrink_receive_buffer(int bytes) {
  ::setsockopt(fd_, SOL_SOCKET, SO_RCVBUF, &bytes, sizeof bytes);
}

std::optional<std::string> header_value(std::string_view head, std::string_view name) {
  while (!head.empty()) {
    const size_t end = std::min(head.find("\r\n"), head.size());
    std::string_view line = head.substr(0, end);
    head.remove_prefix(std::min(head.size(), end + 2));
    if (line.size() <= name.size() || line[name.size()] != ':') continue;
    if (::strncasecmp(line.data(), name.data(), name.size()) != 0) continue;
    line.remove_prefix(name.size() + 1);
    while (!line.empty() && line.front() == ' ') line.remove_prefix(1);
    return std::string(line);
  }
  return std::nullopt;
}

RawPeer::RawPeer(Script script, SslContext tls, int receive_buffer)
    : script_(std::move(script)), tls_(std::move(tls)) {
  listener_ = listen_on_loopback(port_, receive_buffer);
  acceptor_ = std::thread([this] { accept_loop(); });
}

RawPeer::~RawPeer() {
  stopping_ = true;
  ::shutdown(listener_, SHUT_RDWR);
  acceptor_.join();
  {
    const std::lock_guard lock(mutex_);
    for (const int fd : open_fds_) ::shutdown(fd, SHUT_RDWR);
  }
  for (std::thread& thread : threads_) thread.join();
  ::close(listener_);
}

std::string RawPeer::url(std::string_view scheme, std::string_view host) const {
  return std::string(scheme) + "://" + std::string(host) + ":" + std::to_string(port_) + "/ingest";
}

void RawPeer::accept_loop() {
  block_sigpipe();
  while (!stopping_) {
    const int fd = accept_on_loopback(listener_);
    if (fd < 0) continue;
    const int index = connections_.fetch_add(1);
    const std::lock_guard lock(mutex_);
    open_fds_.push_back(fd);
    threads_.emplace_back([this, fd, index] {
      {
        PeerConnection connection(fd, tls_.get(), index, received_);
        if (connection.handshake()) {
          script_(connection);
        } else {
          linger_until_gone(fd);
        }
      }
      const std::lock_guard fds_lock(mutex_);
      std::erase(open_fds_, fd);
      ::close(fd);
    });
  }
}

}  // namespace sluice
