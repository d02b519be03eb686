// SPDX-License-Identifier: Apache-2.0
// The steward on the real file system, with the kernel's notifications. Time is still the test's;
// inotify queues an event before the call that caused it returns, so nothing waits.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdio>
#include <filesystem>
#include <fstream>

#include "platform/inotify_feed.h"
#include "platform/system_disk.h"
#include "steward_stand.h"

namespace sluice {
namespace {

using namespace literals;
namespace fs = std::filesystem;
using LineList = std::vector<std::string>;

class StewardDiskTest : public testing::Test {
 protected:
  StewardDiskTest() {
    std::string name = (fs::temp_directory_path() / "steward_XXXXXX").string();
    SLUICE_CHECK(mkdtemp(name.data()) != nullptr, "a temporary directory can be made");
    root_ = fs::canonical(name).string();
  }
  ~StewardDiskTest() override {
    stand_.reset();
    fs::permissions(root_, fs::perms::owner_all);
    fs::remove_all(root_);
  }

  void agent(const std::string& pattern, StartFrom from = StartFrom::kBeginning) {
    AgentConfig config;
    config.sources.emplace_back();
    config.sources[0].paths = {root_ + pattern};
    config.sources[0].from = from;
    config.sources[0].destinations = {"default"};
    config.destinations.push_back({});
    auto settings = steward_settings(config, 100);
    SLUICE_CHECK(settings.ok(), "the pattern of a test is well formed");
    auto feed = InotifyFeed::create();
    SLUICE_CHECK(feed.ok(), "an inotify instance is free");
    feed_ = std::move(*feed);
    stand_ = std::make_unique<StewardStand>(std::move(*settings), disk_, *feed_, store_);
    stand_->start();
  }
  StewardStand& stand() { return *stand_; }

  void append(const std::string& name, const std::string& text) {
    std::ofstream(root_ + name, std::ios::app | std::ios::binary) << text;
  }
  LineList lines(const std::string& name) { return stand().lines[root_ + name]; }
  static size_t open_descriptors_below(const std::string& root) {
    size_t count = 0;
    for (const auto& entry : fs::directory_iterator("/proc/self/fd")) {
      std::error_code ignored;
      if (fs::read_symlink(entry, ignored).string().compare(0, root.size(), root) == 0) ++count;
    }
    return count;
  }

