// SPDX-License-Identifier: Apache-2.0
// receive_stats.h — what the receiver counts, and its two faces.
//
// In:      increments from the one thread of the receiver.
// Out:     JSON for GET /stats, a few lines of text for the end of the run.
// Owns:    integers.
// Thread:  the receiver's.
#pragma once

#include <cstdint>
#include <map>
#include <string>

namespace sluice {

struct ReceiveStats {
  uint64_t requests = 0;        // ingest requests that reached us whole
  uint64_t lines = 0;           // stored or counted
  uint64_t bytes_wire = 0;      // of bodies as they came
  uint64_t bytes_decoded = 0;   // of the same bodies after decompression
  uint64_t bytes_lines = 0;     // of lines alone, with a newline each
  uint64_t duplicates = 0;      // requests whose key was known
  uint64_t bad_bodies = 0;      // 400, 413, 415
  uint64_t store_failures = 0;  // 500
  uint64_t faults_injected = 0;
  uint64_t outages = 0;
  uint64_t connections = 0;  // open now
  uint64_t connections_total = 0;
  std::map<int, uint64_t> answers;  // by status, ingest only

  std::string json(double uptime_seconds) const;
  std::string text(double uptime_seconds) const;
  std::string progress_text() const;  // one short line
};

}  // namespace sluice
