// SPDX-License-Identifier: Apache-2.0
#include "platform/system_disk.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <filesystem>
#include <map>

#include "scratch_directory.h"

namespace sluice {
namespace {

class SystemDiskTest : public testing::Test {
 protected:
  FileHandle open(const std::string& path) {
    auto file = disk_.open(path);
    EXPECT_TRUE(file.ok()) << file.error().message();
    return file ? *file : FileHandle{};
  }
  ScratchDirectory scratch_;
  SystemDisk disk_;
};

TEST_F(SystemDiskTest, ListsNamesWithTheirKinds) {
  scratch_.append("a.log", "x");
  scratch_.append(".hidden", "x");
  scratch_.append("with\nnewline\xff", "x");
  std::filesystem::create_directory(scratch_.path("sub"));
  std::filesystem::create_symlink("a.log", scratch_.path("link"));
  ASSERT_EQ(::mkfifo(scratch_.path("fifo").c_str(), 0600), 0);
  std::vector<DirectoryEntry> entries = {{"left over", FileKind::kOther}};
  ASSERT_TRUE(disk_.list(scratch_.path(), entries).ok());
  std::map<std::string, FileKind> found;
  for (const DirectoryEntry& entry : entries) found[entry.name] = entry.kind;
  const std::map<std::string, FileKind> expected = {{"a.log", FileKind::kRegular},
                                                    {".hidden", FileKind::kRegular},
                                                    {"with\nnewline\xff", FileKind::kRegular},
                                                    {"sub", FileKind::kDirectory},
                                                    {"link", FileKind::kSymlink},
                                                    {"fifo", FileKind::kOther}};
  EXPECT_EQ(found, expected);
  EXPECT_EQ(entries.size(), expected.size());
}

TEST_F(SystemDiskTest, AListOfWhatIsNoDirectoryFails) {
  std::vector<DirectoryEntry> entries;
  EXPECT_EQ(disk_.list(scratch_.path("gone"), entries).error().code, Errc::kNotFound);
  EXPECT_EQ(disk_.list(scratch_.append("file", "x"), entries).error().sys_errno, ENOTDIR);
}

TEST_F(SystemDiskTest, StatOfANameAndOfItsHandleAgree) {
  const std::string path = scratch_.append("log", "12345");
  const FileHandle file = open(path);
  const FileStat by_name = disk_.stat(path).value();
  const FileStat by_handle = disk_.stat(file).value();
  EXPECT_EQ(by_name.kind, FileKind::kRegular);
  EXPECT_EQ(by_name.size, Bytes(5));
  EXPECT_EQ(by_name.links, 1U);
  EXPECT_EQ(by_name.inode, by_handle.inode);
  EXPECT_EQ(by_name.device, by_handle.device);
  EXPECT_EQ(by_name.birth_ns, by_handle.birth_ns);
  struct ::stat found {};
  ASSERT_EQ(::stat(path.c_str(), &found), 0);
  EXPECT_EQ(by_name.inode, found.st_ino);
  EXPECT_EQ(by_name.device, found.st_dev);
  const auto now = std::chrono::duration_cast<std::chrono::nanoseconds>(
                       std::chrono::system_clock::now().time_since_epoch())
                       .count();
  EXPECT_NEAR(static_cast<double>(by_name.modified.value), static_cast<double>(now), 60e9);
  disk_.close(file);
}

TEST_F(SystemDiskTest, AFileMadeUnderTheSameNameWasBornLater) {
  const std::string path = scratch_.append("log", "x");
  const FileStat first = disk_.stat(path).value();
  if (first.birth_ns == 0) GTEST_SKIP() << "this file system does not know births";
  const FileHandle held = open(path);  // so that the inode is not used again
  ::unlink(path.c_str());
  FileStat second;
  do {
    ::unlink(path.c_str());
    scratch_.append("log", "x");
    second = disk_.stat(path).value();
  } while (second.birth_ns == first.birth_ns);  // the clock of the file system ticks in ms
  EXPECT_GT(second.birth_ns, first.birth_ns);
  EXPECT_NE(second.inode, first.inode);
  EXPECT_EQ(disk_.stat(held).value().links, 0U);
  disk_.close(held);
}

TEST_F(SystemDiskTest, StatFollowsLinksAndTellsWhatIsMissing) {
  scratch_.append("log", "123");
  std::filesystem::create_symlink(scratch_.path("log"), scratch_.path("link"));
  std::filesystem::create_symlink("nowhere", scratch_.path("broken"));
  EXPECT_EQ(disk_.stat(scratch_.path("link")).value().kind, FileKind::kRegular);
  EXPECT_EQ(disk_.stat(scratch_.path("broken")).error().code, Errc::kNotFound);
  EXPECT_EQ(disk_.resolve(scratch_.path("link")).value(),
            std::filesystem::canonical(scratch_.path("log")).string());
  EXPECT_EQ(disk_.resolve(scratch_.path("broken")).error().code, Errc::kNotFound);
}

TEST_F(SystemDiskTest, ReadsWhatThereIs) {
  const FileHandle file = open(scratch_.append("log", "hello world"));
  std::array<std::byte, 64> into{};
  EXPECT_EQ(disk_.read_at(file, FileOffset(6), into).value(), 5U);
  EXPECT_EQ(std::string_view(reinterpret_cast<const char*>(into.data()), 5), "world");
  EXPECT_EQ(disk_.read_at(file, FileOffset(11), into).value(), 0U);
  disk_.close(file);
}

TEST_F(SystemDiskTest, AnOpenRegularFileIsReadOnlyBlockingAndClosedOnExec) {
  const FileHandle file = open(scratch_.append("log", "x"));
  const int flags = ::fcntl(file.value, F_GETFL);
  EXPECT_EQ(flags & O_ACCMODE, O_RDONLY);
  EXPECT_EQ(flags & O_NONBLOCK, 0);
  EXPECT_NE(::fcntl(file.value, F_GETFD) & FD_CLOEXEC, 0);
  disk_.close(file);
  EXPECT_EQ(::fcntl(file.value, F_GETFD), -1);
}

TEST_F(SystemDiskTest, ReadingDoesNotChangeTheAccessTimeOfAnOwnFile) {
  const std::string path = scratch_.append("log", "x");
  const std::array<timespec, 2> old = {timespec{1000, 0}, timespec{2000, 0}};
  ASSERT_EQ(::utimensat(AT_FDCWD, path.c_str(), old.data(), 0), 0);
  const FileHandle file = open(path);
  std::array<std::byte, 8> into{};
  EXPECT_EQ(disk_.read_at(file, FileOffset(0), into).value(), 1U);
  disk_.close(file);
  struct ::stat found {};
  ASSERT_EQ(::stat(path.c_str(), &found), 0);
  EXPECT_EQ(found.st_atim.tv_sec, 1000);
}

TEST_F(SystemDiskTest, OpensAFileOfSomebodyElse) {
  if (::geteuid() != 0) GTEST_SKIP() << "only root can become somebody else";
  const std::string path = scratch_.append("log", "x");
  ::chmod(scratch_.path().c_str(), 0755);
  ASSERT_EQ(::seteuid(65534), 0);
  auto file = disk_.open(path);
  ASSERT_EQ(::seteuid(0), 0);
  ASSERT_TRUE(file.ok()) << file.error().message();
  disk_.close(*file);
}

TEST_F(SystemDiskTest, AFileThatMayNotBeReadIsDenied) {
  if (::geteuid() != 0) GTEST_SKIP() << "only root can become somebody else";
  const std::string path = scratch_.append("log", "x");
  ::chmod(scratch_.path().c_str(), 0755);
  ::chmod(path.c_str(), 0600);
  ASSERT_EQ(::seteuid(65534), 0);
  auto file = disk_.open(path);
  ASSERT_EQ(::seteuid(0), 0);
  EXPECT_EQ(file.error().code, Errc::kDenied);
}

TEST_F(SystemDiskTest, DirectoriesAreNotOpened) {
  EXPECT_EQ(disk_.open(scratch_.path()).error().sys_errno, EISDIR);
  EXPECT_EQ(disk_.open(scratch_.path("gone")).error().code, Errc::kNotFound);
}

TEST_F(SystemDiskTest, DSC_13_FifosSocketsAndDevicesNeverBlock) {
  ASSERT_EQ(::mkfifo(scratch_.path("fifo").c_str(), 0600), 0);
  const FileHandle fifo = open(scratch_.path("fifo"));  // nobody writes to it
  std::array<std::byte, 8> into{};
  EXPECT_EQ(disk_.stat(fifo).value().kind, FileKind::kOther);
  EXPECT_FALSE(disk_.read_at(fifo, FileOffset(0), into).ok());
  disk_.close(fifo);

  const FileHandle null_device = open("/dev/null");
  EXPECT_EQ(disk_.stat(null_device).value().kind, FileKind::kOther);
  disk_.close(null_device);

  const int listener = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  scratch_.path("socket").copy(address.sun_path, sizeof address.sun_path - 1);
  ASSERT_EQ(::bind(listener, reinterpret_cast<const sockaddr*>(&address), sizeof address), 0);
  EXPECT_EQ(disk_.open(scratch_.path("socket")).error().sys_errno, ENXIO);
  ::close(listener);
}

TEST_F(SystemDiskTest, FindsTheDataAfterAHole) {
  const std::string path = scratch_.append("log", "head\n");
  constexpr int64_t kFar = 8 << 20;
  const int fd = ::open(path.c_str(), O_WRONLY | O_CLOEXEC);
  ASSERT_EQ(::pwrite(fd, "tail\n", 5, kFar), 5);
  const FileHandle file = open(path);
  EXPECT_EQ(disk_.next_data(file, FileOffset(2)).value(), FileOffset(2));
  const FileOffset data = disk_.next_data(file, FileOffset(1 << 20)).value();
  EXPECT_GE(data, FileOffset(1 << 20));
  EXPECT_LE(data, FileOffset(kFar));
  EXPECT_EQ(disk_.next_data(file, FileOffset(kFar + 5)).value(), FileOffset(kFar + 5));
  ASSERT_EQ(::ftruncate(fd, 3 * kFar), 0);
  EXPECT_EQ(disk_.next_data(file, FileOffset(2 * kFar)).value(), FileOffset(3 * kFar));
  ::close(fd);
  disk_.close(file);
}

}  // namespace
}  // namespace sluice
