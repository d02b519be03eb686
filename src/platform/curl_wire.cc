// SPDX-License-Identifier: Apache-2.0
#include "platform/curl_wire.h"

#include <poll.h>

#include <algorithm>

#include "sluice/check.h"

namespace sluice {
namespace {

constexpr Duration kMillisecond{1'000'000};
// A started request can allow the next one to start, and so on; more laps wait for the next turn.
constexpr int kLapsMax = 8;
constexpr uint32_t kWrongConnectionsMax = 3;
// libcurl 7.88.1 sends RST_STREAM after every HTTP/2 stream, also one that ended well. Peers that
// defend themselves against rapid resets end a connection after 1,000 of them (nghttp2: and 33 more
// a second), others after 1,000 requests, and take the requests in flight along. So a connection is
// replaced before: when it happens to be idle, or at the latest by letting it run dry.
constexpr uint32_t kStreamsBeforeReplacing = 800;
constexpr uint32_t kStreamsMax = 950;

bool never_reached(TransportFailure failure) {
  return failure == TransportFailure::kResolve || failure == TransportFailure::kConnect ||
         failure == TransportFailure::kTls || failure == TransportFailure::kCertificate;
}

}  // namespace

Result<std::unique_ptr<CurlWire>> CurlWire::create(const CurlWireSettings& settings,
                                                   FdPoller& poller, Clock& clock) {
  // Counted by libcurl, so every wire has one of its own; thread-safe since 7.84.
  if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK) {
    return Error{Errc::kExhausted, 0, "libcurl start"};
  }
  std::unique_ptr<CurlWire> wire(new CurlWire(settings, poller, clock));
  if (Result<void> ready = wire->set_up(settings); !ready) return ready.error();
  return wire;
}

CurlWire::CurlWire(const CurlWireSettings& settings, FdPoller& poller, Clock& clock)
    : clock_(clock),
      request_timeout_(settings.request_timeout),
      connections_max_(std::max<size_t>(1, settings.connections_max)),
      streams_per_connection_(std::max<size_t>(1, settings.streams_per_connection)),
      sockets_(poller, *this) {
  requests_.reserve(settings.window);
  waiting_.reserve(settings.window);
  lost_by_http2_.reserve(settings.window + 1);
}

CurlWire::~CurlWire() {
  for (const auto& request : requests_) {
    if (request->state == CurlRequest::State::kOpen) take_out(*request);
  }
  requests_.clear();
  // Closes the connections, which calls on_close_socket.
  if (multi_ != nullptr) curl_multi_cleanup(multi_);
  curl_global_cleanup();
}

Result<void> CurlWire::set_up(const CurlWireSettings& settings) {
  Result<WireTarget> target = wire_target(settings);
  if (!target) return target.error();
  target_ = std::move(target).value();
  const bool clear = target_.kind == EndpointKind::kClear;
  if (Result<void> checked = check_tls_files(settings.tls); !checked) return checked;
  if (Result<void> made = credentials_.set_up(settings.headers, settings.auth); !made) return made;
  clear_text_http2_ = clear && settings.http_version == HttpVersion::kHttp2;
  if (clear) sockets_.expect_greetings();
  if (clear || settings.http_version == HttpVersion::kHttp1) {
    speech_ = clear_text_http2_ ? Speech::kHttp2 : Speech::kHttp1;
  }

  multi_ = curl_multi_init();
  if (multi_ == nullptr) return Error{Errc::kExhausted, 0, "libcurl multi handle"};
  // Two clear-text HTTP/2 connections could not be told apart when a request is given to libcurl.
  set_multi_limits(multi_, clear_text_http2_ ? 1 : connections_max_, streams_per_connection_);
  curl_multi_setopt(multi_, CURLMOPT_SOCKETFUNCTION, &CurlWire::on_socket);
  curl_multi_setopt(multi_, CURLMOPT_SOCKETDATA, this);
  curl_multi_setopt(multi_, CURLMOPT_TIMERFUNCTION, &CurlWire::on_timer);
  curl_multi_setopt(multi_, CURLMOPT_TIMERDATA, this);

  for (size_t i = 0; i < settings.window; ++i) {
    auto& request = *requests_.emplace_back(std::make_unique<CurlRequest>());
    request.easy = curl_easy_init();
    if (request.easy == nullptr) return Error{Errc::kExhausted, 0, "libcurl easy handle"};
    request.sockets = &sockets_;
    request.clear_text_http2 = clear_text_http2_;
    request.may_fall_back = !clear && settings.http_version == HttpVersion::kAuto;
    if (Result<void> set = set_fixed_options(request.easy, settings, target_); !set) return set;
    set_callbacks(request);
  }
  return {};
}

