// SPDX-License-Identifier: Apache-2.0
// admin_connection.h — one request on one accepted socket, within fixed bounds.
//
// In:      an accepted socket and the moment by which everything must be over.
// Out:     bytes for httplib's parser, and its answer back to the peer.
// Owns:    nothing: the socket is closed by its thread.
// Thread:  one worker of the admin server.
// Limits:  8 KiB of request in all, 2 s to send it, 5 s until the answer has left. One request per
//          connection.
// Fails:   as a closed connection, which the parser understands.
// Why so:  httplib 0.11.4 bounds one line and one wait, not their sum: a peer that sends a byte
//          per second, or headers without end, would hold a worker for ever.
#pragma once

#include <httplib.h>

#include <array>
#include <chrono>
#include <cstddef>
#include <string>

namespace sluice {

class AdminConnection final : public httplib::Stream {
 public:
  using SteadyClock = std::chrono::steady_clock;

  static constexpr size_t kRequestBytesMax = 8192;
  static constexpr std::chrono::milliseconds kRequestTimeMax{2000};
  static constexpr std::chrono::milliseconds kAnswerTimeMax{5000};

  explicit AdminConnection(int fd);

  bool is_readable() const override;
  bool is_writable() const override;
  ssize_t read(char* into, size_t size) override;
  ssize_t write(const char* from, size_t size) override;
  void get_remote_ip_and_port(std::string& ip, int& port) const override;
  void get_local_ip_and_port(std::string& ip, int& port) const override;
  socket_t socket() const override { return -1; }  // only httplib's own sockets need it

  // Says that the answer is complete and waits a moment for the peer to take it: closing with
  // unread bytes would reset the connection and with it the answer.
  void finish();

 private:
  bool wait_for(short events, SteadyClock::time_point until) const;

  const int fd_;
  const SteadyClock::time_point read_until_;
  const SteadyClock::time_point write_until_;
  std::array<char, 2048> buffer_{};
  size_t begin_ = 0;
  size_t end_ = 0;
  size_t taken_ = 0;
};

}  // namespace sluice
