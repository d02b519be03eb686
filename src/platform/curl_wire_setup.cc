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
// Parsing the authorities of a system costs some 20 ms, too much for peers that end every
// connection; a new authority is accepted this late at most.
constexpr long kAuthoritiesKeptSeconds = 5;
// A destination that moved is found this late at most. Only new connections ask.
constexpr long kNamesKeptSeconds = 20;

bool same_name(std::string_view a, std::string_view b) {
  return a.size() == b.size() && ::strncasecmp(a.data(), b.data(), a.size()) == 0;
}

using UrlHandle = std::unique_ptr<CURLU, decltype(&curl_url_cleanup)>;

std::string part_of(CURLU* url, CURLUPart part, unsigned flags = 0) {
  char* text = nullptr;
  if (curl_url_get(url, part, &text, flags) != CURLUE_OK) return {};
  const std::unique_ptr<char, decltype(&curl_free)> owner(text, curl_free);
  return text;
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
  const bool newest = tls.min_version == TlsVersion::k13;
  curl_easy_setopt(easy, CURLOPT_SSLVERSION,
                   newest ? long{CURL_SSLVERSION_TLSv1_3} : long{CURL_SSLVERSION_TLSv1_2});
  if (!tls.pin.empty()) curl_easy_setopt(easy, CURLOPT_PINNEDPUBLICKEY, tls.pin.c_str());
  // Files are read again for new connections: libcurl would keep the authorities for a day, and a
  // resumed session would show the certificate of yesterday.
  curl_easy_setopt(easy, CURLOPT_CA_CACHE_TIMEOUT, kAuthoritiesKeptSeconds);
  curl_easy_setopt(easy, CURLOPT_SSL_SESSIONID_CACHE, 0L);
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

// Without a word of the user libcurl looks into the environment.
bool set_proxy(CURL* easy, const CurlWireSettings& settings) {
  bool good = true;
  if (!settings.proxy.empty()) {
    const bool off = settings.proxy == "off";
    good = curl_easy_setopt(easy, CURLOPT_PROXY, off ? "" : settings.proxy.c_str()) == CURLE_OK;
    // The variable no_proxy is about the proxy of the environment.
    if (settings.no_proxy.empty())
      good = good && curl_easy_setopt(easy, CURLOPT_NOPROXY, "") == CURLE_OK;
  }
  if (!settings.no_proxy.empty())
    good = good && curl_easy_setopt(easy, CURLOPT_NOPROXY, settings.no_proxy.c_str()) == CURLE_OK;
  // A proxy that is spoken to over TLS is checked as the destination is.
  const TlsConfig& tls = settings.tls;
  curl_easy_setopt(easy, CURLOPT_PROXY_SSLVERSION, long{CURL_SSLVERSION_TLSv1_2});
  if (!tls.ca_file.empty()) {
    const bool directory = is_directory(tls.ca_file);
    curl_easy_setopt(easy, CURLOPT_PROXY_CAINFO, directory ? nullptr : tls.ca_file.c_str());
    curl_easy_setopt(easy, CURLOPT_PROXY_CAPATH, directory ? tls.ca_file.c_str() : nullptr);
  }
  return good;
}

long http_version(const CurlWireSettings& settings, EndpointKind kind) {
  const bool one = settings.http_version == HttpVersion::kHttp1;
  if (kind == EndpointKind::kTls) return one ? CURL_HTTP_VERSION_1_1 : CURL_HTTP_VERSION_2TLS;
  // Clear-text HTTP/2 is chosen per request, see CurlRequest::reopen.
  return CURL_HTTP_VERSION_1_1;
}

}  // namespace

