// SPDX-License-Identifier: Apache-2.0
#include "platform/curl_wire_answer.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <charconv>
#include <string>

#include "sluice/check.h"

namespace sluice {
namespace {

constexpr int64_t kRetryAfterSecondsMax = 366LL * 24 * 3600;
constexpr int64_t kNanosPerSecond = 1'000'000'000;
constexpr size_t kHttpDateBytesMax = 64;

std::string_view trimmed(std::string_view text) {
  const auto blank = [](char c) { return c == ' ' || c == '\t' || c == '\r' || c == '\n'; };
  while (!text.empty() && blank(text.front())) text.remove_prefix(1);
  while (!text.empty() && blank(text.back())) text.remove_suffix(1);
  return text;
}

bool all_digits(std::string_view text) {
  return !text.empty() &&
         std::all_of(text.begin(), text.end(), [](char c) { return c >= '0' && c <= '9'; });
}

// Seconds since 1970 of one of the three date forms of HTTP. curl_getdate() takes much more than
// those ("20040911", "12:00", "Sun"), so only a text that looks like one of them reaches it.
std::optional<int64_t> http_date(std::string_view text) {
  text = trimmed(text);
  if (text.size() < 24 || text.size() > kHttpDateBytesMax) return std::nullopt;
  if (std::isalpha(static_cast<unsigned char>(text.front())) == 0) return std::nullopt;
  if (std::count(text.begin(), text.end(), ':') != 2) return std::nullopt;
  const std::string terminated(text);
  const time_t seconds = curl_getdate(terminated.c_str(), nullptr);
  if (seconds < 0) return std::nullopt;
  return static_cast<int64_t>(seconds);
}

// Somebody's certificate or key, the peer's or our own, as libcurl sees it before a byte is sent.
bool is_certificate_failure(CURLcode code) {
  switch (code) {
    case CURLE_PEER_FAILED_VERIFICATION:
    case CURLE_SSL_CERTPROBLEM:
    case CURLE_SSL_CACERT_BADFILE:
    case CURLE_SSL_CRL_BADFILE:
    case CURLE_SSL_ISSUER_ERROR:
    case CURLE_SSL_PINNEDPUBKEYNOTMATCH:
    case CURLE_SSL_INVALIDCERTSTATUS:
    case CURLE_SSL_CLIENTCERT:
      return true;
    default:
      return false;
  }
}

bool is_tls_failure(CURLcode code) {
  switch (code) {
    case CURLE_SSL_CONNECT_ERROR:
    case CURLE_SSL_CIPHER:
    case CURLE_SSL_ENGINE_NOTFOUND:
    case CURLE_SSL_ENGINE_SETFAILED:
    case CURLE_SSL_ENGINE_INITFAILED:
    case CURLE_SSL_SHUTDOWN_FAILED:
    case CURLE_USE_SSL_FAILED:
      return true;
    default:
      return false;
  }
}

bool is_tls_alert(CURLcode code, std::string_view words) {
  return (code == CURLE_RECV_ERROR || code == CURLE_SEND_ERROR) &&
         words.find("SSL routines:") != std::string_view::npos &&
         words.find(" alert ") != std::string_view::npos;
}

// The peer's words about our certificate, as OpenSSL spells the alerts of RFC 8446 section 6.2.
// With TLS 1.2 they come in the handshake, with 1.3 after it.
bool blames_our_certificate(std::string_view words) {
  constexpr std::array<std::string_view, 8> kAlerts = {
      "alert certificate required", "alert bad certificate",     "alert unsupported certificate",
      "alert certificate revoked",  "alert certificate expired", "alert certificate unknown",
      "alert unknown ca",           "alert access denied"};
  return std::any_of(kAlerts.begin(), kAlerts.end(), [words](std::string_view alert) {
    return words.find(alert) != std::string_view::npos;
  });
}

}  // namespace

TransportFailure transport_failure(CURLcode code, bool connected, std::string_view words) {
  if (is_certificate_failure(code)) return TransportFailure::kCertificate;
  if (is_tls_failure(code) || is_tls_alert(code, words)) {
    return blames_our_certificate(words) ? TransportFailure::kCertificate : TransportFailure::kTls;
  }
  switch (code) {
    case CURLE_OK:
      return TransportFailure::kNone;
    case CURLE_COULDNT_RESOLVE_HOST:
    case CURLE_COULDNT_RESOLVE_PROXY:
      return TransportFailure::kResolve;
    case CURLE_COULDNT_CONNECT:
    case CURLE_INTERFACE_FAILED:
    case CURLE_PROXY:
      return TransportFailure::kConnect;
    case CURLE_OPERATION_TIMEDOUT:
      return connected ? TransportFailure::kTimeout : TransportFailure::kConnect;
    // CURLE_HTTP2 is what a request on a connection gets that was told to go away.
    case CURLE_HTTP2:
    case CURLE_HTTP2_STREAM:
    case CURLE_SEND_ERROR:
    case CURLE_RECV_ERROR:
    case CURLE_GOT_NOTHING:
    case CURLE_PARTIAL_FILE:
    case CURLE_AGAIN:
    case CURLE_ABORTED_BY_CALLBACK:
      // A proxy that refuses the tunnel ends in RECV_ERROR before the request has a connection.
      return connected ? TransportFailure::kReset : TransportFailure::kConnect;
    default:
      return TransportFailure::kProtocol;
  }
}

std::optional<Duration> parse_retry_after(std::string_view value, std::string_view response_date,
                                          WallTime now) {
  value = trimmed(value);
  int64_t seconds = 0;
  if (all_digits(value)) {
    const auto parsed = std::from_chars(value.data(), value.data() + value.size(), seconds);
    if (parsed.ec != std::errc()) seconds = kRetryAfterSecondsMax;
  } else {
    const std::optional<int64_t> until = http_date(value);
    if (!until) return std::nullopt;
    seconds = *until - http_date(response_date).value_or(now.value / kNanosPerSecond);
  }
  return Duration(std::clamp<int64_t>(seconds, 0, kRetryAfterSecondsMax) * kNanosPerSecond);
}

bool is_broken_status_line(std::string_view line) {
  constexpr std::string_view kBegin = "http/";
  const auto same = [](char a, char b) { return std::tolower(static_cast<unsigned char>(a)) == b; };
  const bool begins =
      line.size() >= kBegin.size() && std::equal(kBegin.begin(), kBegin.end(), line.begin(),
                                                 [&](char b, char a) { return same(a, b); });
  if (!begins) return false;
  if (!line.starts_with("HTTP/")) return true;  // libcurl reads no number after "Http/"
  line.remove_prefix(kBegin.size());
  const size_t blank = line.find(' ');
  const std::string_view version = line.substr(0, blank);
  const bool known = version == "1.0" || version == "1.1" || version == "2" || version == "2.0";
  if (!known || blank == std::string_view::npos) return true;
  line.remove_prefix(blank + 1);
  if (line.size() < 3 || !all_digits(line.substr(0, 3))) return true;
  return line.size() > 3 && line[3] != ' ' && line[3] != '\r' && line[3] != '\n';
}

size_t copy_printable(std::string_view from, std::span<char> into) {
  SLUICE_CHECK(!into.empty(), "there must be room for the NUL");
  size_t length = 0;
  bool blank = true;  // leading blanks are dropped
  for (const char c : from) {
    if (length + 1 == into.size()) break;
    const bool space = c == ' ' || c == '\t' || c == '\r' || c == '\n';
    if (space && blank) continue;
    into[length++] = space ? ' ' : (c > ' ' && c <= '~') ? c : '?';
    blank = space;
  }
  if (length > 0 && into[length - 1] == ' ') --length;
  into[length] = '\0';
  return length;
}

}  // namespace sluice
