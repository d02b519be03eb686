// SPDX-License-Identifier: Apache-2.0
// cpu_affinity.h — how many CPUs this process may use, which ones, and binding a thread to one.
//
// In:      the affinity mask of the process, the CPU quota of its control groups.
// Out:     CPU numbers; a count for "one shard per CPU that the process may use".
// Owns:    nothing.
// Thread:  any; pin_this_thread() binds the caller.
// Limits:  quotas of cgroup v2 (cpu.max, own group and all above) and v1 (cpu.cfs_quota_us).
// Fails:   what cannot be read counts as no limit.
// Why so:  a container with a quota of two CPUs on a machine of 64 sees 64 CPUs. 64 shards there
//          would be throttled together, and each would hold its share of memory.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "sluice/result.h"

namespace sluice {

// Ascending; never empty.
std::vector<int> allowed_cpus();

// The smallest quota in CPUs (1.5 is one and a half) among the groups of this process; nothing if
// there is none. `root` is where the control groups are mounted, `membership` is the text of
// /proc/self/cgroup.
std::optional<double> cpu_quota(const std::string& root, std::string_view membership);

// allowed_cpus() bounded by the quota, rounded up; at least 1.
int32_t usable_cpus();

Result<void> pin_this_thread(int cpu);

}  // namespace sluice
