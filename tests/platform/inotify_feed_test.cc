// SPDX-License-Identifier: Apache-2.0
#include "platform/inotify_feed.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <filesystem>
#include <fstream>
#include <string>
#include <tuple>

#include "scratch_directory.h"

namespace sluice {
namespace {

class InotifyFeedTest : public testing::Test {
 protected:
  void SetUp() override {
    auto feed = InotifyFeed::create();
    ASSERT_TRUE(feed.ok()) << feed.error().message();
    feed_ = std::move(feed).value();
    ASSERT_TRUE(feed_->watch(scratch_.path()).ok());
  }

  // "name" and a mark: + written to, * made, < left, > came, ! deleted, nothing: something else.
  // inotify reports before the call that caused it returns, so there is nothing to wait for.
  std::vector<std::string> steps(const std::string& of = "") {
    found_.clear();
    EXPECT_FALSE(feed_->poll(found_));
    std::vector<std::string> names;
    for (const DirectoryChange& each : found_) {
      static constexpr std::array marks = {"", "*", "<", ">", "!"};
      const char* mark = each.content ? "+" : marks[static_cast<size_t>(each.step)];
      if (of.empty() || each.directory == of) names.push_back(each.name + mark);
    }
    return names;
  }
  std::vector<std::string> changes(const std::string& of = "") {
    auto names = steps(of);
    std::sort(names.begin(), names.end());
    return names;
  }

