// SPDX-License-Identifier: Apache-2.0
// fd_poller.h — other people's descriptors (sockets, inotify) in the one place where a loop waits.
//
// In:      descriptors with the poll(2) events somebody wants to hear about.
// Out:     on_ready(fd, revents), called inside Io::wait() on the loop's own thread.
// Owns:    nothing: descriptors and listeners stay their owners', who unwatch a descriptor before
//          they close it. A number that is closed and reused at once is safe: each watch() after an
//          unwatch() is a new generation, and events of an old generation are never delivered.
// Thread:  the loop's. watch() and unwatch() may be called from inside on_ready(), for any
//          descriptor.
// Limits:  level-triggered: as long as a wanted condition holds, every wait() reports it again.
//          POLLERR and POLLHUP are always reported while the mask is not 0.
// Rate:    per socket event, never per line.
// Why so:  a second epoll beside the ring would need a second wake-up per event; both Io backends
//          implement this interface, so a transport does not know which one it runs on.
#pragma once

#include <cstdint>

namespace sluice {

// Lifetime: lives until its descriptors are unwatched.
struct FdListener {
  // `revents` are POLLIN, POLLOUT, POLLERR, POLLHUP as in poll(2).
  virtual void on_ready(int fd, uint32_t revents) = 0;

 protected:
  ~FdListener() = default;
};

class FdPoller {
 public:
  virtual ~FdPoller() = default;

  // Starts watching, or changes mask and listener of a watched descriptor. Mask 0 keeps it
  // registered but silent. REQUIRES: `fd` is open and can be polled (no regular file).
  virtual void watch(int fd, uint32_t poll_events, FdListener* who) = 0;
  // No on_ready() for `fd` after this returns. Idempotent. Call it before close(fd).
  virtual void unwatch(int fd) = 0;
};

}  // namespace sluice