void CurlWire::set_callbacks(CurlRequest& request) {
  CURL* easy = request.easy;
  curl_easy_setopt(easy, CURLOPT_PRIVATE, &request);
  curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, request.words.data());
  curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, &CurlRequest::on_body);
  curl_easy_setopt(easy, CURLOPT_WRITEDATA, &request);
  curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, &CurlRequest::on_header);
  curl_easy_setopt(easy, CURLOPT_HEADERDATA, &request);
  curl_easy_setopt(easy, CURLOPT_PREREQFUNCTION, &CurlRequest::on_start);
  curl_easy_setopt(easy, CURLOPT_PREREQDATA, &request);
  curl_easy_setopt(easy, CURLOPT_OPENSOCKETFUNCTION, &CurlRequest::on_open_socket);
  curl_easy_setopt(easy, CURLOPT_OPENSOCKETDATA, &request);
  // A connection outlives the request that opened it, so it is closed by the wire.
  curl_easy_setopt(easy, CURLOPT_CLOSESOCKETFUNCTION, &CurlWire::on_close_socket);
  curl_easy_setopt(easy, CURLOPT_CLOSESOCKETDATA, this);
}

void CurlWire::send(const Parcel& parcel, uint64_t ticket, MonoTime now) {
  const auto place = std::find_if(requests_.begin(), requests_.end(), [](const auto& request) {
    return request->state == CurlRequest::State::kFree;
  });
  SLUICE_CHECK(place != requests_.end(), "never more parcels on the wire than its window");
  CurlRequest& request = **place;
  credentials_.refresh(now);
  request.fill(parcel, ticket, now, credentials_, clock_.wall());
  request.http1_only = was_lost_by_http2(parcel.key);
  request.state = CurlRequest::State::kWaiting;
  waiting_.push_back(&request);
  drive(now);
}

MonoTime CurlWire::turn(MonoTime now) {
  sockets_.turn(now);
  expire(now);
  drive(now);
  MonoTime next = timer_at_;
  if (open_count_ == 0) return next;
  next = std::min(next, sockets_.due(now));
  for (const auto& request : requests_) {
    if (request->state == CurlRequest::State::kOpen) next = std::min(next, deadline(*request));
  }
  return next;
}

size_t CurlWire::reap(std::span<WireAnswer> answers) {
  size_t count = 0;
  for (const auto& request : requests_) {
    if (answered_count_ == 0 || count == answers.size()) break;
    if (request->state != CurlRequest::State::kAnswered) continue;
    answers[count++] = request->answer;
    request->state = CurlRequest::State::kFree;
    --answered_count_;
  }
  return count;
}

void CurlWire::abandon_all() {
  const MonoTime now = clock_.mono();
  waiting_.clear();
  for (const auto& request : requests_) {
    const bool open = request->state == CurlRequest::State::kOpen;
    if (!open && request->state != CurlRequest::State::kWaiting) continue;
    request->conclude(TransportFailure::kAbandoned, "given up by the agent", now);
    ++answered_count_;
    if (open) take_out(*request);
  }
}

