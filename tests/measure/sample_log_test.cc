// SPDX-License-Identifier: Apache-2.0
#include "measure/sample_log.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <filesystem>
#include <fstream>
#include <sstream>

#include "measure/private_directory.h"

namespace sluice {
namespace {

std::string text_of(const std::string& path) {
  std::ostringstream text;
  text << std::ifstream(path).rdbuf();
  return text.str();
}

class SampleLogTest : public testing::Test {
 protected:
  std::variant<SampleLog, std::string> sample(const std::string& text, uint64_t bytes,
                                              uint32_t files = 1) {
    std::ofstream(directory_.path() + "/own.log") << text;
    return write_sample_log(
        {directory_.path() + "/own.log", LineShape::kNginx, bytes, files, directory_.path()});
  }
  PrivateDirectory directory_{testing::TempDir()};
};

TEST_F(SampleLogTest, GeneratedLogsHaveTheWantedSizeAndEndWithALine) {
  const auto made = write_sample_log({"", LineShape::kJson, 5 << 20, 3, directory_.path()});
  const auto& log = std::get<SampleLog>(made);
  ASSERT_EQ(log.paths.size(), 3U);
  uint64_t sum = 0;
  for (const std::string& path : log.paths) {
    const std::string text = text_of(path);
    EXPECT_TRUE(text.ends_with("\n"));
    EXPECT_GT(text.size(), 0U);
    sum += text.size();
  }
  EXPECT_EQ(sum, log.bytes);
  EXPECT_GE(sum, 5U << 20);
  EXPECT_LT(sum, 9U << 20);
  EXPECT_GT(log.line_bytes, 50);
  EXPECT_EQ(log.what, "generated json lines");
  EXPECT_EQ(log.warning, "");
}

TEST_F(SampleLogTest, OwnLinesAreRepeatedWholeAndTheRestOfALineIsLeftOut) {
  const auto made = sample("one\ntwo\nthr", 1000);
  const auto& log = std::get<SampleLog>(made);
  const std::string text = text_of(log.paths.front());
  EXPECT_GE(text.size(), 1000U);
  EXPECT_EQ(text.size() % 8, 0U);
  EXPECT_TRUE(text.starts_with("one\ntwo\none\ntwo\n"));
  EXPECT_EQ(text.find("thr"), std::string::npos);
  EXPECT_DOUBLE_EQ(log.line_bytes, 4);
  EXPECT_NE(log.warning.find("repeated"), std::string::npos);
}

TEST_F(SampleLogTest, ALineLongerThanAPieceStaysWhole) {
  const std::string line = std::string(3 << 20, 'x') + "\n";
  const auto made = sample("a\n" + line + "b\n", 8 << 20);
  const std::string text = text_of(std::get<SampleLog>(made).paths.front());
  EXPECT_TRUE(text.starts_with("a\n" + line + "b\na\n"));
}

TEST_F(SampleLogTest, WhatIsNoLogIsRefusedWithASentence) {
  EXPECT_NE(std::get<std::string>(sample("no line", 100)).find("no whole line"), std::string::npos);
  EXPECT_NE(std::get<std::string>(sample(std::string("a\0b\n", 4), 100)).find("compressed"),
            std::string::npos);
  const auto missing = write_sample_log({"/not/there", LineShape::kNginx, 1, 1, directory_.path()});
  EXPECT_NE(std::get<std::string>(missing).find("cannot read '/not/there'"), std::string::npos);
}

TEST_F(SampleLogTest, MoreThanThereIsRoomForIsRefused) {
  const auto made =
      write_sample_log({"", LineShape::kNginx, uint64_t{1} << 60, 1, directory_.path()});
  EXPECT_NE(std::get<std::string>(made).find("TMPDIR"), std::string::npos);
}

TEST(PrivateDirectoryTest, IsSeenByNobodyElseAndGoneAfterwards) {
  std::string path;
  {
    const PrivateDirectory directory(testing::TempDir());
    path = directory.path();
    struct stat found {};
    ASSERT_EQ(::stat(path.c_str(), &found), 0);
    EXPECT_EQ(found.st_mode & 0777U, 0700U);
    std::filesystem::create_directories(path + "/a/b");
  }
  EXPECT_FALSE(std::filesystem::exists(path));
  EXPECT_EQ(PrivateDirectory("/not/there").path(), "");
}

}  // namespace
}  // namespace sluice
