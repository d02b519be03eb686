// SPDX-License-Identifier: Apache-2.0
#include "platform/curl_wire_request.h"

#include <algorithm>
#include <span>
#include <utility>

#include "platform/curl_wire_answer.h"
#include "sluice/check.h"

namespace sluice {
namespace {

// Writes "name: value" with its NUL. The values are static text of the encoders and codecs.
void write_header(std::span<char> line, std::string_view name, std::string_view value) {
  SLUICE_CHECK(name.size() + 2 + value.size() < line.size(), "a header of ours fits its line");
  char* at = std::copy(name.begin(), name.end(), line.data());
  *at++ = ':';
  *at++ = ' ';
  at = std::copy(value.begin(), value.end(), at);
  *at = '\0';
}

std::array<char, 32> hex(Digest128 digest) {
  constexpr std::string_view kDigits = "0123456789abcdef";
  std::array<char, 32> text{};
  for (size_t i = 0; i < 16; ++i) {
    text[15 - i] = kDigits[(digest.high >> (4 * i)) & 15];
    text[31 - i] = kDigits[(digest.low >> (4 * i)) & 15];
  }
  return text;
}

std::string_view header_of(CURL* easy, const char* name) {
  curl_header* header = nullptr;
  if (curl_easy_header(easy, name, 0, CURLH_HEADER, -1, &header) != CURLHE_OK) return {};
  return header->value;
}

int32_t final_status(CURL* easy) {
  long status = 0;
  curl_easy_getinfo(easy, CURLINFO_RESPONSE_CODE, &status);
  return status >= 200 ? static_cast<int32_t>(status) : 0;
}

constexpr int32_t kProxyAsksForCredentials = 407;

// What a proxy answered that was asked for a tunnel; 0: none was.
int32_t tunnel_status(CURL* easy) {
  long status = 0;
  curl_easy_getinfo(easy, CURLINFO_HTTP_CONNECTCODE, &status);
  return static_cast<int32_t>(status);
}

}  // namespace

CurlRequest::~CurlRequest() {
  if (easy != nullptr) curl_easy_cleanup(easy);
}

// libcurl 7.88.1 keeps a pointer to the last header of a handle's last answer, frees that header
// and reads it again when the next answer begins with a folded line. A peer can send that, so a
// handle serves one request; the connections belong to the multi handle and stay. Without memory
// for another one the old one goes on.
void CurlRequest::renew_handle() {
  CURL* fresh = curl_easy_duphandle(easy);
  if (fresh == nullptr) return;
  curl_easy_cleanup(easy);
  easy = fresh;
}

void CurlRequest::fill(const Parcel& new_parcel, uint64_t parcel_ticket, MonoTime now,
                       const Credentials& credentials, WallTime wall) {
  SLUICE_CHECK(state == State::kFree, "a place of the window serves one request at a time");
  if (std::exchange(served_, true)) renew_handle();
  parcel = &new_parcel;
  ticket = parcel_ticket;
  sent_at = now;
  wrong_connections = 0;
  http1_only = false;
  http2_failed = false;
  answer = WireAnswer{};
  answer.ticket = parcel_ticket;

  const std::array<char, 32> key = hex(new_parcel.key);
  write_header(key_line_, "Idempotency-Key", {key.data(), key.size()});
  size_t used = 0;
  headers_[used++].data = key_line_.data();
  if (!credentials.has_content_type()) {
    write_header(type_line_, "Content-Type", new_parcel.content_type);
    headers_[used++].data = type_line_.data();
  }
  if (!new_parcel.content_encoding.empty()) {
    write_header(encoding_line_, "Content-Encoding", new_parcel.content_encoding);
    headers_[used++].data = encoding_line_.data();
  }
  const std::span<const std::byte> body = new_parcel.bytes();
  if (credentials.signs()) {
    credentials.write_signature(body, wall, signature_line_);
    headers_[used++].data = signature_line_.data();
  }
  for (size_t i = 0; i + 1 < used; ++i) headers_[i].next = &headers_[i + 1];
  shared_headers_ = credentials.headers();
  headers_[used - 1].next = shared_headers_->get();

  if (!credentials.proxy_username().empty()) {
    curl_easy_setopt(easy, CURLOPT_PROXYUSERNAME, credentials.proxy_username().c_str());
    curl_easy_setopt(easy, CURLOPT_PROXYPASSWORD, credentials.proxy_password().c_str());
  }
  curl_easy_setopt(easy, CURLOPT_HTTPHEADER, headers_.data());
  curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE_LARGE, static_cast<curl_off_t>(body.size()));
  // Not copied. A null pointer would make libcurl ask for the body by its read callback.
  curl_easy_setopt(easy, CURLOPT_POSTFIELDS,
                   body.empty() ? "" : reinterpret_cast<const char*>(body.data()));
}

