// SPDX-License-Identifier: Apache-2.0
// nginx_process.h — a real nginx with a private configuration in a directory of the test.
//
// In:      a directory, a server certificate.
// Out:     two ports: clear text (HTTP/1.1) and TLS (HTTP/2 by ALPN, HTTP/1.1). POST /ingest is
//          answered with 200 after the whole body; bodies over 1 MiB get nginx's own early 413.
// Owns:    the process, which ends with this object.
// Fails:   ready() is false if nginx is not installed or does not start.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <string>

#include "servers/test_pki.h"

namespace sluice {

class NginxProcess {
 public:
  NginxProcess(const std::string& directory, const TestPki::Leaf& leaf);
  ~NginxProcess();
  NginxProcess(const NginxProcess&) = delete;
  NginxProcess& operator=(const NginxProcess&) = delete;

  bool ready() const { return ready_; }
  std::string clear_url() const;
  std::string tls_url() const;
  // Lines "PROTOCOL STATUS CONNECTION BODY-BYTES KEY", one per request, as nginx logged them.
  std::string access_log() const;

 private:
  const std::string directory_;
  uint16_t clear_port_ = 0;
  uint16_t tls_port_ = 0;
  pid_t pid_ = -1;
  bool ready_ = false;
};

}  // namespace sluice
