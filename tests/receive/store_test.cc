// SPDX-License-Identifier: Apache-2.0
// store_test.cc — files per host and path, and the keys that outlive a restart.
#include <gtest/gtest.h>
#include <sys/resource.h>

#include <csignal>

#include "receive/file_store.h"
#include "receive/key_log.h"
#include "receive/key_window.h"
#include "temporary_directory.h"

namespace sluice {
namespace {

Record record(std::string_view path, std::string_view line) {
  return Record{"2026-11-22T17:00:00Z", "h", path, line};
}

TEST(SafeFileName, KeepsPlainNamesAndNeverEscapes) {
  EXPECT_EQ(safe_file_name("/var/log/a.log"), "~var~log~a.log");
  EXPECT_EQ(safe_file_name("a~b"), "a%7Eb");
  EXPECT_EQ(safe_file_name(".."), "%2E.");
  EXPECT_EQ(safe_file_name("."), "%2E");
  EXPECT_EQ(safe_file_name(""), "%");
  EXPECT_EQ(safe_file_name(std::string_view("a\0b\n", 4)), "a%00b%0A");
}

TEST(SafeFileName, LongNamesStayDifferentAndFitAFileSystem) {
  const std::string one(300, 'a'), two = std::string(299, 'a') + "b";
  EXPECT_NE(safe_file_name(one), safe_file_name(two));
  EXPECT_LE(safe_file_name(one).size(), 255u);
  EXPECT_LE(safe_file_name(std::string(300, '\xff')).size(), 255u);
}

TEST(FileStore, KeepsTheOrderOfEachFile) {
  const TemporaryDirectory directory;
  FileStore store(directory / "deep/out", true);
  ASSERT_TRUE(store.open().ok());
  const Record records[] = {record("/a", "1"), record("/b", "2"), record("/a", ""),
                            record("/a", "3")};
  ASSERT_TRUE(store.append(records).ok());
  ASSERT_TRUE(store.append(records).ok());
  ASSERT_TRUE(store.sync().ok());
  EXPECT_EQ(file_content(directory / "deep/out/h/~a"), "1\n\n3\n1\n\n3\n");
  EXPECT_EQ(file_content(directory / "deep/out/h/~b"), "2\n2\n");
}

TEST(FileStore, CutsTheTornLineThatAKilledReceiverLeft) {
  const TemporaryDirectory directory;
  std::filesystem::create_directories(directory / "h");
  write_file(directory / "h/~a", "whole\n" + std::string(10'000, 't'));
  write_file(directory / "h/~b", std::string(10'000, 't'));
  FileStore store(directory.path(), false);
  const Record records[] = {record("/a", "next"), record("/b", "first")};
  ASSERT_TRUE(store.append(records).ok());
  EXPECT_EQ(file_content(directory / "h/~a"), "whole\nnext\n");
  EXPECT_EQ(file_content(directory / "h/~b"), "first\n");
}

TEST(FileStore, AWriteThatFailsHalfWayIsTakenBackFromEveryFile) {
  const TemporaryDirectory directory;
  FileStore store(directory.path(), false);
  const Record kept[] = {record("/a", "kept"), record("/b", "kept")};
  ASSERT_TRUE(store.append(kept).ok());
  // The file size limit of the process stands in for a full disk: the second write stops half way.
  rlimit before{};
  ::getrlimit(RLIMIT_FSIZE, &before);
  const rlimit small{4096, before.rlim_max};
  ::signal(SIGXFSZ, SIG_IGN);
  ::setrlimit(RLIMIT_FSIZE, &small);
  const std::string large(10'000, 'x');
  const Record refused[] = {record("/a", "gone"), record("/b", large)};
  const Result<void> outcome = store.append(refused);
  ::setrlimit(RLIMIT_FSIZE, &before);
  ASSERT_FALSE(outcome.ok());
  EXPECT_EQ(outcome.error().sys_errno, EFBIG);
  EXPECT_EQ(file_content(directory / "h/~a"), "kept\n");
  EXPECT_EQ(file_content(directory / "h/~b"), "kept\n");
  ASSERT_TRUE(store.append(kept).ok());
  EXPECT_EQ(file_content(directory / "h/~b"), "kept\nkept\n");
}

TEST(FileStore, ServesMoreFilesThanItKeepsOpen) {
  const TemporaryDirectory directory;
  FileStore store(directory.path(), false);
  std::vector<std::string> paths;
  for (int i = 0; i < 700; ++i) paths.push_back("/f" + std::to_string(i));
  for (int round = 0; round < 2; ++round) {
    for (const std::string& path : paths) {
      const Record one[] = {record(path, "x")};
      ASSERT_TRUE(store.append(one).ok());
    }
  }
  for (const std::string& path : paths) {
    ASSERT_EQ(file_content(directory / ("h/" + safe_file_name(path))), "x\nx\n");
  }
}

TEST(KeyWindow, ForgetsTheOldestFirst) {
  KeyWindow window(2);
  window.insert(hash_key("a"));
  window.insert(hash_key("b"));
  window.insert(hash_key("b"));
  EXPECT_TRUE(window.contains(hash_key("a")));
  window.insert(hash_key("c"));
  EXPECT_FALSE(window.contains(hash_key("a")));
  EXPECT_TRUE(window.contains(hash_key("b")));
  window.remove(hash_key("b"));
  EXPECT_FALSE(window.contains(hash_key("b")));
  EXPECT_EQ(window.size(), 1u);
  EXPECT_EQ(window.oldest_first().size(), 1u);
}

TEST(KeyLog, RemembersAcrossRestartsAndCutsATornRecord) {
  const TemporaryDirectory directory;
  const std::string path = directory / "keys";
  {
    KeyWindow window(100);
    KeyLog log(path);
    ASSERT_TRUE(log.open(&window).ok());
    for (const char* key : {"a", "b"}) {
      window.insert(hash_key(key));
      ASSERT_TRUE(log.append(hash_key(key), window).ok());
    }
    ASSERT_TRUE(log.sync().ok());
  }
  write_file(path, file_content(path) + "torn");
  KeyWindow window(100);
  KeyLog log(path);
  ASSERT_TRUE(log.open(&window).ok());
  EXPECT_TRUE(window.contains(hash_key("a")));
  EXPECT_TRUE(window.contains(hash_key("b")));
  window.insert(hash_key("c"));
  ASSERT_TRUE(log.append(hash_key("c"), window).ok());
  EXPECT_EQ(file_content(path).size(), 16u + 3 * 16);
}

TEST(KeyLog, StaysSmallAndKeepsTheWindow) {
  const TemporaryDirectory directory;
  const std::string path = directory / "keys";
  KeyWindow window(10);
  KeyLog log(path);
  ASSERT_TRUE(log.open(&window).ok());
  for (int i = 0; i < 10'000; ++i) {
    const KeyHash key = hash_key(std::to_string(i));
    window.insert(key);
    ASSERT_TRUE(log.append(key, window).ok());
  }
  EXPECT_LE(file_content(path).size(), 16u + 4096 * 16);
  KeyWindow again(10);
  KeyLog reopened(path);
  ASSERT_TRUE(reopened.open(&again).ok());
  EXPECT_TRUE(again.contains(hash_key("9999")));
  EXPECT_FALSE(again.contains(hash_key("9989")));
}

TEST(KeyLog, RefusesAFileThatIsNotItsOwn) {
  const TemporaryDirectory directory;
  write_file(directory / "keys", "something else entirely");
  KeyWindow window(10);
  KeyLog log(directory / "keys");
  EXPECT_FALSE(log.open(&window).ok());
  EXPECT_EQ(file_content(directory / "keys"), "something else entirely");
}

}  // namespace
}  // namespace sluice
