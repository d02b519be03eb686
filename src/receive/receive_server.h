// SPDX-License-Identifier: Apache-2.0
// receive_server.h — HTTP/1.1 and HTTP/2 in front of an Ingest, with faults between the two.
//
// In:      connections; requests. POST on any path is an ingest; GET /health, /stats, /verify.
// Out:     answers; faults as the plan decides; a progress line on a terminal.
// Owns:    listener, event loop (libh2o), TLS context, the requests that wait for their answer.
//          Borrows Ingest and stats, which must outlive it.
// Thread:  run() is the only thread and calls Ingest; stop() may come from a signal or any thread.
//          Turn:    events, then one commit for all requests that wait for durability, then due
//          answers.
// Limits:  a body larger than twice max_body is refused by libh2o itself, abruptly; up to there the
//          client gets a 413 that it can read. HTTP/2 windows are 16 MiB per stream and connection.
//          Stop:    no new connections; requests in progress are finished, at most kDrainMax or
//          until a second stop(); then out.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "receive/ingest.h"
#include "receive/receive_options.h"
#include "receive/receive_stats.h"

namespace sluice {

class ReceiveServer {
 public:
  // What GET /verify answers: the report as JSON.
  using VerifyText = std::function<std::string()>;

  ReceiveServer(const ReceiveOptions& options, Ingest* ingest, ReceiveStats* stats,
                VerifyText verify_text);
  ~ReceiveServer();
  ReceiveServer(const ReceiveServer&) = delete;
  ReceiveServer& operator=(const ReceiveServer&) = delete;

  // Listens. Empty, or a message with the remedy.
  std::string open();
  std::string url() const;
  uint16_t port() const;

  void run();            // until stop()
  void stop() noexcept;  // async-signal-safe

  double uptime_seconds() const;

 private:
  struct Loop;
  std::unique_ptr<Loop> loop_;
};

}  // namespace sluice