  std::string root_;
  SystemDisk disk_;
  MemoryStore store_;
  std::unique_ptr<InotifyFeed> feed_;
  std::unique_ptr<StewardStand> stand_;
};

TEST_F(StewardDiskTest, DSC_10_FollowsNewFilesInNewDirectories) {
  agent("/**/*.log");
  append("/a.log", "1\n");
  fs::create_directories(root_ + "/x/y");
  append("/x/y/b.log", "2\n");
  stand().run(50_ms);
  append("/x/y/b.log", "3\n");
  append("/x/y/c.log", "4\n");
  stand().run(50_ms);
  EXPECT_EQ(lines("/a.log"), LineList{"1\n"});
  EXPECT_EQ(lines("/x/y/b.log"), (LineList{"2\n", "3\n"}));
  EXPECT_EQ(lines("/x/y/c.log"), LineList{"4\n"});
}

TEST_F(StewardDiskTest, FollowsAFileThroughRenameAndCreate) {
  append("/a.log", "1\n");
  agent("/*.log");
  stand().run(50_ms);
  std::ofstream writer(root_ + "/a.log", std::ios::app | std::ios::binary);
  fs::rename(root_ + "/a.log", root_ + "/a.log.1");
  append("/a.log", "3\n");
  writer << "2\n" << std::flush;
  stand().run(20_s);
  writer << "4\n" << std::flush;
  stand().run(20_s);
  LineList all = lines("/a.log");
  std::sort(all.begin(), all.end());
  EXPECT_EQ(all, (LineList{"1\n", "2\n", "3\n", "4\n"}));
}

TEST_F(StewardDiskTest, FollowsCopyAndTruncate) {
  append("/a.log", "1\n2\n");
  agent("/*.log");
  stand().run(50_ms);
  fs::copy_file(root_ + "/a.log", root_ + "/a.log.1");
  fs::resize_file(root_ + "/a.log", 0);
  append("/a.log", "3\n4\n5\n");
  stand().run(50_ms);
  EXPECT_EQ(lines("/a.log"), (LineList{"1\n", "2\n", "3\n", "4\n", "5\n"}));
}

TEST_F(StewardDiskTest, DEL_3_ADeletedFileIsDeliveredAndItsSpaceGivenBack) {
  agent("/*.log");
  stand().answering = false;
  append("/a.log", "1\n2\n");
  stand().run(50_ms);
  fs::remove(root_ + "/a.log");
  stand().run(60_s);
  EXPECT_EQ(open_descriptors_below(root_), 1U);
  stand().answering = true;
  stand().run(10_s);
  EXPECT_EQ(lines("/a.log"), (LineList{"1\n", "2\n"}));
  EXPECT_EQ(open_descriptors_below(root_), 0U);
}

TEST_F(StewardDiskTest, DEL_4_ADirectoryThatIsRemovedAndMadeAgainIsFollowedAgain) {
  fs::create_directory(root_ + "/app");
  append("/app/a.log", "1\n");
  agent("/app/*.log");
  stand().run(50_ms);
  fs::remove_all(root_ + "/app");
  stand().run(50_ms);
  fs::create_directory(root_ + "/app");
  append("/app/a.log", "2\n");
  stand().run(50_ms);
  append("/app/a.log", "3\n");
  stand().run(50_ms);
  EXPECT_EQ(lines("/app/a.log"), (LineList{"1\n", "2\n", "3\n"}));
}

TEST_F(StewardDiskTest, DSC_12_LinksFifosAndHardLinksAreNoSecondCopies) {
  fs::create_directory(root_ + "/data");
  append("/data/0", "1\n");
  fs::create_symlink(root_ + "/data/0", root_ + "/a.log");
  fs::create_hard_link(root_ + "/data/0", root_ + "/b.log");
  ASSERT_EQ(mkfifo((root_ + "/c.log").c_str(), 0600), 0);
  agent("/*.log");
  stand().run(50_ms);
  EXPECT_EQ(stand().lines.size(), 1U);
  EXPECT_EQ(stand().metrics().skipped_files.get(), 1);
  append("/data/1", "2\n");
  fs::remove(root_ + "/b.log");
  fs::remove(root_ + "/a.log");
  fs::create_symlink(root_ + "/data/1", root_ + "/a.log");
  stand().run(50_ms);
  EXPECT_EQ(lines("/a.log").back(), "2\n");
}

TEST_F(StewardDiskTest, AnUnreadableFileIsReadWhenItCanBe) {
  if (geteuid() == 0) GTEST_SKIP() << "root reads everything";
  append("/a.log", "1\n");
  fs::permissions(root_ + "/a.log", fs::perms::none);
  agent("/*.log");
  stand().run(1_s);
  EXPECT_EQ(stand().metrics().skipped_files.get(), 1);
  fs::permissions(root_ + "/a.log", fs::perms::owner_all);
  stand().run(11_s);
  EXPECT_EQ(lines("/a.log"), LineList{"1\n"});
}

TEST_F(StewardDiskTest, ARestartGoesOnAndFindsWhatWasRotatedMeanwhile) {
  append("/a.log", "1\n");
  agent("/*.log");
  stand().run(3_s);
  stand().stop();
  append("/a.log", "2\n");
  fs::rename(root_ + "/a.log", root_ + "/a.log.1");
  append("/a.log", "3\n");
  stand().start();
  stand().run(1_s);
  LineList all = lines("/a.log");
  std::sort(all.begin(), all.end());
  EXPECT_EQ(all, (LineList{"1\n", "2\n", "3\n"}));
}

TEST_F(StewardDiskTest, MoreFilesThanDescriptorsAreTakenInTurns) {
  for (int i = 0; i < 2'000; ++i) {
    std::string name = "/";
    name += std::to_string(i);
    append(name += ".log", "1\n");
  }
  agent("/*.log");
  for (int i = 0; i < 300 && stand().lines.size() < 2'000; ++i) stand().run(100_ms);
  EXPECT_EQ(stand().lines.size(), 2'000U);
  EXPECT_LE(open_descriptors_below(root_), 100U);
}

}  // namespace
}  // namespace sluice
