// SPDX-License-Identifier: Apache-2.0
#include "servers/test_pki.h"

#include <openssl/ec.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>

namespace sluice {
namespace {

void require(bool condition, const char* what) {
  if (condition) return;
  std::fprintf(stderr, "test_pki: %s failed\n", what);
  std::abort();
}

void add_extension(X509* certificate, X509* issuer, int nid, const char* value) {
  X509V3_CTX context;
  X509V3_set_ctx_nodb(&context);
  X509V3_set_ctx(&context, issuer, certificate, nullptr, nullptr, 0);
  X509_EXTENSION* extension = X509V3_EXT_conf_nid(nullptr, &context, nid, value);
  require(extension != nullptr, "certificate extension");
  X509_add_ext(certificate, extension, -1);
  X509_EXTENSION_free(extension);
}

template <class Write>
void write_pem(const std::string& path, Write&& write) {
  std::FILE* file = std::fopen(path.c_str(), "w");
  require(file != nullptr, "open of a PEM file");
  require(write(file) == 1, "PEM");
  std::fclose(file);
}

int choose_protocol(SSL*, const unsigned char** chosen, unsigned char* chosen_bytes,
                    const unsigned char* offered, unsigned int offered_bytes, void* wanted) {
  const auto& list = *static_cast<const std::string*>(wanted);
  unsigned char* out = nullptr;
  const int result =
      SSL_select_next_proto(&out, chosen_bytes, reinterpret_cast<const unsigned char*>(list.data()),
                            static_cast<unsigned int>(list.size()), offered, offered_bytes);
  *chosen = out;
  return result == OPENSSL_NPN_NEGOTIATED ? SSL_TLSEXT_ERR_OK : SSL_TLSEXT_ERR_NOACK;
}

// The ALPN list lives as long as its context.
int alpn_index() {
  static const int index = SSL_CTX_get_ex_new_index(
      0, nullptr, nullptr, nullptr, [](void*, void* list, CRYPTO_EX_DATA*, int, long, void*) {
        delete static_cast<std::string*>(list);
      });
  return index;
}

}  // namespace

TestPki::TestPki(std::string directory)
    : directory_(std::move(directory)), ca_file_(directory_ + "/ca.pem") {
  ca_key_.reset(EVP_EC_gen("P-256"));
  // The name is this one's own: two authorities of one name would be taken for each other.
  ca_ = sign(ca_key_.get(), directory_.substr(directory_.size() / 2), "", 24 * 3600);
  write_pem(ca_file_, [&](std::FILE* file) { return PEM_write_X509(file, ca_.get()); });
}

TestPki::Leaf TestPki::issue(const std::string& name, const std::string& names,
                             long valid_seconds) {
  const Key key(EVP_EC_gen("P-256"), EVP_PKEY_free);
  const Certificate certificate = sign(key.get(), name, names, valid_seconds);
  const std::string stem = directory_ + "/" + name + std::to_string(serial_);
  Leaf leaf{stem + ".crt", stem + ".key"};
  write_pem(leaf.cert_file,
            [&](std::FILE* file) { return PEM_write_X509(file, certificate.get()); });
  write_pem(leaf.key_file, [&](std::FILE* file) {
    return PEM_write_PrivateKey(file, key.get(), nullptr, nullptr, 0, nullptr, nullptr);
  });
  return leaf;
}

TestPki::Certificate TestPki::sign(EVP_PKEY* key, const std::string& subject,
                                   const std::string& names, long valid_seconds) {
  Certificate certificate(X509_new(), X509_free);
  X509* raw = certificate.get();
  X509_set_version(raw, 2);
  ASN1_INTEGER_set(X509_get_serialNumber(raw), serial_++);
  X509_gmtime_adj(X509_getm_notBefore(raw), -3600);
  X509_gmtime_adj(X509_getm_notAfter(raw), valid_seconds);
  X509_set_pubkey(raw, key);
  X509_NAME_add_entry_by_txt(X509_get_subject_name(raw), "CN", MBSTRING_ASC,
                             reinterpret_cast<const unsigned char*>(subject.c_str()), -1, -1, 0);
  const bool is_ca = !ca_;
  X509* issuer = is_ca ? raw : ca_.get();
  X509_set_issuer_name(raw, X509_get_subject_name(issuer));
  add_extension(raw, issuer, NID_basic_constraints, is_ca ? "critical,CA:TRUE" : "CA:FALSE");
  if (is_ca) add_extension(raw, issuer, NID_key_usage, "critical,keyCertSign");
  if (!names.empty()) add_extension(raw, issuer, NID_subject_alt_name, names.c_str());
  require(X509_sign(raw, ca_key_.get(), EVP_sha256()) > 0, "signature");
  return certificate;
}

SslContext TestPki::server(const Leaf& leaf, const std::string& alpn,
                           const std::string& client_ca) {
  SslContext context(SSL_CTX_new(TLS_server_method()), SSL_CTX_free);
  require(
      SSL_CTX_use_certificate_file(context.get(), leaf.cert_file.c_str(), SSL_FILETYPE_PEM) == 1,
      "server certificate");
  require(SSL_CTX_use_PrivateKey_file(context.get(), leaf.key_file.c_str(), SSL_FILETYPE_PEM) == 1,
          "server key");
  if (!alpn.empty()) {
    auto list = std::make_unique<std::string>(alpn);
    SSL_CTX_set_alpn_select_cb(context.get(), choose_protocol, list.get());
    SSL_CTX_set_ex_data(context.get(), alpn_index(), list.release());
  }
  if (!client_ca.empty()) {
    require(SSL_CTX_load_verify_locations(context.get(), client_ca.c_str(), nullptr) == 1,
            "client authority");
    SSL_CTX_set_verify(context.get(), SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, nullptr);
  }
  return context;
}

}  // namespace sluice
