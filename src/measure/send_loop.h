// SPDX-License-Identifier: Apache-2.0
// send_loop.h — what sending one body costs, over and over through the wire that ships.
//
// In:      the settings of a wire, one parcel, how many times or how long, a loop to wait on.
// Out:     CPU seconds of this thread and requests that were answered 200.
// Owns:    the wire for the time of the call; borrows parcel and loop.
// Thread:  one. On the loopback its CPU time includes most of the kernel's receiving side.
// Limits:  as many requests in flight as the wire's window.
// Fails:   with the words of the first answer that is not 200.
// Why so:  the agent's lane does the same calls; without queue, retries and verdicts what is left
//          is what the operator pays per request and per byte.
#pragma once

#include <cstddef>
#include <string>
#include <variant>

#include "platform/curl_wire.h"
#include "platform/loop_io.h"
#include "sluice/parcel.h"

namespace sluice {

// The call ends when one of them is reached.
struct SendTime {
  size_t requests = SIZE_MAX;
  double wall_seconds = 1e9;
};

struct SendFigures {
  size_t requests = 0;
  double cpu_seconds = 0;
};

std::variant<SendFigures, std::string> send_bodies(const CurlWireSettings& settings,
                                                   const Parcel& parcel, const SendTime& time,
                                                   LoopIo& io);

// A parcel of so many bytes that no codec can shrink.
Parcel noise_parcel(size_t bytes);

// What sending costs, split by two sizes of body into what a request costs and what a byte does.
struct SendCost {
  double cpu_s_per_request = 0;
  double cpu_s_per_byte = 0;

  double of(double requests, double bytes) const {
    return requests * cpu_s_per_request + bytes * cpu_s_per_byte;
  }
};
SendCost send_cost(size_t small_bytes, double cpu_s_per_small, size_t large_bytes,
                   double cpu_s_per_large);

}  // namespace sluice
