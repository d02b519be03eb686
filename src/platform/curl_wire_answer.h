// SPDX-License-Identifier: Apache-2.0
// curl_wire_answer.h — what a finished transfer means: pure decisions, no connection in sight.
//
// In:      libcurl's result code, header values and body bytes as the peer sent them.
// Out:     a TransportFailure, a pause, a text that can be shown on a terminal.
// Owns:    nothing.
// Thread:  any; no state.
// Limits:  a Retry-After is bounded to one year; the lane's own cap is far below.
// Fails:   what cannot be understood is as if it had not been sent: peers write anything here.
// Why so:  a peer must be able to slow the agent down, and nothing else: not to stop it with a
//          negative or overflowing number, not to write escape sequences into its log.
#pragma once

#include <curl/curl.h>

#include <optional>
#include <span>
#include <string_view>

#include "sluice/units.h"
#include "sluice/wire.h"

namespace sluice {

// The failure that a result code stands for; kNone for CURLE_OK. `connected`: the request had a
// connection, so that running out of time is no longer a failure to connect. `words` of libcurl:
// with TLS 1.3 a peer that misses our certificate says so after the handshake, as an alert.
TransportFailure transport_failure(CURLcode code, bool connected, std::string_view words);

// The pause that a Retry-After header asks for: whole seconds, or an HTTP date, which counts from
// the answer's own Date header if there is one, else from `now`. A date in the past is a pause of
// 0. Nothing for anything else.
std::optional<Duration> parse_retry_after(std::string_view value, std::string_view response_date,
                                          WallTime now);

// Whether a line that came as a header is a status line that libcurl misreads: it takes whatever
// begins with "HTTP/" and goes on otherwise than a status line does for a success.
bool is_broken_status_line(std::string_view line);

// Copies what can be printed, one '?' for each other byte, runs of white space as one blank, and
// ends it with NUL. REQUIRES: `into` is not empty. Returns the length.
size_t copy_printable(std::string_view from, std::span<char> into);

}  // namespace sluice
