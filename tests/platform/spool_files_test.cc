// SPDX-License-Identifier: Apache-2.0
#include "platform/spool_files.h"

#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <atomic>
#include <csignal>
#include <filesystem>

#include "platform/destination_file.h"
#include "scratch_directory.h"
#include "whole_file.h"

namespace {
std::atomic<int> g_syncs_that_fail{0};
}  // namespace

// In front of libc's: the disk of this process fails when a test says so.
extern "C" int fdatasync(int fd) {
  if (g_syncs_that_fail.load() > 0 && g_syncs_that_fail.fetch_sub(1) > 0) {
    errno = EIO;
    return -1;
  }
  return static_cast<int>(::syscall(SYS_fdatasync, fd));
}

namespace sluice {
namespace {

namespace fs = std::filesystem;

std::span<const std::byte> bytes_of(std::string_view text) {
  return std::as_bytes(std::span(text.data(), text.size()));
}

std::string text_of(SpoolFiles& files, uint32_t number) {
  std::vector<std::byte> bytes(4096);
  const auto got = files.read(number, 0, bytes);
  if (!got) return got.error().message();
  return {reinterpret_cast<const char*>(bytes.data()), *got};
}

mode_t mode_of(const std::string& path) {
  struct stat found {};
  EXPECT_EQ(::stat(path.c_str(), &found), 0) << path;
  return found.st_mode & 0777;
}

struct Stand {
  ScratchDirectory scratch;
  std::string directory = scratch.path("state/spool");
  SpoolFiles files{directory, "main"};
};

TEST(DestinationFile, NamesComeBackWhateverTheyHold) {
  for (const std::string name : {"main", "a b", "../x", "%41", "ä.b", "a.1"}) {
    const std::string file = destination_file_name(name, 17, 8, ".seg");
    EXPECT_EQ(file.find('/'), std::string::npos);
    EXPECT_EQ(destination_file_number(file, name, ".seg"), 17U) << file;
    EXPECT_EQ(destination_of_file(file, ".seg"), name) << file;
    EXPECT_EQ(destination_of_file(file + ".done", ".seg"), std::nullopt);
  }
}

TEST(SpoolFiles, WritesReadsAndListsPrivateFiles) {
  Stand stand;
  EXPECT_TRUE(stand.files.list()->empty()) << "there is no directory yet";
  EXPECT_FALSE(fs::exists(stand.directory));
  ASSERT_TRUE(stand.files.create(2, bytes_of("two-")).ok());
  ASSERT_TRUE(stand.files.append(2, 4, bytes_of("more")).ok());
  ASSERT_TRUE(stand.files.create(11, bytes_of("eleven")).ok());
  write_whole(stand.directory + "/other.00000003.seg", "not of this destination");
  const auto listed = stand.files.list();
  ASSERT_EQ(listed->size(), 2U);
  EXPECT_EQ((*listed)[0].number, 2U);
  EXPECT_EQ((*listed)[0].size, 8U);
  EXPECT_EQ((*listed)[1].number, 11U);
  EXPECT_EQ(text_of(stand.files, 2), "two-more");
  EXPECT_EQ(mode_of(stand.files.path_of(2)), 0600U);
  EXPECT_EQ(mode_of(stand.directory), 0700U);
}

TEST(SpoolFiles, NotesAreAppendedAndGoWithTheirSegment) {
  Stand stand;
  ASSERT_TRUE(stand.files.create(1, bytes_of("x")).ok());
  EXPECT_TRUE(stand.files.notes(1)->empty());
  ASSERT_TRUE(stand.files.note(1, bytes_of("ab"), false).ok());
  ASSERT_TRUE(stand.files.note(1, bytes_of("cd"), true).ok());
  EXPECT_EQ(stand.files.notes(1)->size(), 4U);
  EXPECT_EQ(stand.files.list()->size(), 1U);
  ASSERT_TRUE(stand.files.remove(1).ok());
  EXPECT_TRUE(fs::is_empty(stand.directory));
}

TEST(SpoolFiles, DSK_3_AFailedSyncFailsTheWriteAndTheFileIsNotWrittenAgain) {
  Stand stand;
  ASSERT_TRUE(stand.files.create(1, bytes_of("good")).ok());
  g_syncs_that_fail = 1;
  EXPECT_EQ(stand.files.append(1, 4, bytes_of("bad")).error().sys_errno, EIO);
  EXPECT_FALSE(stand.files.append(1, 4, bytes_of("bad")).ok()) << "a second sync would say yes";
  stand.files.cut(1, 4);
  EXPECT_EQ(text_of(stand.files, 1), "good");
  g_syncs_that_fail = 1;
  EXPECT_FALSE(stand.files.create(2, bytes_of("bad")).ok());
  ASSERT_TRUE(stand.files.remove(2).ok());
  EXPECT_EQ(stand.files.list()->size(), 1U);
}

TEST(SpoolFiles, DSK_1_AFullDiskIsAnErrorAndWhatWasThereStays) {
  Stand stand;
  ASSERT_TRUE(stand.files.create(1, bytes_of("good")).ok());
  // As a full disk does it: a part is written, then no more.
  const rlimit before = [] {
    rlimit limit{};
    ::getrlimit(RLIMIT_FSIZE, &limit);
    return limit;
  }();
  std::signal(SIGXFSZ, SIG_IGN);
  rlimit small = before;
  small.rlim_cur = 10;
  ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &small), 0);
  EXPECT_EQ(stand.files.append(1, 4, bytes_of(std::string(100, 'x'))).error().sys_errno, EFBIG);
  ::setrlimit(RLIMIT_FSIZE, &before);
  EXPECT_EQ(text_of(stand.files, 1).substr(0, 4), "good");
  EXPECT_EQ(text_of(stand.files, 1).size(), 10U);
  stand.files.cut(1, 4);
  EXPECT_EQ(text_of(stand.files, 1), "good");
}

TEST(SpoolFiles, DSK_6_ASegmentThatSomebodyRemovedTakesNoMore) {
  Stand stand;
  ASSERT_TRUE(stand.files.create(1, bytes_of("good")).ok());
  fs::remove(stand.files.path_of(1));
  EXPECT_EQ(stand.files.append(1, 4, bytes_of("more")).error().code, Errc::kNotFound);
  std::vector<std::byte> into(10);
  EXPECT_EQ(stand.files.read(1, 0, into).error().code, Errc::kNotFound);
}

TEST(SpoolFiles, WhatIsSetAsideStaysForAPersonAndIsNotListed) {
  Stand stand;
  ASSERT_TRUE(stand.files.create(1, bytes_of("odd")).ok());
  ASSERT_TRUE(stand.files.set_aside(1).ok());
  EXPECT_TRUE(stand.files.list()->empty());
  EXPECT_EQ(read_whole(stand.files.path_of(1) + ".damaged"), "odd");
}

}  // namespace
}  // namespace sluice
