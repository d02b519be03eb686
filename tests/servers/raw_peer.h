// SPDX-License-Identifier: Apache-2.0
// raw_peer.h — a TCP (or TLS) server that does exactly what a script says, byte by byte.
//
// In:      a script per connection, which runs on a thread of its own.
// Out:     a port on 127.0.0.1; how many connections came and how many bytes they brought.
// Owns:    the listening socket, the threads, the connections.
// Thread:  scripts run in parallel; what they share is the test's to guard.
// Limits:  scripts block; they end when the peer or the destructor closes the connection.
// Why so:  no real server misbehaves on request, and a client library would tidy up the bytes.
#pragma once

#include <openssl/ssl.h>

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

namespace sluice {

using SslContext = std::unique_ptr<SSL_CTX, decltype(&SSL_CTX_free)>;

class PeerConnection {
 public:
  PeerConnection(int fd, SSL_CTX* tls, int index, std::atomic<uint64_t>& received);
  ~PeerConnection();
  PeerConnection(const PeerConnection&) = delete;
  PeerConnection& operator=(const PeerConnection&) = delete;

  struct Request {
    std::string head;  // to the empty line, with it
    std::string body;
  };

  // False if the peer does not like our certificate, or is gone.
  bool handshake();
  // Nothing at the end of the connection.
  std::optional<std::string> read_head();
  std::optional<Request> read_request();
  // Up to `most` bytes; empty at the end.
  std::string read_some(size_t most);
  // Drops up to `most` bytes that were read together with the head; returns how many.
  size_t take_buffered(size_t most);
  bool write(std::string_view bytes);
  // Reads and forgets until the peer is gone.
  void drain();
  // Ends it with FIN, or with RST.
  void close();
  void reset();
  // Makes the kernel take as little as it can while nobody reads.
  void shrink_receive_buffer(int bytes);

  // What TLS negotiated: "h2", "http/1.1", or empty.
  std::string protocol() const;
  int index() const { return index_; }  // 0 for the first connection of the peer
  int fd() const { return fd_; }

 private:
  int fd_;
  const int index_;
  std::atomic<uint64_t>& received_;
  std::unique_ptr<SSL, decltype(&SSL_free)> ssl_{nullptr, SSL_free};
  std::string buffered_;
};

// The value of a header, without blanks around it.
std::optional<std::string> header_value(std::string_view head, std::string_view name);

class RawPeer {
 public:
  using Script = std::function<void(PeerConnection&)>;

  // `receive_buffer`: SO_RCVBUF of the connections from their first byte on; 0: the kernel's.
  explicit RawPeer(Script script, SslContext tls = {nullptr, SSL_CTX_free}, int receive_buffer = 0);
  ~RawPeer();
  RawPeer(const RawPeer&) = delete;
  RawPeer& operator=(const RawPeer&) = delete;

  uint16_t port() const { return port_; }
  std::string url(std::string_view scheme = "http", std::string_view host = "127.0.0.1") const;
  int connections() const { return connections_.load(); }
  // Decrypted bytes, headers included.
  uint64_t received_bytes() const { return received_.load(); }

 private:
  void accept_loop();

  const Script script_;
  const SslContext tls_;
  int listener_ = -1;
  uint16_t port_ = 0;
  std::atomic<bool> stopping_{false};
  std::atomic<int> connections_{0};
  std::atomic<uint64_t> received_{0};
  std::mutex mutex_;
  std::vector<int> open_fds_;
  std::vector<std::thread> threads_;
  std::thread acceptor_;
};

}  // namespace sluice