void CurlWire::on_ready(int fd, uint32_t revents) {
  const MonoTime now = clock_.mono();
  now_ = now;
  int mask = 0;
  // An error is found by reading; by itself it would hide an answer that came before it.
  if ((revents & (POLLIN | POLLERR | POLLHUP)) != 0) mask |= CURL_CSELECT_IN;
  if ((revents & POLLOUT) != 0) mask |= CURL_CSELECT_OUT;
  const bool only_writable = mask == CURL_CSELECT_OUT;
  if (!only_writable) sockets_.was_readable(fd, now);
  const int64_t before = only_writable ? uploaded_bytes() : 0;

  int running = 0;
  curl_multi_socket_action(multi_, fd, mask, &running);

  if (only_writable) {
    // Two witnesses: the kernel's counter, which some sandboxes do not keep, and libcurl's.
    const bool moved = sockets_.has_written(fd) || uploaded_bytes() != before;
    sockets_.after_write(fd, moved, now);
  }
  drive(now);
}

size_t CurlWire::room() const {
  if (speech_ == Speech::kHttp1) return sockets_.established() == 0 ? 1 : connections_max_;
  if (sockets_.greeted() == 0) return 1;
  if (speech_ == Speech::kUnknown) return connections_max_;
  return clear_text_http2_ ? streams_per_connection_ : streams_per_connection_ * connections_max_;
}

void CurlWire::drive(MonoTime now) {
  now_ = now;
  for (int lap = 0; lap < kLapsMax; ++lap) {
    if (timer_at_ <= now) {
      timer_at_ = kNever;
      int running = 0;
      curl_multi_socket_action(multi_, CURL_SOCKET_TIMEOUT, 0, &running);
    }
    note_progress(now);
    collect(now);
    if (!pump(now) && timer_at_ > now) return;
  }
}

bool CurlWire::pump(MonoTime now) {
  if (waiting_.empty() || !replace_worn_connections()) return false;
  bool opened = false;
  while (!waiting_.empty() && open_count_ < room()) {
    CurlRequest& request = *waiting_.front();
    waiting_.erase(waiting_.begin());
    open(request, now);
    opened = true;
  }
  return opened;
}

// False if there is nothing to do but to wait for the end of what is open.
bool CurlWire::replace_worn_connections() {
  if (speech_ == Speech::kHttp1) return true;
  if (open_count_ > 0) return !sockets_.any_served(kStreamsMax);
  sockets_.break_off_served(kStreamsBeforeReplacing);
  return true;
}

void CurlWire::open(CurlRequest& request, MonoTime now) {
  request.reopen(now, clear_text_http2_ && needs_prior_knowledge(request));
  const CURLMcode added = curl_multi_add_handle(multi_, request.easy);
  SLUICE_CHECK(added == CURLM_OK, "a free handle can be added");
  ++open_count_;
}

// A guess, as libcurl chooses the connection later; if it was wrong, the opposite is right.
bool CurlWire::needs_prior_knowledge(const CurlRequest& request) const {
  if (request.wrong_connections > 0) return !request.prior_knowledge;
  return open_count_ > 0 ? sockets_.established() == 0 : sockets_.undisturbed() == 0;
}

void CurlWire::note_progress(MonoTime now) {
  if (open_count_ == 0) return;
  for (const auto& request : requests_) {
    if (request->state != CurlRequest::State::kOpen) continue;
    if (!request->has_connection || request->timed_from != kNever) continue;
    request->timed_from = now;
    progress_at_ = now;
  }
}

void CurlWire::collect(MonoTime now) {
  int left = 0;
  while (const CURLMsg* message = curl_multi_info_read(multi_, &left)) {
    if (message->msg != CURLMSG_DONE) continue;
    char* self = nullptr;
    curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, &self);
    finish(*reinterpret_cast<CurlRequest*>(self), message->data.result, now);
  }
}

