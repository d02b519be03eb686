// SPDX-License-Identifier: Apache-2.0
#include "platform/cpu_affinity.h"

#include <gtest/gtest.h>
#include <sched.h>

#include <algorithm>
#include <filesystem>
#include <thread>

#include "scratch_directory.h"

namespace sluice {
namespace {

class CpuQuotaTest : public testing::Test {
 protected:
  void write(const std::string& file, std::string_view text) {
    std::filesystem::create_directories(std::filesystem::path(scratch_.path(file)).parent_path());
    scratch_.append(file, text);
  }
  ScratchDirectory scratch_;
};

TEST_F(CpuQuotaTest, ReadsTheQuotaOfTheOwnGroup) {
  write("app/cpu.max", "150000 100000\n");
  EXPECT_EQ(cpu_quota(scratch_.path(), "0::/app\n"), 1.5);
}

TEST_F(CpuQuotaTest, TheSmallestQuotaOfAllLevelsCounts) {
  write("cpu.max", "800000 100000\n");
  write("slice/cpu.max", "200000 100000\n");
  write("slice/app/cpu.max", "max 100000\n");
  EXPECT_EQ(cpu_quota(scratch_.path(), "0::/slice/app\n"), 2.0);
}

TEST_F(CpuQuotaTest, NoQuotaIsNoQuota) {
  write("app/cpu.max", "max 100000\n");
  EXPECT_EQ(cpu_quota(scratch_.path(), "0::/app\n"), std::nullopt);
  EXPECT_EQ(cpu_quota(scratch_.path(), "0::/gone\n"), std::nullopt);
  EXPECT_EQ(cpu_quota(scratch_.path(), ""), std::nullopt);
  EXPECT_EQ(cpu_quota(scratch_.path(), "nonsense"), std::nullopt);
}

TEST_F(CpuQuotaTest, ReadsTheQuotaOfOlderControlGroups) {
  write("cpu,cpuacct/docker/1f/cpu.cfs_quota_us", "50000\n");
  write("cpu,cpuacct/docker/1f/cpu.cfs_period_us", "100000\n");
  write("cpu,cpuacct/cpu.cfs_quota_us", "-1\n");
  write("cpu,cpuacct/cpu.cfs_period_us", "100000\n");
  EXPECT_EQ(cpu_quota(scratch_.path(), "5:memory:/docker/1f\n4:cpu,cpuacct:/docker/1f\n"), 0.5);
}

TEST(CpuAffinity, AThreadIsPinnedToOneOfTheAllowedCpus) {
  const std::vector<int> cpus = allowed_cpus();
  ASSERT_FALSE(cpus.empty());
  EXPECT_TRUE(std::is_sorted(cpus.begin(), cpus.end()));
  std::thread([&] {
    ASSERT_TRUE(pin_this_thread(cpus.back()).ok());
    EXPECT_EQ(allowed_cpus(), std::vector<int>{cpus.back()});
    EXPECT_EQ(sched_getcpu(), cpus.back());
    EXPECT_EQ(usable_cpus(), 1);
  }).join();
  EXPECT_EQ(allowed_cpus(), cpus);
  EXPECT_GE(usable_cpus(), 1);
  EXPECT_LE(usable_cpus(), static_cast<int32_t>(cpus.size()));
}

TEST(CpuAffinity, PinningToACpuThatDoesNotExistFails) {
  std::thread([] { EXPECT_FALSE(pin_this_thread(100'000).ok()); }).join();
}

}  // namespace
}  // namespace sluice
