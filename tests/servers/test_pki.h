// SPDX-License-Identifier: Apache-2.0
// test_pki.h — a certificate authority for one test, with good and bad server certificates.
//
// Out:     PEM files in a directory of the test; server contexts for RawPeer and H2Peer.
// Owns:    the key of the authority, in memory.
// Thread:  one.
// Why so:  certificates in the repository expire, and then tests fail on a Monday in May.
#pragma once

#include <openssl/evp.h>
#include <openssl/x509.h>

#include <memory>
#include <string>

#include "servers/raw_peer.h"

namespace sluice {

class TestPki {
 public:
  struct Leaf {
    std::string cert_file;
    std::string key_file;
  };

  // `directory` exists and is the test's.
  explicit TestPki(std::string directory);

  const std::string& ca_file() const { return ca_file_; }
  // `names` as in a certificate: "DNS:localhost,IP:127.0.0.1". Valid from an hour ago for
  // `valid_seconds`, which may be negative.
  Leaf issue(const std::string& name, const std::string& names, long valid_seconds = 3600);
  // A server context. `alpn` in wire form ("\x02h2"), empty: none. With `client_ca` clients must
  // show a certificate of this authority.
  static SslContext server(const Leaf& leaf, const std::string& alpn = {},
                           const std::string& client_ca = {});

 private:
  using Key = std::unique_ptr<EVP_PKEY, decltype(&EVP_PKEY_free)>;
  using Certificate = std::unique_ptr<X509, decltype(&X509_free)>;

  Certificate sign(EVP_PKEY* key, const std::string& subject, const std::string& names,
                   long valid_seconds);

  const std::string directory_;
  const std::string ca_file_;
  Key ca_key_{nullptr, EVP_PKEY_free};
  Certificate ca_{nullptr, X509_free};
  long serial_ = 1;
};

}  // namespace sluice