void CurlWire::finish(CurlRequest& request, CURLcode code, MonoTime now) {
  progress_at_ = now;
  if (request.wrong_connection && ++request.wrong_connections <= kWrongConnectionsMax) {
    take_out(request);
    request.state = CurlRequest::State::kWaiting;
    waiting_.insert(waiting_.begin(), &request);
    return;
  }
  long version = CURL_HTTP_VERSION_NONE;
  curl_easy_getinfo(request.easy, CURLINFO_HTTP_VERSION, &version);
  const Digest128 key = request.parcel->key;
  request.conclude(code, clock_, now);
  credentials_.after(request.answer);
  ++answered_count_;
  take_out(request);
  if (request.http2_failed) {
    if (lost_by_http2_.size() == requests_.size()) lost_by_http2_.erase(lost_by_http2_.begin());
    lost_by_http2_.push_back(key);
  }
  if (version != CURL_HTTP_VERSION_NONE && !clear_text_http2_ && !request.http1_only) {
    speech_ = version == CURL_HTTP_VERSION_2_0 ? Speech::kHttp2 : Speech::kHttp1;
  }
  if (never_reached(request.answer.failure) && sockets_.established() == 0 && open_count_ == 0) {
    fail_waiting(request.answer, now);
  }
}

// What waits would meet the same end, one connect timeout after the other; the lane knows better
// when to try again.
void CurlWire::fail_waiting(const WireAnswer& like, MonoTime now) {
  for (CurlRequest* request : waiting_) {
    request->conclude(like.failure, like.text_view(), now);
    ++answered_count_;
  }
  waiting_.clear();
}

void CurlWire::expire(MonoTime now) {
  if (open_count_ == 0) return;
  for (const auto& request : requests_) {
    if (request->state != CurlRequest::State::kOpen || deadline(*request) > now) continue;
    request->conclude(request->starts > 0 ? TransportFailure::kTimeout : TransportFailure::kConnect,
                      "no complete answer in time", now);
    ++answered_count_;
    progress_at_ = now;
    // A stream that is given up leaves its HTTP/2 connection in the pool. If nothing came from the
    // peer during the whole request, that connection is dead and the next one would meet it again.
    const WireSockets::Socket* socket = sockets_.find(request->fd);
    if (socket != nullptr && socket->heard_at < request->timed_from) {
      sockets_.break_off(request->fd);
    }
    take_out(*request);
  }
}

void CurlWire::take_out(CurlRequest& request) {
  curl_multi_remove_handle(multi_, request.easy);
  SLUICE_CHECK(open_count_ > 0, "an open request is counted");
  --open_count_;
}

// A request that got no connection yet, because libcurl queued it behind others, may wait as long
// as these make progress.
MonoTime CurlWire::deadline(const CurlRequest& request) const {
  if (request.timed_from != kNever) return request.timed_from + request_timeout_;
  return std::max(request.opened_at, progress_at_) + request_timeout_;
}

bool CurlWire::was_lost_by_http2(const Digest128& key) {
  const auto at = std::find(lost_by_http2_.begin(), lost_by_http2_.end(), key);
  if (at == lost_by_http2_.end()) return false;
  lost_by_http2_.erase(at);
  return true;
}

int64_t CurlWire::uploaded_bytes() const {
  int64_t sum = 0;
  for (const auto& request : requests_) {
    if (request->state == CurlRequest::State::kOpen) sum += request->uploaded_bytes();
  }
  return sum;
}

int CurlWire::on_socket(CURL*, curl_socket_t fd, int what, void* self, void*) noexcept {
  uint32_t events = 0;
  if (what == CURL_POLL_IN || what == CURL_POLL_INOUT) events |= POLLIN;
  if (what == CURL_POLL_OUT || what == CURL_POLL_INOUT) events |= POLLOUT;
  static_cast<CurlWire*>(self)->sockets_.want(fd, events);
  return 0;
}

int CurlWire::on_timer(CURLM*, long timeout_ms, void* self) noexcept {
  auto& wire = *static_cast<CurlWire*>(self);
  wire.timer_at_ = timeout_ms < 0 ? kNever : wire.now_ + kMillisecond * timeout_ms;
  return 0;
}

int CurlWire::on_close_socket(void* self, curl_socket_t fd) noexcept {
  auto& wire = *static_cast<CurlWire*>(self);
  for (const auto& request : wire.requests_) {
    if (request->fd != fd || request->state != CurlRequest::State::kOpen) continue;
    request->sent_before_repeat = request->uploaded_bytes();
    request->fd = -1;
  }
  wire.sockets_.close(fd);
  return 0;
}

}  // namespace sluice
