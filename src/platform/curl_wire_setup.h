// SPDX-License-Identifier: Apache-2.0
// curl_wire_setup.h — the options of libcurl that are the same for every request of a wire.
//
// In:      settings as the user wrote them.
// Out:     configured handles, or what is wrong with the settings.
// Owns:    nothing.
// Thread:  any, once per wire.
// Limits:  http and https only, no redirects, no netrc, no cookies, no verbose output, TLS 1.2 or
//          newer. TLS files are read for each new connection, and sessions are not resumed, so
//          that what is in the files counts. Without a proxy of the user's those of the
//          environment count (http_proxy, https_proxy, all_proxy, no_proxy), as users of curl
//          expect. Headers for the destination are not shown to a proxy that makes a tunnel.
// Fails:   a Result that names the setting.
// Why so:  one table of options that can be read in one go, apart from the code that runs.
#pragma once

#include <curl/curl.h>

#include <string>

#include "platform/credentials.h"
#include "sluice/config.h"
#include "sluice/result.h"

namespace sluice {

struct CurlWireSettings;

enum class EndpointKind : uint8_t { kClear, kTls };

// Where the endpoint leads.
struct WireTarget {
  EndpointKind kind = EndpointKind::kClear;
  std::string url;        // as libcurl gets it: with the server name for its host
  HeaderList connect_to;  // the endpoint's own host and port, when the URL has another
};

Result<WireTarget> wire_target(const CurlWireSettings& settings);
Result<void> check_tls_files(const TlsConfig& tls);
void set_multi_limits(CURLM* multi, size_t connections_max, size_t streams_per_connection);
// Options of a new easy handle, apart from callbacks. Memory is the only thing that can fail.
// `target` outlives the handle.
Result<void> set_fixed_options(CURL* easy, const CurlWireSettings& settings,
                               const WireTarget& target);

}  // namespace sluice