void CurlRequest::reopen(MonoTime now, bool first_on_connection) {
  state = State::kOpen;
  opened_at = now;
  timed_from = kNever;
  starts = 0;
  has_connection = false;
  wrong_connection = false;
  repeat_refused = false;
  fd = -1;
  answer_bytes = 0;
  answer_cut = false;
  status_broken = false;
  sent_before_repeat = 0;
  words[0] = '\0';
  prior_knowledge = first_on_connection;
  if (may_fall_back) {
    curl_easy_setopt(easy, CURLOPT_HTTP_VERSION,
                     http1_only ? CURL_HTTP_VERSION_1_1 : CURL_HTTP_VERSION_2TLS);
  }
  if (!clear_text_http2) return;
  curl_easy_setopt(easy, CURLOPT_HTTP_VERSION,
                   prior_knowledge ? CURL_HTTP_VERSION_2_PRIOR_KNOWLEDGE : CURL_HTTP_VERSION_2_0);
}

int64_t CurlRequest::uploaded_bytes() const {
  curl_off_t bytes = 0;
  curl_easy_getinfo(easy, CURLINFO_SIZE_UPLOAD_T, &bytes);
  return bytes;
}

void CurlRequest::conclude(CURLcode code, Clock& clock, MonoTime now) {
  http2_failed = may_fall_back && !http1_only && (repeat_refused || code == CURLE_HTTP2_STREAM);
  if (repeat_refused) {
    return conclude(TransportFailure::kReset, "the connection broke under the request", now);
  }
  if (code == CURLE_WRITE_ERROR && answer_cut) code = CURLE_OK;  // we stopped reading it
  const std::string_view said = words.data();
  const TransportFailure failure = transport_failure(code, starts > 0, said);
  if (failure != TransportFailure::kNone) {
    conclude(failure, said.empty() ? curl_easy_strerror(code) : said, now);
    if (starts == 0 && tunnel_status(easy) == kProxyAsksForCredentials) {
      // Nobody's third attempt makes them right: the one status of a proxy that a person must hear.
      answer.failure = TransportFailure::kNone;
      answer.status = kProxyAsksForCredentials;
    }
    return;
  }
  if (status_broken) {
    return conclude(TransportFailure::kProtocol, "the answer has no status line of HTTP", now);
  }
  conclude(failure, {answer_head_.data(), std::min(answer_bytes, answer_head_.size())}, now);
  const std::string_view retry_after = header_of(easy, "Retry-After");
  if (retry_after.empty()) return;
  // The text of a header lives until the next one is asked for.
  std::array<char, 64> value{};
  copy_printable(retry_after, value);
  answer.retry_after = parse_retry_after(value.data(), header_of(easy, "Date"), clock.wall())
                           .value_or(answer.retry_after);
}

void CurlRequest::conclude(TransportFailure failure, std::string_view text, MonoTime now) {
  SLUICE_CHECK(state == State::kOpen || state == State::kWaiting, "one answer per request");
  if (state == State::kOpen) {
    // A proxy that refuses the tunnel has a status too, but it is not the destination's.
    answer.status = starts > 0 && !status_broken ? final_status(easy) : 0;
    const int64_t uploaded = uploaded_bytes();
    const auto whole = static_cast<int64_t>(parcel->body_bytes);
    answer.sent_bytes = Bytes(std::max(uploaded, sent_before_repeat));
    answer.body_sent = starts > 0 && uploaded == whole;
  }
  answer.failure = failure;
  copy_printable(text, answer.text);
  answer.took = now - sent_at;
  state = State::kAnswered;
  parcel = nullptr;
}

size_t CurlRequest::on_body(char* bytes, size_t size, size_t count, void* self) noexcept {
  auto& request = *static_cast<CurlRequest*>(self);
  const size_t offered = size * count;
  if (request.answer_bytes + offered > kAnswerBytesMax) {
    request.answer_cut = true;
    return 0;  // ends the transfer: whoever sends more than this has nothing to say to us
  }
  const size_t kept = std::min(request.answer_bytes, request.answer_head_.size());
  const size_t room = request.answer_head_.size() - kept;
  std::copy_n(bytes, std::min(room, offered), request.answer_head_.data() + kept);
  request.answer_bytes += offered;
  return offered;
}

size_t CurlRequest::on_header(char* bytes, size_t size, size_t count, void* self) noexcept {
  auto& request = *static_cast<CurlRequest*>(self);
  if (is_broken_status_line({bytes, size * count})) request.status_broken = true;
  return size * count;
}

int CurlRequest::on_start(void* self, char*, char*, int, int local_port) noexcept {
  auto& request = *static_cast<CurlRequest*>(self);
  request.has_connection = true;
  if (++request.starts > 1) {
    request.repeat_refused = true;
    return CURL_PREREQFUNC_ABORT;
  }
  WireSockets::Socket* socket = request.sockets->find_by_port(static_cast<uint16_t>(local_port));
  if (socket == nullptr) return CURL_PREREQFUNC_OK;
  // Prior knowledge on a connection that speaks HTTP/2 already breaks it; without prior knowledge a
  // new one would begin with an upgrade from HTTP/1.1. Nothing has left yet: choose again.
  if (request.clear_text_http2 && request.prior_knowledge == socket->established) {
    request.wrong_connection = true;
    return CURL_PREREQFUNC_ABORT;
  }
  socket->established = true;
  ++socket->requests;
  request.fd = socket->fd;
  return CURL_PREREQFUNC_OK;
}

curl_socket_t CurlRequest::on_open_socket(void* self, curlsocktype,
                                          curl_sockaddr* address) noexcept {
  auto& request = *static_cast<CurlRequest*>(self);
  request.has_connection = true;
  return request.sockets->open(*address);
}

}  // namespace sluice
