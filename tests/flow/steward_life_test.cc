// SPDX-License-Identifier: Apache-2.0
// The rows of the catalogue of scenarios that are about the life of a file: found, rotated,
// truncated, deleted.
#include "steward_fixture.h"

namespace sluice {
namespace {

class StewardLifeTest : public StewardTest {};

TEST_F(StewardLifeTest, DEL_1_UnlinkedWhileItMakesRoomForAnotherItIsStillHeard) {
  StewardSettings settings = settings_for(source({"/l/*.log"}));
  settings.open_files_max = 1;
  agent(std::move(settings));
  disk_.append("/l/a.log", "1\n");
  const uint64_t inode = disk_.inode_of("/l/a.log");
  stand().start();
  stand().run(3_s);
  stand().reports().slow = true;
  disk_.append("/l/b.log", "b\n");
  for (int i = 0; i < 100 && stand().shard_tails(0) + stand().shard_tails(1) > 0; ++i) {
    stand().reports().let_through();  // all but the last word, that it was released
    stand().run(100_ms);
  }
  disk_.unlink("/l/a.log");
  stand().reports().slow = false;
  stand().reports().let_through();
  stand().run(1_s);
  disk_.append_to_inode(inode, "2\n");  // its writer was not told
  stand().run(10_s);
  EXPECT_EQ(lines(), (LineList{"1\n", "2\n"}));
  EXPECT_EQ(lines("/l/b.log"), LineList{"b\n"}) << "the unlinked file gave way in the end";
}

TEST_F(StewardLifeTest, ROT_12_RotatedOnWhileItIsSearchedForItIsStillFound) {
  agent();
  disk_.append("/l/a.log", "1\n");
  stand().start();
  stand().run(3_s);
  stand().crash();
  disk_.append("/l/a.log", "2\n");
  disk_.rename("/l/a.log", "/l/a.log.1");
  disk_.append("/l/a.log", "3\n");
  bool moved = false;
  disk_.on_stat = [&](const std::string& path) {
    if (path == "/l/a.log.1" && !std::exchange(moved, true)) {
      disk_.rename("/l/a.log.1", "/l/a.log.2");
      disk_.append("/l/a.log.1", "");
    }
  };
  stand().start();
  stand().run(12_s);
  EXPECT_TRUE(moved);
  LineList all = lines();
  std::sort(all.begin(), all.end());
  EXPECT_EQ(all, (LineList{"1\n", "2\n", "3\n"}));
}

}  // namespace
}  // namespace sluice
