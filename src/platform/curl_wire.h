// SPDX-License-Identifier: Apache-2.0
// curl_wire.h — HTTP/1.1 and HTTP/2 to one endpoint with libcurl, on the loop's own socket wait.
//
// In:      parcels; readiness of sockets from the loop's poller; `now`.
// Out:     one answer per parcel: the final status and whether the whole body had left, or how the
//          transport failed.
// Owns:    the multi handle, one easy handle per place of the window, all connections. Borrows the
//          poller, the clock, and each parcel until its answer was reaped.
// Thread:  the loop's. Resolving names is done by threads of libcurl.
// Limits:  `window` parcels, `connections_max` connections. Requests beyond the room on the
//          connections wait here and not in libcurl, whose clock would already run for them. While
//          there is no connection there is room for one request. The others join it when an HTTP/2
//          peer has sent its SETTINGS: before that they would be refused if it allows few streams.
//          request_timeout counts from the moment that a request has a connection or begins to
//          make one. An answer that breaks off after its status is a failure, status kept.
//          A parcel whose stream broke goes over HTTP/1.1 when it is sent again, unless the user
//          chose HTTP/2: some peers demand it, and an answer that came before the whole body and
//          with the end of its stream (a 413, say) is lost by libcurl 7.88.1.
// Fails:   as WireAnswer::failure. What is wrong with the settings is said by create().
// Why so:  libcurl 7.88.1 has traps (src/README.md, "Chosen dependencies"; and TrapG); each has a
//          regression test in tests/platform/curl_wire_traps_test.cc, named by its letter.
#pragma once

#include <curl/curl.h>

#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "platform/credentials.h"
#include "platform/curl_wire_request.h"
#include "platform/curl_wire_setup.h"
#include "platform/curl_wire_sockets.h"
#include "platform/fd_poller.h"
#include "sluice/clock.h"
#include "sluice/config.h"
#include "sluice/result.h"
#include "sluice/wire.h"

namespace sluice {

struct CurlWireSettings {
  std::string endpoint;  // http:// or https://
  // Sent with every request. Those that frame the request (Content-Length, Content-Encoding,
  // Transfer-Encoding, Idempotency-Key, Expect) are the wire's and left out.
  std::vector<std::pair<std::string, Secret>> headers;
  Authentication auth;
  HttpVersion http_version = HttpVersion::kAuto;
  TlsConfig tls;  // ca_file may be a directory of hashed certificates, too
  // Of DestinationConfig.
  std::string proxy;
  std::string no_proxy;
  Duration request_timeout{30'000'000'000};
  Duration connect_timeout{5'000'000'000};
  // Requests between send() and reap(). Each place costs about 40 KiB, and 128 KiB once it was
  // used.
  size_t window = 4;
  // Raising it spreads HTTP/1.1 requests; HTTP/2 opens a second one when the streams are used up.
  size_t connections_max = 4;
  size_t streams_per_connection = 16;
};

class CurlWire final : public Wire, private FdListener {
 public:
  // `poller` and `clock` outlive the wire.
  static Result<std::unique_ptr<CurlWire>> create(const CurlWireSettings& settings,
                                                  FdPoller& poller, Clock& clock);
  ~CurlWire() override;
  CurlWire(const CurlWire&) = delete;
  CurlWire& operator=(const CurlWire&) = delete;

  void send(const Parcel& parcel, uint64_t ticket, MonoTime now) override;
  // Call it after send() and after every wait: what it returns includes libcurl's own timers.
  MonoTime turn(MonoTime now) override;
  size_t reap(std::span<WireAnswer> answers) override;
  void abandon_all() override;

  // Open connections, for the metrics.
  size_t connections() const { return sockets_.connections(); }

 private:
  CurlWire(const CurlWireSettings& settings, FdPoller& poller, Clock& clock);

  void on_ready(int fd, uint32_t revents) override;

  // How many requests may be open now.
  size_t room() const;
  // Does what can be done without waiting.
  void drive(MonoTime now);
  bool pump(MonoTime now);
  bool replace_worn_connections();
  void open(CurlRequest& request, MonoTime now);
  bool needs_prior_knowledge(const CurlRequest& request) const;
  void note_progress(MonoTime now);
  void collect(MonoTime now);
  void finish(CurlRequest& request, CURLcode code, MonoTime now);
  void fail_waiting(const WireAnswer& like, MonoTime now);
  void expire(MonoTime now);
  void take_out(CurlRequest& request);
  MonoTime deadline(const CurlRequest& request) const;
  bool was_lost_by_http2(const Digest128& key);
  int64_t uploaded_bytes() const;

  Result<void> set_up(const CurlWireSettings& settings);
  void set_callbacks(CurlRequest& request);

  static int on_socket(CURL* easy, curl_socket_t fd, int what, void* self, void*) noexcept;
  static int on_timer(CURLM* multi, long timeout_ms, void* self) noexcept;
  static int on_close_socket(void* self, curl_socket_t fd) noexcept;

  // Constant after create():
  Clock& clock_;
  const Duration request_timeout_;
  const size_t connections_max_;
  const size_t streams_per_connection_;
  bool clear_text_http2_ = false;
  CURLM* multi_ = nullptr;
  WireTarget target_;

  // The loop's thread only:
  Credentials credentials_;
  WireSockets sockets_;
  std::vector<std::unique_ptr<CurlRequest>> requests_;  // window of them
  std::vector<CurlRequest*> waiting_;                   // in order of send()
  std::vector<Digest128> lost_by_http2_;                // keys of parcels, the oldest first
  size_t open_count_ = 0;
  size_t answered_count_ = 0;
  // What the last answer came over. Before the first one a peer may multiplex or not.
  enum class Speech : uint8_t { kUnknown, kHttp1, kHttp2 };
  Speech speech_ = Speech::kUnknown;
  MonoTime now_;  // of the call that is being served
  MonoTime timer_at_ = kNever;
  MonoTime progress_at_;  // a request started or ended
};

}  // namespace sluice
