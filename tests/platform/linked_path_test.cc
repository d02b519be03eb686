// SPDX-License-Identifier: Apache-2.0
#include "platform/linked_path.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <filesystem>
#include <fstream>
#include <thread>

#include "scratch_directory.h"

namespace sluice {
namespace {

namespace fs = std::filesystem;

constexpr int kFlags = O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK | O_NOATIME;
constexpr uid_t kAlice = 54321;
constexpr uid_t kBob = 54322;

// Links of several owners need root.
class LinkedPath : public testing::Test {
 protected:
  void SetUp() override {
    if (::geteuid() != 0) GTEST_SKIP() << "only root can make files of several owners";
    root_ = fs::canonical(scratch_.path()).string();
    fs::create_directories(root_ + "/alice/sub");
    fs::create_directories(root_ + "/secrets");
    own("alice", kAlice);
    own("alice/sub", kAlice);
    write("secrets/key", "the secret", 0);
    write("alice/own.log", "alice's", kAlice);
    write("alice/sub/deep.log", "deep", kAlice);
    write("bob.log", "bob's", kBob);
  }

  std::string at(const std::string& name) const { return root_ + "/" + name; }
  void own(const std::string& name, uid_t owner) const {
    ASSERT_EQ(::lchown(at(name).c_str(), owner, owner), 0);
  }
  void write(const std::string& name, const std::string& text, uid_t owner) const {
    std::ofstream(at(name)) << text;
    own(name, owner);
  }
  void link(const std::string& target, const std::string& name, uid_t owner) const {
    fs::create_symlink(target, at(name));
    own(name, owner);
  }
  // What is read through the path; or why it is not.
  std::string read(const std::string& name, FollowLinks follow = FollowLinks::kTrusted) const {
    const Result<int> fd = open_linked(at(name), kFlags, follow);
    if (!fd) return fd.error().code == Errc::kDenied ? "denied" : fd.error().message();
    std::array<char, 64> text{};
    const ssize_t got = ::read(*fd, text.data(), text.size());
    ::close(*fd);
    return got < 0 ? "unreadable" : std::string(text.data(), static_cast<size_t>(got));
  }

  ScratchDirectory scratch_;
  std::string root_;
};

TEST_F(LinkedPath, OpensWhatHasNoLinks) {
  EXPECT_EQ(read("secrets/key"), "the secret");
  EXPECT_EQ(read("secrets/key", FollowLinks::kNone), "the secret");
  EXPECT_EQ(read("secrets/none"), "open: No such file or directory");
}

TEST_F(LinkedPath, SEC_1_ShowsNobodyMoreThanWhatIsHis) {
  link(at("secrets/key"), "alice/x.log", kAlice);
  link("../secrets/key", "alice/relative.log", kAlice);
  link(at("bob.log"), "alice/bob.log", kAlice);
  link(at("secrets"), "alice/directory", kAlice);
  link("x.log", "alice/twice.log", kAlice);
  link("/proc/self/root" + at("secrets/key"), "alice/proc.log", kAlice);
  for (const char* name : {"alice/x.log", "alice/relative.log", "alice/bob.log",
                           "alice/directory/key", "alice/twice.log", "alice/proc.log"}) {
    EXPECT_EQ(read(name), "denied") << name;
    EXPECT_NE(read(name, FollowLinks::kAll), "denied") << name;
  }
}

TEST_F(LinkedPath, SEC_1_ATrustedLinkOnTheWayHidesNoUntrustedOne) {
  link(at("secrets/key"), "alice/x.log", kAlice);
  link("alice/x.log", "roots.log", 0);           // root's link to alice's link
  link(at("roots.log"), "alice/y.log", kAlice);  // alice's link to root's link
  link(at("bob.log"), "to-bob.log", 0);
  link(at("to-bob.log"), "alice/z.log", kAlice);
  EXPECT_EQ(read("roots.log"), "denied");
  EXPECT_EQ(read("alice/y.log"), "denied");
  EXPECT_EQ(read("to-bob.log"), "bob's");
  EXPECT_EQ(read("alice/z.log"), "denied");
}

TEST_F(LinkedPath, FollowsLinksOfRootAndOfWhoOwnsWhatTheyLeadTo) {
  link(at("secrets/key"), "roots.log", 0);
  link("own.log", "alice/current.log", kAlice);
  link("sub", "alice/latest", kAlice);
  link(at("alice/sub"), "pods", 0);
  EXPECT_EQ(read("roots.log"), "the secret");
  EXPECT_EQ(read("alice/current.log"), "alice's");
  EXPECT_EQ(read("alice/latest/deep.log"), "deep");
  EXPECT_EQ(read("alice/latest/../own.log"), "alice's");
  EXPECT_EQ(read("pods/deep.log"), "deep");
  EXPECT_EQ(read("roots.log", FollowLinks::kNone), "denied");
  EXPECT_EQ(read("alice/latest/deep.log", FollowLinks::kNone), "denied");
}

TEST_F(LinkedPath, SaysWhatIsWrongWithALink) {
  link("loop", "loop", 0);
  link("nowhere", "dead", kAlice);
  EXPECT_NE(read("loop").find("symbolic links"), std::string::npos) << read("loop");
  EXPECT_EQ(read("dead"), "open: No such file or directory");
}

// A file and its directory are exchanged for links and back while they are opened.
TEST_F(LinkedPath, SEC_2_WhatIsExchangedUnderTheWalkNeverShowsTheSecret) {
  link(at("secrets/key"), "alice/evil", kAlice);
  link(at("secrets"), "alice/evil-directory", kAlice);
  write("alice/sub/key", "harmless", kAlice);
  write("alice/key", "harmless", kAlice);
  std::atomic<bool> stop{false};
  std::thread swapper([&] {
    while (!stop) {
      ::renameat2(AT_FDCWD, at("alice/key").c_str(), AT_FDCWD, at("alice/evil").c_str(),
                  RENAME_EXCHANGE);
      ::renameat2(AT_FDCWD, at("alice/sub").c_str(), AT_FDCWD, at("alice/evil-directory").c_str(),
                  RENAME_EXCHANGE);
    }
  });
  int harmless = 0;
  int denied = 0;
  for (int i = 0; i < 20'000; ++i) {
    for (const char* name : {"alice/key", "alice/sub/key"}) {
      const std::string text = read(name);
      ASSERT_NE(text, "the secret");
      harmless += text == "harmless" ? 1 : 0;
      denied += text == "denied" ? 1 : 0;
    }
  }
  stop = true;
  swapper.join();
  EXPECT_GT(harmless, 0);
  EXPECT_GT(denied, 0);
}

}  // namespace
}  // namespace sluice
