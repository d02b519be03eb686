// SPDX-License-Identifier: Apache-2.0
// bench_run.h — measures on this host what a core can do with these lines and these flags.
//
// In:      a log, what the flags mean for encoder, codec and body, a destination that takes all.
// Out:     BenchFigures; progress to whoever wants it.
// Owns:    a raw loop per row for the time of the call.
// Thread:  the caller's; and one per shard for the rows that measure shards.
// Limits:  `seconds`, and the round that is under way then. Every row is measured in every round,
//          so that noise of the machine hits all of them alike. At most 32 shards are tried.
// Fails:   with a sentence; empty figures are never returned.
// Why so:  two runs on a shared machine differ by a tenth; two slices of 20 ms next to each other
//          differ by a hundredth, and the median of their ratios by less.
#pragma once

#include <functional>
#include <string>
#include <variant>

#include "measure/bench_figures.h"
#include "measure/interrupt.h"
#include "measure/raw_loop.h"
#include "measure/sample_log.h"
#include "platform/curl_wire.h"
#include "sluice/config.h"

namespace sluice {

struct BenchSubject {
  SampleLog log;
  LoopSettings loop;  // as the flags say; file is one of the log
  Compression compression = Compression::kGzip;
  CompressionLevel level;
  CurlWireSettings wire;  // to the null destination
  int32_t cpus = 1;
  // What the memory plan of so many shards adds up to; 0: does not fit.
  std::function<int64_t(int32_t shards)> memory_of;
  double seconds = 10;
};

// `progress` is told how far it is, from 0 to 1.
std::variant<BenchFigures, std::string> run_bench(const BenchSubject& subject, Interrupt& interrupt,
                                                  const std::function<void(double)>& progress);

}  // namespace sluice
