// SPDX-License-Identifier: Apache-2.0
// http_exchange.h — one request of libh2o: its headers as views, its answer, its violent end.
//
// In:      a request that libh2o handed to a handler.
// Out:     the answer sent, or the connection reset; the request must not be touched after either.
// Thread:  the server's.
// Limits:  views live as long as the request.
#pragma once

#include <optional>
#include <string_view>

#include "receive/h2o_api.h"

namespace sluice {

inline std::string_view text_of(const h2o_iovec_t& text) {
  return {text.base, text.len};
}

// Empty when the request has no such header.
std::string_view request_header(h2o_req_t* request, const h2o_token_t* token);
std::string_view request_header(h2o_req_t* request, std::string_view lower_case_name);

struct HttpAnswer {
  int status = 200;
  std::string_view text;  // copied
  const char* content_type = "application/json";
  std::optional<int> retry_after_s;
};
void send_answer(h2o_req_t* request, const HttpAnswer& answer);

// Resets the whole connection under this request (and, in HTTP/2, under its siblings).
void send_reset(h2o_req_t* request);

int descriptor_of(h2o_req_t* request);

}  // namespace sluice
