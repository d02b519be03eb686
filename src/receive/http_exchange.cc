// SPDX-License-Identifier: Apache-2.0
#include "receive/http_exchange.h"

#include <cstring>
#include <string>

#include "receive/listener.h"

namespace sluice {
namespace {

std::string_view value_at(h2o_req_t* request, ssize_t at) {
  return at < 0 ? std::string_view() : text_of(request->headers.entries[at].value);
}

const char* reason_of(int status) {
  switch (status) {
    case 200:
      return "OK";
    case 400:
      return "Bad Request";
    case 401:
      return "Unauthorized";
    case 403:
      return "Forbidden";
    case 404:
      return "Not Found";
    case 405:
      return "Method Not Allowed";
    case 408:
      return "Request Timeout";
    case 413:
      return "Payload Too Large";
    case 415:
      return "Unsupported Media Type";
    case 429:
      return "Too Many Requests";
    case 500:
      return "Internal Server Error";
    case 502:
      return "Bad Gateway";
    case 503:
      return "Service Unavailable";
    case 504:
      return "Gateway Timeout";
    default:
      return "Other";
  }
}

void add_answer_header(h2o_req_t* request, std::string_view name, std::string_view value) {
  const h2o_iovec_t kept = h2o_strdup(&request->pool, value.data(), value.size());
  h2o_add_header_by_str(&request->pool, &request->res.headers, name.data(), name.size(), 1, nullptr,
                        kept.base, kept.len);
}

}  // namespace

std::string_view request_header(h2o_req_t* request, const h2o_token_t* token) {
  return value_at(request, h2o_find_header(&request->headers, token, -1));
}

std::string_view request_header(h2o_req_t* request, std::string_view lower_case_name) {
  return value_at(request, h2o_find_header_by_str(&request->headers, lower_case_name.data(),
                                                  lower_case_name.size(), -1));
}

void send_answer(h2o_req_t* request, const HttpAnswer& answer) {
  request->res.status = answer.status;
  request->res.reason = reason_of(answer.status);
  request->res.content_length = answer.text.size();
  add_answer_header(request, "content-type", answer.content_type);
  if (answer.status == 405) add_answer_header(request, "allow", "POST, GET");
  if (answer.retry_after_s) {
    add_answer_header(request, "retry-after", std::to_string(*answer.retry_after_s));
  }
  h2o_send_inline(request, answer.text.data(), answer.text.size());
}

void send_reset(h2o_req_t* request) {
  reset_connection(descriptor_of(request));
  request->http1_is_persistent = 0;
  send_answer(request, HttpAnswer{503, "", "text/plain", {}});  // to nobody: lets libh2o finish
}

int descriptor_of(h2o_req_t* request) {
  return h2o_socket_get_fd(request->conn->callbacks->get_socket(request->conn));
}

}  // namespace sluice
