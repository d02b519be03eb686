// SPDX-License-Identifier: Apache-2.0
// tls_context.h — the TLS side of the receiver: a certificate, a key, and h2 or http/1.1 by ALPN.
//
// In:      paths of a PEM chain and a PEM key.
// Out:     an SSL_CTX for TLS 1.2 and 1.3, without session tickets or cache.
// Owns:    TlsContext owns the SSL_CTX.
// Fails:   a message that names the file, what OpenSSL says, and the remedy.
#pragma once

#include <openssl/ssl.h>

#include <memory>
#include <string>

namespace sluice {

struct SslContextDeleter {
  void operator()(SSL_CTX* context) const { SSL_CTX_free(context); }
};
using TlsContext = std::unique_ptr<SSL_CTX, SslContextDeleter>;

// Empty, or what is wrong.
std::string make_tls_context(const std::string& cert, const std::string& key, TlsContext* context);

}  // namespace sluice
