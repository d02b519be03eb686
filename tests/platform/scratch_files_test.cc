// SPDX-License-Identifier: Apache-2.0
#include "platform/scratch_files.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <filesystem>

#include "platform/system_disk.h"
#include "scratch_directory.h"

namespace sluice {
namespace {

TEST(ScratchFiles, AreReadLikeLogFilesAndLeaveNothingBehind) {
  const ScratchDirectory directory;
  ScratchFiles scratch(directory.path());
  SystemDisk disk;
  const auto file = scratch.make();
  ASSERT_TRUE(file.ok()) << file.error().message();
  EXPECT_TRUE(std::filesystem::is_empty(directory.path())) << "no name";
  const std::string text = "behind a hole";
  ASSERT_TRUE(scratch.write_at(*file, FileOffset(1 << 20), std::as_bytes(std::span(text))).ok());
  std::array<std::byte, 64> room{};
  const auto read = disk.read_at(*file, FileOffset((1 << 20) + 7), room);
  ASSERT_TRUE(read.ok());
  EXPECT_EQ(std::string(reinterpret_cast<const char*>(room.data()), *read), "a hole");
  const auto stat = disk.stat(*file);
  ASSERT_TRUE(stat.ok());
  EXPECT_EQ(stat->links, 0U);
  EXPECT_EQ(stat->size.value, (1 << 20) + 13);
  disk.close(*file);
}

TEST(ScratchFiles, GiveRoomBackThatNobodyReadsAgain) {
  const ScratchDirectory directory;
  ScratchFiles scratch(directory.path());
  SystemDisk disk;
  const auto file = scratch.make();
  ASSERT_TRUE(file.ok());
  const std::vector<std::byte> text(1 << 20, std::byte{'x'});
  ASSERT_TRUE(scratch.write_at(*file, FileOffset(0), text).ok());
  const auto blocks = [&] {
    struct ::stat facts {};
    EXPECT_EQ(::fstat(file->value, &facts), 0);
    return facts.st_blocks;
  };
  const auto before = blocks();
  scratch.give_back(*file, FileOffset(4096), FileOffset(1 << 19));
  EXPECT_LE(blocks(), before / 2 + 16);
  EXPECT_EQ(disk.stat(*file)->size.value, 1 << 20) << "the size stays";
  scratch.give_back(*file, FileOffset(8192), FileOffset(4096));  // nothing
  disk.close(*file);
}

TEST(ScratchFiles, SayThatTheDirectoryIsGone) {
  ScratchFiles scratch("/proc/no/such/directory");
  const auto file = scratch.make();
  ASSERT_FALSE(file.ok());
  EXPECT_EQ(file.error().code, Errc::kNotFound);
}

}  // namespace
}  // namespace sluice
