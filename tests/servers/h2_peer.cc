// SPDX-License-Identifier: Apache-2.0
#include "servers/h2_peer.h"

#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstring>
#include <map>

#include "servers/loopback.h"

namespace sluice {

using SteadyTime = std::chrono::steady_clock::time_point;

// One connection on one thread; orders are looked for every millisecond.
class H2PeerSession {
 public:
  H2PeerSession(H2Peer& peer, int fd) : peer_(peer), fd_(fd) {
    if (peer.tls_) {
      ssl_.reset(SSL_new(peer.tls_.get()));
      SSL_set_fd(ssl_.get(), fd);
    }
  }
  ~H2PeerSession() { nghttp2_session_del(session_); }

  void run() {
    if (ssl_ && SSL_accept(ssl_.get()) != 1) return;
    ::fcntl(fd_, F_SETFL, ::fcntl(fd_, F_GETFL) | O_NONBLOCK);
    begin();
    const int closes = peer_.closes_ordered_;
    pings_ = peer_.pings_ordered_;
    while (!peer_.stopping_ && peer_.closes_ordered_ == closes && turn()) {
    }
    nghttp2_session_terminate_session(session_, NGHTTP2_NO_ERROR);
    nghttp2_session_send(session_);
  }

 private:
  void begin();
  bool turn();
  bool read();
  void obey();
  void answer(int32_t stream);
  void request_complete(int32_t stream);

  static H2PeerSession& of(void* self) { return *static_cast<H2PeerSession*>(self); }
  static ssize_t on_send(nghttp2_session*, const uint8_t* bytes, size_t size, int, void* self);
  static int on_begin_headers(nghttp2_session*, const nghttp2_frame* frame, void* self);
  static int on_frame(nghttp2_session*, const nghttp2_frame* frame, void* self);
  static int on_frame_sent(nghttp2_session*, const nghttp2_frame* frame, void* self);
  static int on_body(nghttp2_session*, uint8_t, int32_t stream, const uint8_t*, size_t size,
                     void* self);
  static int on_stream_close(nghttp2_session*, int32_t stream, uint32_t, void* self);