  using Names = std::vector<std::string>;
  ScratchDirectory scratch_;
  std::unique_ptr<InotifyFeed> feed_;
  std::vector<DirectoryChange> found_;  // by the last poll
};

TEST_F(InotifyFeedTest, NothingHappenedIsNoChange) {
  EXPECT_EQ(changes(), Names{});
}

TEST_F(InotifyFeedTest, TellsCreationAndContentApart) {
  scratch_.append("log", "x");
  EXPECT_EQ(changes(), (Names{"log*", "log+"}));
  scratch_.append("log", "y");
  EXPECT_EQ(changes(), Names{"log+"});
}

TEST_F(InotifyFeedTest, DSC_7_TellsEveryStepOfANameInTheOrderInWhichItWasTaken) {
  const auto path = [&](const char* name) { return scratch_.path(name); };
  for (int i = 0; i < 2; ++i) {
    scratch_.append("log", "x");
    std::filesystem::rename(path("log"), path("log.1"));
  }
  ASSERT_EQ(::unlink(path("log.1").c_str()), 0);
  EXPECT_EQ(steps(), (Names{"log*", "log+", "log<", "log.1>", "log*", "log<", "log.1>", "log.1!"}));
  ASSERT_EQ(found_.size(), 8U);
  EXPECT_EQ(found_[2].rename, found_[3].rename);
  EXPECT_EQ(found_[5].rename, found_[6].rename);
  EXPECT_NE(found_[2].rename, found_[5].rename);
  EXPECT_NE(found_[2].rename, 0U);
  std::filesystem::create_directory(path("log"));
  EXPECT_EQ(steps(), Names{"log"}) << "a directory is no file on its way";
}

TEST_F(InotifyFeedTest, AThousandWritesAreOneChange) {
  for (int i = 0; i < 1000; ++i) scratch_.append(i % 2 == 0 ? "a" : "b", "x");
  EXPECT_EQ(changes(), (Names{"a*", "a+", "b*", "b+"}));
  EXPECT_EQ(changes(), Names{});
}

TEST_F(InotifyFeedTest, ARenameTellsBothNames) {
  scratch_.append("log", "x");
  (void)changes();
  std::filesystem::rename(scratch_.path("log"), scratch_.path("log.1"));
  EXPECT_EQ(changes(), (Names{"log.1>", "log<"}));
  ::unlink(scratch_.path("log.1").c_str());
  EXPECT_EQ(changes(), Names{"log.1!"});
}

TEST_F(InotifyFeedTest, ATruncationIsAChangeOfContent) {
  scratch_.append("log", "x");
  (void)changes();
  std::filesystem::resize_file(scratch_.path("log"), 0);
  EXPECT_EQ(changes(), Names{"log+"});
}

TEST_F(InotifyFeedTest, WritesToAnUnlinkedFileAreStillTold) {
  const std::string path = scratch_.append("log", "x");
  const int fd = ::open(path.c_str(), O_WRONLY | O_APPEND | O_CLOEXEC);
  ::unlink(path.c_str());
  (void)changes();
  ASSERT_EQ(::write(fd, "y", 1), 1);
  EXPECT_EQ(changes(), Names{"log+"});
  ::close(fd);
}

TEST_F(InotifyFeedTest, ItsDescriptorIsReadableWhenThereIsSomething) {
  pollfd descriptor{feed_->fd(), POLLIN, 0};
  EXPECT_EQ(::poll(&descriptor, 1, 0), 0);
  scratch_.append("log", "x");
  EXPECT_EQ(::poll(&descriptor, 1, 0), 1);
  (void)changes();
  EXPECT_EQ(::poll(&descriptor, 1, 0), 0);
}

TEST_F(InotifyFeedTest, WatchingTwiceTellsOnce) {
  ASSERT_TRUE(feed_->watch(scratch_.path()).ok());
  scratch_.append("log", "x");
  EXPECT_EQ(changes(), (Names{"log*", "log+"}));
}

TEST_F(InotifyFeedTest, AnUnwatchedDirectoryIsSilentAtOnce) {
  scratch_.append("log", "x");
  feed_->unwatch(scratch_.path());
  feed_->unwatch(scratch_.path());
  EXPECT_EQ(changes(), Names{});
  scratch_.append("log", "x");
  EXPECT_EQ(changes(), Names{});
  ASSERT_TRUE(feed_->watch(scratch_.path()).ok());
  scratch_.append("log", "x");
  EXPECT_EQ(changes(), Names{"log+"});
}

TEST_F(InotifyFeedTest, OnlyExistingDirectoriesCanBeWatched) {
  EXPECT_EQ(feed_->watch(scratch_.path("gone")).error().code, Errc::kNotFound);
  EXPECT_EQ(feed_->watch(scratch_.append("file", "x")).error().sys_errno, ENOTDIR);
}

TEST_F(InotifyFeedTest, TwoNamesOfOneDirectoryAreBothTold) {
  const std::string real = scratch_.path("real");
  const std::string link = scratch_.path("link");
  std::filesystem::create_directory(real);
  std::filesystem::create_symlink(real, link);
  ASSERT_TRUE(feed_->watch(real).ok());
  ASSERT_TRUE(feed_->watch(link).ok());
  scratch_.append("real/log", "x");
  std::vector<DirectoryChange> found;
  EXPECT_FALSE(feed_->poll(found));
  const auto told = [&](const std::string& directory) {
    return std::count_if(found.begin(), found.end(), [&](const DirectoryChange& each) {
      return each.directory == directory && each.name == "log";
    });
  };
  EXPECT_EQ(told(real), 2);
  EXPECT_EQ(told(link), 2);
  feed_->unwatch(real);
  scratch_.append("real/log", "x");
  EXPECT_EQ(changes(link), Names{"log+"});
  EXPECT_EQ(changes(real), Names{});
}

TEST_F(InotifyFeedTest, ADirectoryThatIsDeletedTellsItselfAndCanBeWatchedAgain) {
  const std::string sub = scratch_.path("sub");
  std::filesystem::create_directory(sub);
  ASSERT_TRUE(feed_->watch(sub).ok());
  std::filesystem::remove(sub);
  EXPECT_EQ(changes(sub), Names{""});
  std::filesystem::create_directory(sub);
  ASSERT_TRUE(feed_->watch(sub).ok());
  scratch_.append("sub/log", "x");
  EXPECT_EQ(changes(sub), (Names{"log*", "log+"}));
}

TEST_F(InotifyFeedTest, ADirectoryThatIsMovedAwayIsNotFollowed) {
  const std::string sub = scratch_.path("sub");
  std::filesystem::create_directory(sub);
  ASSERT_TRUE(feed_->watch(sub).ok());
  std::filesystem::rename(sub, scratch_.path("elsewhere"));
  EXPECT_EQ(changes(sub), Names{""});
  scratch_.append("elsewhere/log", "x");
  EXPECT_EQ(changes(sub), Names{});
  std::filesystem::create_directory(sub);
  ASSERT_TRUE(feed_->watch(sub).ok());
  scratch_.append("sub/log", "x");
  EXPECT_EQ(changes(sub), (Names{"log*", "log+"}));
}

TEST_F(InotifyFeedTest, ANameThatRefersToANewDirectoryIsWatchedThere) {
  const std::string sub = scratch_.path("sub");
  std::filesystem::create_directory(sub);
  ASSERT_TRUE(feed_->watch(sub).ok());
  std::filesystem::rename(sub, scratch_.path("elsewhere"));
  std::filesystem::create_directory(sub);
  ASSERT_TRUE(feed_->watch(sub).ok());  // before the move was polled
  scratch_.append("sub/log", "x");
  scratch_.append("elsewhere/other", "x");
  const Names names = changes(sub);
  EXPECT_EQ(std::count(names.begin(), names.end(), "log+"), 1);
  EXPECT_EQ(std::count(names.begin(), names.end(), "other+"), 0);
}

TEST_F(InotifyFeedTest, DSC_8_LostEventsAreAdmitted) {
  int limit = 0;
  std::ifstream("/proc/sys/fs/inotify/max_queued_events") >> limit;
  if (limit <= 0 || limit > 100'000) GTEST_SKIP() << "the queue is too long to fill";
  // Pairs of different events: the kernel merges equal neighbours.
  const std::string a = scratch_.append("a", "");
  const std::string b = scratch_.append("b", "");
  const int first = ::open(a.c_str(), O_WRONLY | O_CLOEXEC);
  const int second = ::open(b.c_str(), O_WRONLY | O_CLOEXEC);
  for (int i = 0; i < limit; ++i) {
    ASSERT_EQ(::pwrite(first, "x", 1, 0), 1);
    ASSERT_EQ(::pwrite(second, "x", 1, 0), 1);
  }
  bool lost = false;
  std::vector<DirectoryChange> found;
  for (int i = 0; i < 100 && !lost; ++i) lost = feed_->poll(found);
  EXPECT_TRUE(lost);
  ::close(first);
  ::close(second);
}

}  // namespace
}  // namespace sluice
