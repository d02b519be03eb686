// SPDX-License-Identifier: Apache-2.0
// listener.h — a listening TCP socket that can stop and start again without losing its port.
//
// In:      host and port; port 0 takes a free one.
// Out:     a non-blocking descriptor, and the port it really has.
// Owns:    the descriptor.
// Thread:  one.
// Fails:   a message that names host, port and the remedy.
// Why so:  an outage is simulated by pause(): the kernel then refuses connections as it does for a
//          dead server. A socket that was bound to port 0 would give its port back then, so the
//          free port is found by one socket and bound by name by a second.
#pragma once

#include <cstdint>
#include <string>

#include "receive/durable_file.h"

namespace sluice {

class Listener {
 public:
  // Empty, or what went wrong and what to do.
  std::string open(const std::string& host, uint16_t port);

  Result<void> pause();
  Result<void> resume();

  int fd() const { return fd_.get(); }
  uint16_t port() const { return port_; }

 private:
  std::string bind_to(const std::string& host, uint16_t port, Descriptor* fd);

  Descriptor fd_;
  uint16_t port_ = 0;
};

// Resets a connection at once: the peer sees ECONNRESET. The descriptor stays open and fails from
// now on, so that its owner notices in its own time.
void reset_connection(int fd);

}  // namespace sluice
