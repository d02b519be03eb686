// SPDX-License-Identifier: Apache-2.0
// curl_wire_sockets.h — the wire's descriptors between libcurl and the loop, and the cure for its
// busy loop.
//
// In:      what libcurl wants to hear of each socket; what the loop saw; whether a call moved a
//          byte.
// Out:     watches on the loop's poller; the time at which a silenced socket is heard again.
// Owns:    the sockets of connections, from open() to close(). Others (the name resolver's pair)
//          are only watched.
// Thread:  the loop's.
// Limits:  over TLS a peer that has not sent its SETTINGS kGreetingMax after the first request is
//          taken as one that did: they may have come with the end of the handshake. A silenced
//          socket is heard again after kSilence; raising it delays an upload whose window opened
//          unseen, lowering it costs wake-ups: 20 ms are 50 wake-ups/s while stalled.
// Fails:   open() gives -1, which libcurl reports as a failed connect.
// Why so:  libcurl 7.88.1 asks for writability as long as an HTTP/2 upload is not finished, also
//          when the peer's flow-control window is used up. The socket is writable, nothing may be
//          written, and the loop turns at 100 % CPU (fixed in 8.0.0). So two calls in a row for
//          writability alone that moved no byte silence it, until it is readable or time is up.
#pragma once

#include <curl/curl.h>

#include <cstdint>
#include <vector>

#include "platform/fd_poller.h"
#include "sluice/units.h"

namespace sluice {

class WireSockets {
 public:
  static constexpr Duration kSilence{20'000'000};
  static constexpr uint32_t kEmptyWritesMax = 2;
  static constexpr Duration kGreetingMax{200'000'000};

  struct Socket {
    int fd = -1;
    uint32_t wanted = 0;       // POLLIN, POLLOUT as libcurl asked
    bool connection = false;   // opened here
    bool established = false;  // a request was started on it
    bool greeted = false;      // and then the peer said something: with HTTP/2 its SETTINGS
    uint16_t local_port = 0;   // 0: not asked yet
    uint32_t requests = 0;     // started on it
    uint32_t empty_writes = 0;
    uint64_t written_bytes = 0;
    MonoTime heard_at;  // last time it was readable
    bool silent = false;
    MonoTime silent_until;
    MonoTime greeted_by = kNever;
  };

  // The poller and the listener outlive this object.
  WireSockets(FdPoller& poller, FdListener& listener);

  int open(const curl_sockaddr& address);
  void close(int fd);
  // In clear text nothing can come before the first request: a greeting is waited for without
  // limit.
  void expect_greetings() { greetings_expected_ = true; }
  // What libcurl asks for; 0 when it does not care any more.
  void want(int fd, uint32_t poll_events);
  // The connection that has this local port. Null if there is none, or several addresses are in
  // use and two connections have it. Valid until the next call that opens, closes or wants.
  Socket* find_by_port(uint16_t local_port);
  // Ends a connection under libcurl, which will notice as if the peer had closed it.
  void break_off(int fd);
  // The same for connections that served at least so many requests.
  bool any_served(uint32_t requests) const;
  void break_off_served(uint32_t requests);

  void was_readable(int fd, MonoTime now);
  // After a call for writability alone. True if the kernel has taken bytes since the last one.
  bool has_written(int fd);
  void after_write(int fd, bool moved, MonoTime now);
  // Does what is due by time: hears silenced sockets again, gives up on greetings.
  void turn(MonoTime now);
  // When turn() has something to do.
  MonoTime due(MonoTime now);

  size_t connections() const;
  size_t established() const;
  size_t greeted() const;
  // Established ones on which nothing has arrived unread. libcurl drops the others when they were
  // idle: it is an end of the connection, or something that it does not read in time.
  size_t undisturbed() const;
  // Null if unknown. Valid until the next call that opens, closes or wants.
  Socket* find(int fd);

 private:
  Socket& find_or_add(int fd);
  void forget(int fd);
  void watch(const Socket& socket);

  FdPoller& poller_;
  FdListener& listener_;
  bool greetings_expected_ = false;
  std::vector<Socket> sockets_;  // a handful, searched in order
};

}  // namespace sluice
