// SPDX-License-Identifier: Apache-2.0
#include "receive/tls_context.h"

#include <fmt/format.h>
#include <openssl/err.h>

#include "receive/h2o_api.h"

namespace sluice {
namespace {

std::string explain(const char* what, const std::string& path) {
  char reason[256];
  ERR_error_string_n(ERR_get_error(), reason, sizeof reason);
  return fmt::format(
      "cannot use {} {}: {}. It must be a readable PEM file; for a test: openssl req "
      "-x509 -newkey rsa:2048 -nodes -subj /CN=localhost -keyout key.pem -out "
      "cert.pem",
      what, path, reason);
}

}  // namespace

std::string make_tls_context(const std::string& cert, const std::string& key, TlsContext* context) {
  ERR_clear_error();
  context->reset(SSL_CTX_new(TLS_server_method()));
  SSL_CTX* const raw = context->get();
  SSL_CTX_set_min_proto_version(raw, TLS1_2_VERSION);
  SSL_CTX_set_options(raw, SSL_OP_NO_TICKET | SSL_OP_NO_RENEGOTIATION);
  SSL_CTX_set_session_cache_mode(raw, SSL_SESS_CACHE_OFF);
  if (SSL_CTX_use_certificate_chain_file(raw, cert.c_str()) != 1) {
    return explain("certificate", cert);
  }
  if (SSL_CTX_use_PrivateKey_file(raw, key.c_str(), SSL_FILETYPE_PEM) != 1 ||
      SSL_CTX_check_private_key(raw) != 1) {
    return explain("key", key);
  }
  h2o_ssl_register_alpn_protocols(raw, h2o_alpn_protocols);
  return {};
}

}  // namespace sluice
