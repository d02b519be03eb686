// SPDX-License-Identifier: Apache-2.0
// curl_wire_setup.h — the options of libcurl that are the same for every request of a wire.
//
// In:      settings as the user wrote them.
// Out:     configured handles and the list of fixed headers, or what is wrong with the settings.
// Owns:    nothing; the wire frees what it gets.
// Thread:  any, once per wire.
// Limits:  http and https only, no redirects, no netrc, no cookies, no verbose output, TLS 1.2 or
//          newer. Proxies come from the environment (http_proxy, https_proxy, no_proxy), as users
//          of curl expect.
// Fails:   a Result that names the setting.
// Why so:  one table of options that can be read in one go, apart from the code that runs.
#pragma once

#include <curl/curl.h>

#include <string>

#include "sluice/config.h"
#include "sluice/result.h"

namespace sluice {

struct CurlWireSettings;

enum class EndpointKind : uint8_t { kClear, kTls };

// What of HTTP a request may not get from the user's headers.
struct FixedHeaders {
  curl_slist* list = nullptr;
  bool has_content_type = false;
};

Result<EndpointKind> endpoint_kind(const std::string& endpoint);
Result<FixedHeaders> fixed_headers(const CurlWireSettings& settings);
Result<void> check_tls_files(const TlsConfig& tls);
void set_multi_limits(CURLM* multi, size_t connections_max, size_t streams_per_connection);
// Options of a new easy handle, apart from callbacks. Memory is the only thing that can fail.
Result<void> set_fixed_options(CURL* easy, const CurlWireSettings& settings, EndpointKind kind);

}  // namespace sluice