Result<WireTarget> wire_target(const CurlWireSettings& settings) {
  const UrlHandle url(curl_url(), curl_url_cleanup);
  if (!url) return Error{Errc::kExhausted, 0, "endpoint"};
  if (curl_url_set(url.get(), CURLUPART_URL, settings.endpoint.c_str(), 0) != CURLUE_OK) {
    return Error{Errc::kInvalid, 0, "endpoint is not a URL"};
  }
  WireTarget target;
  const std::string scheme = part_of(url.get(), CURLUPART_SCHEME);
  if (scheme.empty()) return Error{Errc::kInvalid, 0, "endpoint has no scheme"};
  if (!same_name(scheme, "https") && !same_name(scheme, "http")) {
    return Error{Errc::kUnsupported, 0, "endpoint is neither http:// nor https://"};
  }
  target.kind = same_name(scheme, "https") ? EndpointKind::kTls : EndpointKind::kClear;
  target.url = settings.endpoint;
  const std::string& name = settings.tls.server_name;
  if (name.empty() || target.kind == EndpointKind::kClear) return target;
  // The name that libcurl asks for is always that of the URL, so the URL gets it, and connections
  // are led to where the user's URL points.
  const std::string host = part_of(url.get(), CURLUPART_HOST);
  const std::string port = part_of(url.get(), CURLUPART_PORT, CURLU_DEFAULT_PORT);
  if (curl_url_set(url.get(), CURLUPART_HOST, name.c_str(), 0) != CURLUE_OK) {
    return Error{Errc::kInvalid, 0, "tls_server_name is not the name of a host"};
  }
  target.url = part_of(url.get(), CURLUPART_URL);
  const std::string detour = "::" + host + ":" + port;
  if (target.url.empty() || !target.connect_to.append(detour)) {
    return Error{Errc::kExhausted, 0, "tls_server_name"};
  }
  return target;
}

Result<void> check_tls_files(const TlsConfig& tls) {
  if (Result<void> checked = check_readable(tls.ca_file, "tls_ca"); !checked) return checked;
  if (Result<void> checked = check_readable(tls.cert_file, "tls_cert"); !checked) {
    return checked;
  }
  return check_readable(tls.key_file, "tls_key");
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

Result<void> set_fixed_options(CURL* easy, const CurlWireSettings& settings,
                               const WireTarget& target) {
  const bool ok = curl_easy_setopt(easy, CURLOPT_URL, target.url.c_str()) == CURLE_OK &&
                  curl_easy_setopt(easy, CURLOPT_USERAGENT, "sluice/" SLUICE_VERSION) == CURLE_OK &&
                  curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https") == CURLE_OK &&
                  curl_easy_setopt(easy, CURLOPT_REDIR_PROTOCOLS_STR, "http,https") == CURLE_OK;
  if (!ok || !set_proxy(easy, settings)) return Error{Errc::kExhausted, 0, "libcurl options"};
  curl_easy_setopt(easy, CURLOPT_POST, 1L);
  curl_easy_setopt(easy, CURLOPT_HTTP_VERSION, http_version(settings, target.kind));
  curl_easy_setopt(easy, CURLOPT_FOLLOWLOCATION, 0L);
  curl_easy_setopt(easy, CURLOPT_NETRC, static_cast<long>(CURL_NETRC_IGNORED));
  curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
  curl_easy_setopt(easy, CURLOPT_NOPROGRESS, 1L);
  curl_easy_setopt(easy, CURLOPT_PIPEWAIT, 1L);
  // Without it the end of a request waits for a name resolution that hangs.
  curl_easy_setopt(easy, CURLOPT_QUICK_EXIT, 1L);
  curl_easy_setopt(easy, CURLOPT_DNS_CACHE_TIMEOUT, kNamesKeptSeconds);
  curl_easy_setopt(easy, CURLOPT_SUPPRESS_CONNECT_HEADERS, 1L);
  curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS, milliseconds(settings.connect_timeout));
  curl_easy_setopt(easy, CURLOPT_UPLOAD_BUFFERSIZE, kUploadBufferBytes);
  curl_easy_setopt(easy, CURLOPT_BUFFERSIZE, kAnswerBufferBytes);
  curl_easy_setopt(easy, CURLOPT_TCP_KEEPALIVE, 1L);
  curl_easy_setopt(easy, CURLOPT_TCP_KEEPIDLE, kTcpIdleSecondsBeforeProbe);
  curl_easy_setopt(easy, CURLOPT_TCP_KEEPINTVL, kTcpIdleSecondsBeforeProbe);
  if (target.connect_to.get() != nullptr) {
    curl_easy_setopt(easy, CURLOPT_CONNECT_TO, target.connect_to.get());
  }
  if (target.kind == EndpointKind::kTls) set_tls_options(easy, settings.tls);
  return {};
}

}  // namespace sluice
