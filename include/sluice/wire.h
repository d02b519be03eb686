// SPDX-License-Identifier: Apache-2.0
// wire.h — the seam to a destination: send one parcel, learn what was answered.
//
// In:      a parcel, borrowed from send() until its answer has been reaped.
// Out:     exactly one answer per send(), in any order: a final status, or how the transport
//          failed.
// Owns:    connections, TLS sessions, timers of its own. Never retries, never follows a redirect,
//          never judges: the lane's verdict rules do.
// Thread:  the loop that owns the lane.
// Limits:  the lane never has more parcels on the wire than its window.
// Why so:  every retry inside a transport library is one that the attempt counter, the token
//          buckets and the total deadline do not see.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string_view>

#include "sluice/parcel.h"
#include "sluice/units.h"

namespace sluice {

// Why there is no usable answer. Named for people and for the metric label.
enum class TransportFailure : uint8_t {
  kNone,         // there is an answer: look at the status
  kResolve,      // the name does not resolve
  kConnect,      // refused, unreachable, connect timeout
  kTls,          // the handshake broke
  kCertificate,  // one side does not accept the other's certificate or key
  kTimeout,      // the total deadline of the request passed
  kReset,        // the connection broke under the request
  kProtocol,     // the peer does not speak HTTP as it should
  kAbandoned,    // the lane gave it up (shutdown)
};

struct WireAnswer {
  uint64_t ticket = 0;
  TransportFailure failure = TransportFailure::kNone;
  int32_t status = 0;        // final HTTP status, 0 without one
  bool body_sent = false;    // the whole request body had left before the answer was complete
  Duration retry_after{-1};  // from the Retry-After header, negative without one
  Duration took;             // from send() to the answer
  Bytes sent_bytes;          // request body bytes that were handed to the kernel
  std::array<char, 200>
      text{};  // NUL-terminated: first bytes of the answer or the transport's words

  std::string_view text_view() const { return std::string_view(text.data()); }
};

class Wire {
 public:
  virtual ~Wire() = default;

  // REQUIRES: no other request with this ticket is open; `parcel` stays unchanged until its answer.
  virtual void send(const Parcel& parcel, uint64_t ticket, MonoTime now) = 0;
  // Lets the transport do what is due without waiting. Returns when it wants to be called again
  // (kNever: only on descriptor events, which end Io::wait by themselves).
  virtual MonoTime turn(MonoTime now) = 0;
  virtual size_t reap(std::span<WireAnswer> answers) = 0;
  // Ends every open request; each is answered with kAbandoned.
  virtual void abandon_all() = 0;
};

}  // namespace sluice
