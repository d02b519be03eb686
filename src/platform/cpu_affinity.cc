// SPDX-License-Identifier: Apache-2.0
#include "platform/cpu_affinity.h"

#include <sched.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <fstream>
#include <memory>
#include <sstream>

namespace sluice {
namespace {

std::string first_line(const std::string& path) {
  std::ifstream file(path);
  std::string line;
  std::getline(file, line);
  return line;
}

std::optional<double> ratio(const std::string& quota, const std::string& period) {
  char* end = nullptr;
  const double amount = std::strtod(quota.c_str(), &end);
  if (end == quota.c_str() || amount <= 0) return std::nullopt;  // "max", "-1", unreadable
  const double per = std::strtod(period.c_str(), &end);
  if (end == period.c_str() || per <= 0) return std::nullopt;
  return amount / per;
}

// "150000 100000" or "max 100000".
std::optional<double> quota_v2(const std::string& group) {
  std::istringstream words(first_line(group + "/cpu.max"));
  std::string quota;
  std::string period;
  words >> quota >> period;
  return ratio(quota, period);
}

std::optional<double> quota_v1(const std::string& group) {
  return ratio(first_line(group + "/cpu.cfs_quota_us"), first_line(group + "/cpu.cfs_period_us"));
}

bool lists_cpu(std::string_view controllers) {
  while (!controllers.empty()) {
    const size_t comma = controllers.find(',');
    if (controllers.substr(0, comma) == "cpu") return true;
    if (comma == std::string_view::npos) break;
    controllers.remove_prefix(comma + 1);
  }
  return false;
}

template <class Quota>
void take_least(std::optional<double>& least, const std::string& mount, std::string group,
                Quota quota_in) {
  // From the own group up to the mount: every level may hold a quota.
  while (true) {
    if (const auto here = quota_in(mount + group)) least = std::min(least.value_or(*here), *here);
    if (group.empty()) return;
    group.resize(group.rfind('/') == std::string::npos ? 0 : group.rfind('/'));
  }
}

}  // namespace

std::vector<int> allowed_cpus() {
  std::vector<int> cpus;
  // Machines with more CPUs than fit in a cpu_set_t exist: the kernel says EINVAL until the mask
  // is long enough.
  for (int places = CPU_SETSIZE; places <= (1 << 20); places *= 2) {
    const std::unique_ptr<cpu_set_t, void (*)(cpu_set_t*)> mask(
        CPU_ALLOC(static_cast<size_t>(places)), [](cpu_set_t* set) { CPU_FREE(set); });
    const size_t bytes = CPU_ALLOC_SIZE(static_cast<size_t>(places));
    if (sched_getaffinity(0, bytes, mask.get()) != 0) {
      if (errno == EINVAL) continue;
      break;
    }
    for (int cpu = 0; cpu < places; ++cpu) {
      if (CPU_ISSET_S(static_cast<size_t>(cpu), bytes, mask.get())) cpus.push_back(cpu);
    }
    break;
  }
  if (cpus.empty()) cpus.push_back(0);
  return cpus;
}

std::optional<double> cpu_quota(const std::string& root, std::string_view membership) {
  std::optional<double> least;
  while (!membership.empty()) {
    // "0::/user.slice" (v2) or "4:cpu,cpuacct:/docker/1f" (v1).
    std::string_view line = membership.substr(0, membership.find('\n'));
    membership.remove_prefix(std::min(line.size() + 1, membership.size()));
    const size_t first = line.find(':');
    const size_t second = line.find(':', first == std::string_view::npos ? first : first + 1);
    if (second == std::string_view::npos) continue;
    const std::string_view controllers = line.substr(first + 1, second - first - 1);
    std::string group(line.substr(second + 1));
    if (group == "/") group.clear();
    if (controllers.empty()) take_least(least, root, group, quota_v2);
    if (!lists_cpu(controllers)) continue;
    take_least(least, root + "/cpu", group, quota_v1);
    take_least(least, root + "/cpu,cpuacct", group, quota_v1);
  }
  return least;
}

int32_t usable_cpus() {
  const auto cpus = static_cast<int32_t>(allowed_cpus().size());
  std::ifstream file("/proc/self/cgroup");
  const std::string membership((std::istreambuf_iterator<char>(file)), {});
  const std::optional<double> quota = cpu_quota("/sys/fs/cgroup", membership);
  if (!quota || *quota >= cpus) return cpus;
  return std::max(1, static_cast<int32_t>(std::ceil(*quota)));
}

Result<void> pin_this_thread(int cpu) {
  SLUICE_CHECK(cpu >= 0, "a CPU of allowed_cpus()");
  const auto places = static_cast<size_t>(cpu) + 1;
  const std::unique_ptr<cpu_set_t, void (*)(cpu_set_t*)> mask(
      CPU_ALLOC(places), [](cpu_set_t* set) { CPU_FREE(set); });
  const size_t bytes = CPU_ALLOC_SIZE(places);
  CPU_ZERO_S(bytes, mask.get());
  CPU_SET_S(static_cast<size_t>(cpu), bytes, mask.get());
  if (sched_setaffinity(0, bytes, mask.get()) != 0) return Error::from_errno("sched_setaffinity");
  return {};
}

}  // namespace sluice
