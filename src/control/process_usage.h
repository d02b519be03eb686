// SPDX-License-Identifier: Apache-2.0
// process_usage.h — what this process costs its host, as the kernel counts it.
//
// In:      nothing.
// Out:     CPU time, resident memory, open descriptors; 0 where the kernel does not tell.
// Owns:    nothing.
// Thread:  any; reads /proc, so: per scrape and per progress line, not more often.
// Fails:   cannot.
// Why so:  an agent that must not hurt its host has to show what it takes.
#pragma once

#include <cstdint>

namespace sluice {

struct ProcessUsage {
  double cpu_seconds = 0;
  int64_t resident_bytes = 0;
  int64_t open_descriptors = 0;
};

ProcessUsage read_process_usage();

}  // namespace sluice
