// SPDX-License-Identifier: Apache-2.0
// h2_peer.h — an HTTP/2 server that misbehaves on request, frame by frame.
//
// In:      a behaviour; orders while it runs (open the windows, ping, go away).
// Out:     a port on 127.0.0.1; counts of connections, streams, requests and body bytes.
// Owns:    the listening socket, one thread per connection, an nghttp2 session on each.
// Thread:  orders and counts from any thread.
// Limits:  clear text with prior knowledge, or TLS with a context that selects "h2".
// Why so:  libnghttp2 as the session engine keeps frames and header compression right, while flow
//          control, stream resets and pings are ours to get wrong.
#pragma once

#include <nghttp2/nghttp2.h>

#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "servers/raw_peer.h"

namespace sluice {

struct H2Behaviour {
  // Of SETTINGS. The connection's own window stays 65535 bytes until it is updated.
  uint32_t stream_window = 65535;
  uint32_t connection_window_add = 0;
  uint32_t max_concurrent_streams = 100;
  bool update_windows = true;    // false: never, until open_windows()
  bool refuse_streams = false;   // RST_STREAM REFUSED_STREAM to every request
  bool reset_streams = false;    // RST_STREAM INTERNAL_ERROR as soon as a body byte came
  bool answer = true;            // false: no answer, until answer_now()
  int answer_delay_ms = 0;       // after the end of a request
  bool answer_early = false;     // 200 at the request's headers, then RST_STREAM NO_ERROR
  int close_after_requests = 0;  // GOAWAY and close once that many were answered
};

class H2Peer {
 public:
  explicit H2Peer(H2Behaviour behaviour, SslContext tls = {nullptr, SSL_CTX_free});
  ~H2Peer();
  H2Peer(const H2Peer&) = delete;
  H2Peer& operator=(const H2Peer&) = delete;

  uint16_t port() const { return port_; }
  std::string url(std::string_view scheme = "http") const;

  void open_windows() { windows_open_ = true; }
  void answer_now() { answering_ = true; }
  // A PING on every connection; pings_acked() counts the answers.
  void ping() { ++pings_ordered_; }
  void close_connections() { ++closes_ordered_; }

  int connections() const { return connections_.load(); }
  int open_connections() const { return open_connections_.load(); }
  int streams() const { return streams_.load(); }
  int streams_at_once_max() const { return streams_at_once_max_.load(); }
  int requests() const { return requests_.load(); }  // whole ones
  uint64_t body_bytes() const { return body_bytes_.load(); }
  int pings_sent() const { return pings_sent_.load(); }

 private:
  friend class H2PeerSession;
  void accept_loop();

  const H2Behaviour behaviour_;
  const SslContext tls_;
  int listener_ = -1;
  uint16_t port_ = 0;
  std::atomic<bool> stopping_{false};
  std::atomic<bool> windows_open_{false};
  std::atomic<bool> answering_{false};
  std::atomic<int> pings_ordered_{0};
  std::atomic<int> closes_ordered_{0};
  std::atomic<int> connections_{0};
  std::atomic<int> open_connections_{0};
  std::atomic<int> streams_{0};
  std::atomic<int> streams_at_once_{0};
  std::atomic<int> streams_at_once_max_{0};
  std::atomic<int> requests_{0};
  std::atomic<uint64_t> body_bytes_{0};
  std::atomic<int> pings_sent_{0};
  std::mutex mutex_;
  std::vector<std::thread> threads_;
  std::thread acceptor_;
};

}  // namespace sluice
