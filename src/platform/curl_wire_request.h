// SPDX-License-Identifier: Apache-2.0
// curl_wire_request.h — one place of the wire's window: an easy handle, its headers, its answer.
//
// In:      a borrowed parcel and its ticket; callbacks of libcurl while the transfer is open.
// Out:     a WireAnswer, once.
// Owns:    the easy handle with everything that is the same for every request; the text of the
//          headers that are not. Set up once, used again and again: a request allocates nothing
//          here.
// Thread:  the loop's.
// Limits:  kAnswerBytesMax of an answer are read, the rest is not waited for. A request starts
//          once: a second attempt is the lane's to count, pace and bound.
// Fails:   what libcurl says, as a WireAnswer.
// Why so:  libcurl repeats a request by itself when a reused connection breaks, and up to six times
//          after REFUSED_STREAM. The callback before each start is where both are seen and stopped.
//          A pooled connection that is found dead before the start is replaced without a word.
#pragma once

#include <curl/curl.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string_view>

#include "platform/credentials.h"
#include "platform/curl_wire_sockets.h"
#include "sluice/clock.h"
#include "sluice/parcel.h"
#include "sluice/units.h"
#include "sluice/wire.h"

namespace sluice {

struct CurlRequest {
  static constexpr size_t kAnswerBytesMax = 64 << 10;

  enum class State : uint8_t {
    kFree,
    kWaiting,  // for room on the connections; libcurl does not know it yet
    kOpen,     // added to the multi handle
    kAnswered  // `answer` has not been reaped yet
  };

  CurlRequest() = default;
  CurlRequest(const CurlRequest&) = delete;
  CurlRequest& operator=(const CurlRequest&) = delete;
  ~CurlRequest();

  // Sets what depends on the parcel, and the headers that are the same for all as they are now.
  void fill(const Parcel& parcel, uint64_t parcel_ticket, MonoTime now,
            const Credentials& credentials, WallTime wall);
  // Bytes of the body that left so far, as far as libcurl knows.
  int64_t uploaded_bytes() const;
  // Forgets the last attempt on a connection, before the next one.
  void reopen(MonoTime now, bool first_on_connection);
  // Makes the answer of a transfer that ended by itself.
  void conclude(CURLcode code, Clock& clock, MonoTime now);
  // The same with the judgement made: of a transfer that was ended from outside.
  void conclude(TransportFailure failure, std::string_view text, MonoTime now);

  CURL* easy = nullptr;  // another one for each request

  // Constant after construction of the wire:
  WireSockets* sockets = nullptr;
  bool clear_text_http2 = false;
  bool may_fall_back = false;  // from HTTP/2 to HTTP/1.1

  // Of the open request:
  State state = State::kFree;
  const Parcel* parcel = nullptr;
  uint64_t ticket = 0;
  MonoTime sent_at;
  MonoTime opened_at;             // given to libcurl
  MonoTime timed_from = kNever;   // when it got a connection or began to make one
  uint32_t starts = 0;            // how often libcurl began to send it
  bool has_connection = false;    // or is making one
  bool prior_knowledge = false;   // clear-text HTTP/2: first on its connection
  bool wrong_connection = false;  // stopped before a byte left, to be opened again
  uint32_t wrong_connections = 0;
  bool http1_only = false;
  bool http2_failed = false;  // set with the answer: HTTP/2 lost this request in its own way
  bool repeat_refused = false;
  int fd = -1;                     // the connection that it was started on
  int64_t sent_before_repeat = 0;  // libcurl forgets it before it asks to start again
  size_t answer_bytes = 0;
  bool answer_cut = false;
  bool status_broken = false;  // what libcurl says of the status is not what the peer said
  WireAnswer answer;

  // Called by libcurl, with the request as `self`.
  static size_t on_body(char* bytes, size_t size, size_t count, void* self) noexcept;
  static size_t on_header(char* bytes, size_t size, size_t count, void* self) noexcept;
  static int on_start(void* self, char* remote_ip, char* local_ip, int remote_port,
                      int local_port) noexcept;
  static curl_socket_t on_open_socket(void* self, curlsocktype purpose,
                                      curl_sockaddr* address) noexcept;

  // What libcurl says about a failure.
  std::array<char, CURL_ERROR_SIZE> words{};

 private:
  void renew_handle();

  bool served_ = false;                                       // the handle has had a request
  std::array<char, sizeof(WireAnswer::text)> answer_head_{};  // as it came
  // The list that ends this request's own; it outlives its successor here.
  std::shared_ptr<const HeaderList> shared_headers_;
  std::array<curl_slist, 4> headers_{};
  std::array<char, 16 + 34> key_line_{};
  std::array<char, 160> type_line_{};
  std::array<char, 64> encoding_line_{};
  std::array<char, 256> signature_line_{};
};

}  // namespace sluice
