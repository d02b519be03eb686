// SPDX-License-Identifier: Apache-2.0
#include "flow/discover/siblings.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "memory_disk.h"

namespace sluice {
namespace {

bool may_come_of(const std::string& name, const std::string& base) {
  const auto names = names_before_rotation(name);
  return std::find(names.begin(), names.end(), base) != names.end();
}

TEST(Siblings, KnowTheNamesThatRotationMakes) {
  for (const char* name : {"app.log.1", "app.log.12", "app.log-20261122", "app.log-20261122-1700",
                           "app.log.2026-11-22T10:11:12.123Z", "app.log.old", "app.log_3",
                           "app-20261122.log", "app.1.log", "app.log.20261122-101112"})
    EXPECT_TRUE(may_come_of(name, "app.log")) << name;
  EXPECT_TRUE(may_come_of("0.log.20261122-101112", "0.log"));
  EXPECT_TRUE(may_come_of("syslog.1", "syslog"));
  EXPECT_TRUE(may_come_of("a.log.1.5", "a.log.1"));
}

TEST(Siblings, LeaveOutWhatIsNoRotatedFile) {
  for (const char* name : {"app.log", "app.log.gz", "app.log.1.gz", "app.log.swp", "app.log~",
                           "app.log.tmp", "app.logger.1", "app2.log", "1", ".1", "x.log.1", ""})
    EXPECT_FALSE(may_come_of(name, "app.log")) << name;
}

TEST(Siblings, AreUnsteadyWhenSomethingMovesUnderTheEye) {
  MemoryDisk disk;
  disk.make_directories("/l");
  disk.append("/l/a.1", "1");
  disk.append("/l/b", "b");
  const auto all = [](const std::string& name) { return name != "b"; };
  auto around = look_around(disk, "/l", all);
  ASSERT_TRUE(around.ok());
  EXPECT_TRUE(around->steady);
  ASSERT_EQ(around->files.size(), 1U);
  EXPECT_EQ(around->files[0].stat.inode, disk.inode_of("/l/a.1"));
  bool moved = false;
  disk.on_stat = [&](const std::string&) {
    if (std::exchange(moved, true)) return;
    disk.rename("/l/a.1", "/l/a.2");
    disk.append("/l/a.1", "2");
  };
  around = look_around(disk, "/l", all);
  ASSERT_TRUE(around.ok());
  EXPECT_FALSE(around->steady);
  around = look_around(disk, "/nowhere", all);
  ASSERT_TRUE(around.ok());
  EXPECT_TRUE(around->steady && around->files.empty());
}

}  // namespace
}  // namespace sluice
