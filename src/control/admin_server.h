// SPDX-License-Identifier: Apache-2.0
// admin_server.h — the port that shows how the agent is doing. It shows; it changes nothing.
//
// In:      GET and HEAD from Prometheus, probes and people.
// Out:     pages made by a function of the caller for each request.
// Owns:    the listening socket and two threads that accept and answer.
// Thread:  start and stop by one thread; `pages` is called on the two threads, side by side.
// Limits:  two requests at once, further ones wait in the kernel's queue of 16; bounds of one
//          request in admin_connection.h.
// Fails:   an address that cannot be bound is an Error with the remedy, never a silent agent
//          without metrics. Out of descriptors it tries again each 100 ms.
// Why so:  no queue of our own and no connection per client: whoever floods this port costs the
//          agent two threads and two descriptors.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "sluice/config.h"
#include "sluice/result.h"

namespace sluice {

struct AdminPage {
  int status = 200;
  std::string content_type = "text/plain; charset=utf-8";
  std::string body;
};

// The page of a path, without its query; nothing: there is none. Called from any thread.
using AdminPages = std::function<std::optional<AdminPage>(std::string_view path)>;

class AdminServer {
 public:
  // `problem` gets a sentence for the user if it fails.
  static Result<std::unique_ptr<AdminServer>> start(const ListenAddress& address, AdminPages pages,
                                                    std::string& problem);
  AdminServer(const AdminServer&) = delete;
  AdminServer& operator=(const AdminServer&) = delete;
  ~AdminServer();

  // Ends open connections and both threads; takes as long as a page takes at most.
  void stop();

  uint16_t port() const;  // the real one if the address said 0

 private:
  class Impl;

  explicit AdminServer(std::unique_ptr<Impl> impl);

  std::unique_ptr<Impl> impl_;
};

}  // namespace sluice
