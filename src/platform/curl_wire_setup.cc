// SPDX-License-Identifier: Apache-2.0
#include "platform/curl_wire_setup.h"

#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <memory>
#include <string_view>

#include "platform/curl_wire.h"

#ifndef SLUICE_VERSION
#define SLUICE_VERSION "0"
#endif

namespace sluice {
namespace {

// How much of a body libcurl copies and sends at once, and that much memory per place of the
// window. Measured with 256 KiB bodies on 4 HTTP/1.1 connections, CPU s/GB: 16 KiB 0.70, 32 KiB
// 0.57, 64 KiB 0.28, 128 KiB 0.34, 256 KiB 0.52: less costs system calls, more drives the bodies
// out of the cache. HTTP/2 sends 16 KiB frames anyway.
constexpr long kUploadBufferBytes = 64 << 10;
constexpr long kAnswerBufferBytes = 8 << 10;
constexpr long kTcpIdleSecondsBeforeProbe = 30;

bool same_name(std::string_view a, std::string_view b) {
  return a.size() == b.size() && ::strncasecmp(a.data(), b.data(), a.size()) == 0;
}

bool frames_the_request(std::string_view name) {
  constexpr std::array<std::string_view, 6> kOurs = {"Content-Length",   "Transfer-Encoding",
                                                     "Content-Encoding", "Idempotency-Key",
                                                     "Expect",           "Upgrade"};
  return std::any_of(kOurs.begin(), kOurs.end(),
                     [name](std::string_view ours) { return same_name(name, ours); });
}

bool valid_name(std::string_view name) {
  constexpr std::string_view kPunctuation = "!#$%&'*+-.^_`|~";
  return !name.empty() && std::all_of(name.begin(), name.end(), [&](char c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
           kPunctuation.find(c) != std::string_view::npos;
  });
}

bool valid_value(std::string_view value) {
  return value.find_first_of(std::string_view("\r\n\0", 3)) == std::string_view::npos;
}

Result<void> check_readable(const std::string& path, const char* setting) {
  if (path.empty() || ::access(path.c_str(), R_OK) == 0) return {};
  return Error::from_errno(setting);
}

bool is_directory(const std::string& path) {
  struct stat status {};
  return ::stat(path.c_str(), &status) == 0 && S_ISDIR(status.st_mode);
}

long milliseconds(Duration duration) {
  return static_cast<long>(std::max<int64_t>(1, duration.value / 1'000'000));
}

void set_tls_options(CURL* easy, const TlsConfig& tls) {
  curl_easy_setopt(easy, CURLOPT_SSLVERSION, static_cast<long>(CURL_SSLVERSION_TLSv1_2));
  curl_easy_setopt(easy, CURLOPT_SSL_VERIFYPEER, tls.verify ? 1L : 0L);
  curl_easy_setopt(easy, CURLOPT_SSL_VERIFYHOST, tls.verify ? 2L : 0L);
  if (!tls.ca_file.empty()) {
    const bool directory = is_directory(tls.ca_file);
    curl_easy_setopt(easy, CURLOPT_CAINFO, directory ? nullptr : tls.ca_file.c_str());
    curl_easy_setopt(easy, CURLOPT_CAPATH, directory ? tls.ca_file.c_str() : nullptr);
  }
  if (!tls.cert_file.empty()) curl_easy_setopt(easy, CURLOPT_SSLCERT, tls.cert_file.c_str());
  if (!tls.key_file.empty()) curl_easy_setopt(easy, CURLOPT_SSLKEY, tls.key_file.c_str());
}

long http_version(const CurlWireSettings& settings, EndpointKind kind) {
  const bool one = settings.http_version == HttpVersion::kHttp1;
  if (kind == EndpointKind::kTls) return one ? CURL_HTTP_VERSION_1_1 : CURL_HTTP_VERSION_2TLS;
  // Clear-text HTTP/2 is chosen per request, see CurlRequest::reopen.
  return CURL_HTTP_VERSION_1_1;
}

}  // namespace

Result<EndpointKind> endpoint_kind(const std::string& endpoint) {
  const std::unique_ptr<CURLU, decltype(&curl_url_cleanup)> url(curl_url(), curl_url_cleanup);
  if (!url) return Error{Errc::kExhausted, 0, "endpoint"};
  if (curl_url_set(url.get(), CURLUPART_URL, endpoint.c_str(), 0) != CURLUE_OK) {
    return Error{Errc::kInvalid, 0, "endpoint is not a URL"};
  }
  char* scheme = nullptr;
  if (curl_url_get(url.get(), CURLUPART_SCHEME, &scheme, 0) != CURLUE_OK) {
    return Error{Errc::kInvalid, 0, "endpoint has no scheme"};
  }
  const std::unique_ptr<char, decltype(&curl_free)> owner(scheme, curl_free);
  if (same_name(scheme, "https")) return EndpointKind::kTls;
  if (same_name(scheme, "http")) return EndpointKind::kClear;
  return Error{Errc::kUnsupported, 0, "endpoint is neither http:// nor https://"};
}

Result<FixedHeaders> fixed_headers(const CurlWireSettings& settings) {
  FixedHeaders fixed;
  // Bodies are sent without asking first: a round trip per request is worse than a refused body.
  fixed.list = curl_slist_append(nullptr, "Expect:");
  const char* wrong = fixed.list == nullptr ? "headers" : nullptr;
  for (const auto& [name, value] : settings.headers) {
    if (wrong != nullptr) break;
    if (frames_the_request(name)) continue;
    if (!valid_name(name) || !valid_value(value.reveal())) {
      wrong = "a header's name or value has bytes that a header cannot hold";
      break;
    }
    fixed.has_content_type |= same_name(name, "Content-Type");
    // libcurl's spelling of a header without a value ends with a semicolon.
    const std::string line = value.reveal().empty() ? std::string(name) + ";"
                                                    : std::string(name) + ": " + value.reveal();
    curl_slist* longer = curl_slist_append(fixed.list, line.c_str());
    if (longer == nullptr) wrong = "headers";
  }
  if (wrong == nullptr) return fixed;
  curl_slist_free_all(fixed.list);
  return Error{Errc::kInvalid, 0, wrong};
}

Result<void> check_tls_files(const TlsConfig& tls) {
  if (Result<void> checked = check_readable(tls.ca_file, "tls.ca_file"); !checked) return checked;
  if (Result<void> checked = check_readable(tls.cert_file, "tls.cert_file"); !checked) {
    return checked;
  }
  return check_readable(tls.key_file, "tls.key_file");
}

void set_multi_limits(CURLM* multi, size_t connections_max, size_t streams_per_connection) {
  const long connections = static_cast<long>(connections_max);
  curl_multi_setopt(multi, CURLMOPT_PIPELINING, CURLPIPE_MULTIPLEX);
  curl_multi_setopt(multi, CURLMOPT_MAX_HOST_CONNECTIONS, connections);
  curl_multi_setopt(multi, CURLMOPT_MAX_TOTAL_CONNECTIONS, connections);
  curl_multi_setopt(multi, CURLMOPT_MAXCONNECTS, connections);
  curl_multi_setopt(multi, CURLMOPT_MAX_CONCURRENT_STREAMS,
                    static_cast<long>(streams_per_connection));
}

Result<void> set_fixed_options(CURL* easy, const CurlWireSettings& settings, EndpointKind kind) {
  const bool ok = curl_easy_setopt(easy, CURLOPT_URL, settings.endpoint.c_str()) == CURLE_OK &&
                  curl_easy_setopt(easy, CURLOPT_USERAGENT, "sluice/" SLUICE_VERSION) == CURLE_OK &&
                  curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https") == CURLE_OK &&
                  curl_easy_setopt(easy, CURLOPT_REDIR_PROTOCOLS_STR, "http,https") == CURLE_OK;
  if (!ok) return Error{Errc::kExhausted, 0, "libcurl options"};
  curl_easy_setopt(easy, CURLOPT_POST, 1L);
  curl_easy_setopt(easy, CURLOPT_HTTP_VERSION, http_version(settings, kind));
  curl_easy_setopt(easy, CURLOPT_FOLLOWLOCATION, 0L);
  curl_easy_setopt(easy, CURLOPT_NETRC, static_cast<long>(CURL_NETRC_IGNORED));
  curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
  curl_easy_setopt(easy, CURLOPT_NOPROGRESS, 1L);
  curl_easy_setopt(easy, CURLOPT_PIPEWAIT, 1L);
  // Without it the end of a request waits for a name resolution that hangs.
  curl_easy_setopt(easy, CURLOPT_QUICK_EXIT, 1L);
  curl_easy_setopt(easy, CURLOPT_SUPPRESS_CONNECT_HEADERS, 1L);
  curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS, milliseconds(settings.connect_timeout));
  curl_easy_setopt(easy, CURLOPT_UPLOAD_BUFFERSIZE, kUploadBufferBytes);
  curl_easy_setopt(easy, CURLOPT_BUFFERSIZE, kAnswerBufferBytes);
  curl_easy_setopt(easy, CURLOPT_TCP_KEEPALIVE, 1L);
  curl_easy_setopt(easy, CURLOPT_TCP_KEEPIDLE, kTcpIdleSecondsBeforeProbe);
  curl_easy_setopt(easy, CURLOPT_TCP_KEEPINTVL, kTcpIdleSecondsBeforeProbe);
  if (kind == EndpointKind::kTls) set_tls_options(easy, settings.tls);
  return {};
}

}  // namespace sluice