  H2Peer& peer_;
  const int fd_;
  std::unique_ptr<SSL, decltype(&SSL_free)> ssl_{nullptr, SSL_free};
  nghttp2_session* session_ = nullptr;
  std::map<int32_t, size_t> unconsumed_;      // bytes for which no WINDOW_UPDATE was sent
  std::map<int32_t, SteadyTime> unanswered_;  // and when they are due
  int pings_ = 0;
  int answered_ = 0;
};

void H2PeerSession::begin() {
  nghttp2_session_callbacks* callbacks = nullptr;
  nghttp2_session_callbacks_new(&callbacks);
  nghttp2_session_callbacks_set_send_callback(callbacks, &on_send);
  nghttp2_session_callbacks_set_on_begin_headers_callback(callbacks, &on_begin_headers);
  nghttp2_session_callbacks_set_on_frame_recv_callback(callbacks, &on_frame);
  nghttp2_session_callbacks_set_on_frame_send_callback(callbacks, &on_frame_sent);
  nghttp2_session_callbacks_set_on_data_chunk_recv_callback(callbacks, &on_body);
  nghttp2_session_callbacks_set_on_stream_close_callback(callbacks, &on_stream_close);
  nghttp2_option* option = nullptr;
  nghttp2_option_new(&option);
  nghttp2_option_set_no_auto_window_update(option, 1);
  nghttp2_session_server_new2(&session_, callbacks, this, option);
  nghttp2_option_del(option);
  nghttp2_session_callbacks_del(callbacks);

  const std::array<nghttp2_settings_entry, 2> settings = {
      {{NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, peer_.behaviour_.stream_window},
       {NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS, peer_.behaviour_.max_concurrent_streams}}};
  nghttp2_submit_settings(session_, NGHTTP2_FLAG_NONE, settings.data(), settings.size());
  if (peer_.behaviour_.connection_window_add > 0) {
    nghttp2_session_set_local_window_size(
        session_, NGHTTP2_FLAG_NONE, 0,
        static_cast<int32_t>(65535 + peer_.behaviour_.connection_window_add));
  }
}

bool H2PeerSession::turn() {
  obey();
  if (nghttp2_session_send(session_) != 0) return false;
  const int after = peer_.behaviour_.close_after_requests;
  if (after > 0 && answered_ >= after) return false;
  pollfd wait{fd_, POLLIN, 0};
  if (nghttp2_session_want_write(session_) != 0) wait.events |= POLLOUT;
  if (ssl_ && SSL_pending(ssl_.get()) > 0) return read();
  if (::poll(&wait, 1, 1) <= 0) return true;
  if ((wait.revents & (POLLIN | POLLHUP | POLLERR)) == 0) return true;
  return read();
}

bool H2PeerSession::read() {
  std::array<uint8_t, 64 << 10> bytes;
  ssize_t got = 0;
  if (ssl_) {
    got = SSL_read(ssl_.get(), bytes.data(), static_cast<int>(bytes.size()));
    if (got <= 0 && SSL_get_error(ssl_.get(), static_cast<int>(got)) == SSL_ERROR_WANT_READ) {
      return true;
    }
  } else {
    got = ::recv(fd_, bytes.data(), bytes.size(), 0);
    if (got < 0 && (errno == EAGAIN || errno == EINTR)) return true;
  }
  if (got <= 0) return false;
  return nghttp2_session_mem_recv(session_, bytes.data(), static_cast<size_t>(got)) == got;
}

void H2PeerSession::obey() {
  if (peer_.behaviour_.update_windows || peer_.windows_open_) {
    for (const auto& [stream, size] : unconsumed_) {
      if (stream == 0) {
        nghttp2_session_consume_connection(session_, size);
      } else {
        nghttp2_session_consume_stream(session_, stream, size);
      }
    }
    unconsumed_.clear();
  }
  if (peer_.behaviour_.answer || peer_.answering_) {
    const SteadyTime now = std::chrono::steady_clock::now();
    std::erase_if(unanswered_, [&](const auto& due) {
      if (due.second > now) return false;
      answer(due.first);
      return true;
    });
  }
  while (pings_ < peer_.pings_ordered_) {
    nghttp2_submit_ping(session_, NGHTTP2_FLAG_NONE, nullptr);
    ++pings_;
    ++peer_.pings_sent_;
  }
}

void H2PeerSession::answer(int32_t stream) {
  const auto header = [](const char* name, const char* value) {
    return nghttp2_nv{reinterpret_cast<uint8_t*>(const_cast<char*>(name)),
                      reinterpret_cast<uint8_t*>(const_cast<char*>(value)), std::strlen(name),
                      std::strlen(value), NGHTTP2_NV_FLAG_NONE};
  };
  const std::array<nghttp2_nv, 2> headers = {header(":status", "200"),
                                             header("content-length", "0")};
  nghttp2_submit_response(session_, stream, headers.data(), headers.size(), nullptr);
  ++answered_;
}

void H2PeerSession::request_complete(int32_t stream) {
  ++peer_.requests_;
  if (peer_.behaviour_.answer_early) return;
  unanswered_[stream] = std::chrono::steady_clock::now() +
                        std::chrono::milliseconds(peer_.behaviour_.answer_delay_ms);
}

ssize_t H2PeerSession::on_send(nghttp2_session*, const uint8_t* bytes, size_t size, int,
                               void* self) {
  H2PeerSession& session = of(self);
  if (session.ssl_) {
    const int put = SSL_write(session.ssl_.get(), bytes, static_cast<int>(size));
    if (put > 0) return put;
    return SSL_get_error(session.ssl_.get(), put) == SSL_ERROR_WANT_WRITE
               ? static_cast<ssize_t>(NGHTTP2_ERR_WOULDBLOCK)
               : static_cast<ssize_t>(NGHTTP2_ERR_CALLBACK_FAILURE);
  }
  const ssize_t put = ::send(session.fd_, bytes, size, MSG_NOSIGNAL);
  if (put >= 0) return put;
  return errno == EAGAIN ? static_cast<ssize_t>(NGHTTP2_ERR_WOULDBLOCK)
                         : static_cast<ssize_t>(NGHTTP2_ERR_CALLBACK_FAILURE);
}

int H2PeerSession::on_begin_headers(nghttp2_session* raw, const nghttp2_frame* frame, void* self) {
  H2PeerSession& session = of(self);
  H2Peer& peer = session.peer_;
  ++peer.streams_;
  const int now = ++peer.streams_at_once_;
  int most = peer.streams_at_once_max_;
  while (now > most && !peer.streams_at_once_max_.compare_exchange_weak(most, now)) {
  }
  const int32_t stream = frame->hd.stream_id;
  if (peer.behaviour_.refuse_streams) {
    nghttp2_submit_rst_stream(raw, NGHTTP2_FLAG_NONE, stream, NGHTTP2_REFUSED_STREAM);
  } else if (peer.behaviour_.answer_early) {
    session.answer(stream);
  }
  return 0;
}

int H2PeerSession::on_frame(nghttp2_session*, const nghttp2_frame* frame, void* self) {
  const bool body = frame->hd.type == NGHTTP2_DATA || frame->hd.type == NGHTTP2_HEADERS;
  if (body && (frame->hd.flags & NGHTTP2_FLAG_END_STREAM) != 0) {
    of(self).request_complete(frame->hd.stream_id);
  }
  return 0;
}

int H2PeerSession::on_frame_sent(nghttp2_session* raw, const nghttp2_frame* frame, void* self) {
  if (!of(self).peer_.behaviour_.answer_early || frame->hd.type != NGHTTP2_HEADERS) return 0;
  // "I do not want the rest", as RFC 9113 section 8.1 has it.
  nghttp2_submit_rst_stream(raw, NGHTTP2_FLAG_NONE, frame->hd.stream_id, NGHTTP2_NO_ERROR);
  return 0;
}

int H2PeerSession::on_body(nghttp2_session* raw, uint8_t, int32_t stream, const uint8_t*,
                           size_t size, void* self) {
  H2PeerSession& session = of(self);
  session.peer_.body_bytes_ += size;
  session.unconsumed_[stream] += size;
  session.unconsumed_[0] += size;
  if (session.peer_.behaviour_.reset_streams) {
    nghttp2_submit_rst_stream(raw, NGHTTP2_FLAG_NONE, stream, NGHTTP2_INTERNAL_ERROR);
  }
  return 0;
}

int H2PeerSession::on_stream_close(nghttp2_session*, int32_t stream, uint32_t, void* self) {
  of(self).unanswered_.erase(stream);
  of(self).unconsumed_.erase(stream);
  --of(self).peer_.streams_at_once_;
  return 0;
}

H2Peer::H2Peer(H2Behaviour behaviour, SslContext tls)
    : behaviour_(behaviour), tls_(std::move(tls)) {
  listener_ = listen_on_loopback(port_);
  acceptor_ = std::thread([this] { accept_loop(); });
}

H2Peer::~H2Peer() {
  stopping_ = true;
  ::shutdown(listener_, SHUT_RDWR);
  acceptor_.join();
  for (std::thread& thread : threads_) thread.join();
  ::close(listener_);
}

std::string H2Peer::url(std::string_view scheme) const {
  return std::string(scheme) + "://127.0.0.1:" + std::to_string(port_) + "/ingest";
}

void H2Peer::accept_loop() {
  block_sigpipe();
  while (!stopping_) {
    const int fd = accept_on_loopback(listener_);
    if (fd < 0) continue;
    ++connections_;
    ++open_connections_;
    threads_.emplace_back([this, fd] {
      H2PeerSession(*this, fd).run();
      ::shutdown(fd, SHUT_RDWR);
      ::close(fd);
      --open_connections_;
    });
  }
}

}  // namespace sluice
