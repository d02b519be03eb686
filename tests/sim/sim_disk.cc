// SPDX-License-Identifier: Apache-2.0
#include "sim_disk.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>

#include "sluice/check.h"

namespace sluice::sim {

SimDisk::SimDisk(const Plan& plan, Witness& witness, SimFeed& feed, Dice dice)
    : plan_(plan), witness_(witness), feed_(feed), dice_(dice) {}

Inode* SimDisk::create(const std::string& path) {
  SLUICE_CHECK(!names_.contains(path), "a writer creates what is not there");
  Inode& inode = inodes_.emplace_back();
  inode.serial = static_cast<uint32_t>(inodes_.size());
  inode.number = free_number();
  touch(inode);
  inode.birth_ns = plan_.birth_times ? inode.modified_ns : 0;
  inode.links = 1;
  begin_life(inode);
  names_[path] = &inode;
  witness_.tell(
      [&] { return fmt::format("{} is file #{}, inode {}", path, inode.serial, inode.number); });
  if (names_changed) names_changed(inode);
  hint(path, false, SimFeed::Step::kMade);
  return &inode;
}

Inode* SimDisk::find(const std::string& path) const {
  const auto link = symlinks_.find(path);
  const auto found = names_.find(link == symlinks_.end() ? path : link->second);
  return found == names_.end() ? nullptr : found->second;
}

void SimDisk::append(Inode& inode, std::string_view text) {
  if (dice_.chance(200)) inode.synced = inode.life->content.size();
  inode.life->content.append(text);
  touch(inode);
  for (const auto& [path, named] : names_) {
    if (named == &inode) hint(path, true);
  }
}

void SimDisk::write_behind(Inode& inode, size_t at, std::string_view text) {
  std::string& content = inode.life->content;
  SLUICE_CHECK(at >= content.size(), "a hole is made behind the end");
  inode.life->gaps.add(static_cast<int64_t>(content.size()), static_cast<int64_t>(at));
  content.resize(at, '\0');
  append(inode, text);
}

void SimDisk::truncate(Inode& inode, size_t keep) {
  if (keep >= inode.life->content.size()) return;
  Life& before = *inode.life;
  before.destroyed = true;
  if (keep > 0) witness_.saw(Rare::kTruncatedInPart);
  begin_life(inode, std::string_view(before.content).substr(0, keep));
  if (keep > 0) inode.life->parent = &before;
  inode.life->gaps = before.gaps.before(static_cast<int64_t>(keep));
  inode.synced = std::min(inode.synced, keep);
  witness_.tell([&] {
    return fmt::format("file #{} is cut at {} of {}", inode.serial, keep, before.content.size());
  });
  touch(inode);
  if (names_changed) names_changed(inode);
  for (const auto& [path, named] : names_) {
    if (named == &inode) hint(path, true);
  }
}

void SimDisk::lose_power() {
  for (Inode& inode : inodes_) {
    const size_t size = inode.life->content.size();
    if (inode.links == 0 || inode.synced >= size || dice_.chance(300)) continue;
    size_t keep = inode.synced + dice_.below(size - inode.synced);
    while (keep > 0 && (inode.life->content[keep] & 0xC0) == 0x80) --keep;
    truncate(inode, keep);
    if (!dice_.chance(400)) continue;
    witness_.saw(Rare::kZeroTail);
    const size_t zeros = 1 + dice_.below(size - keep);
    const auto end = static_cast<int64_t>(keep);
    inode.life->gaps.add(end, end + static_cast<int64_t>(zeros));  // nobody wrote them
    append(inode, std::string(zeros, '\0'));
  }
}

void SimDisk::rename(const std::string& from, const std::string& to) {
  Inode* inode = names_.at(from);
  Inode* replaced = find(to);
  witness_.tell([&] { return fmt::format("{} becomes {}: file #{}", from, to, inode->serial); });
  names_.erase(from);
  names_[to] = inode;
  if (replaced != nullptr) {
    --replaced->links;
    replaced->unlinked_step = witness_.step;
  }
  if (names_changed) names_changed(*inode);
  if (replaced != nullptr) {
    if (names_changed) names_changed(*replaced);
    free_if_unused(*replaced);
  }
  ++renames_;
  hint(from, false, SimFeed::Step::kLeft);
  hint(to, false, SimFeed::Step::kCame);
}

void SimDisk::unlink(const std::string& path) {
  if (symlinks_.contains(path)) return symlink("", path);
  Inode& inode = *names_.at(path);
  witness_.tell([&] { return fmt::format("{} is removed: file #{}", path, inode.serial); });
  names_.erase(path);
  --inode.links;
  inode.unlinked_step = witness_.step;
  if (names_changed) names_changed(inode);
  free_if_unused(inode);
  hint(path, false, SimFeed::Step::kDeleted);
}

void SimDisk::link(const std::string& path, const std::string& more) {
  Inode& inode = *names_.at(path);
  SLUICE_CHECK(names_.try_emplace(more, &inode).second, "a link is made where nothing is");
  ++inode.links;
  if (names_changed) names_changed(inode);
  hint(more, false, SimFeed::Step::kMade);
}

void SimDisk::let_go(Inode& inode) {
  SLUICE_CHECK(inode.writers > 0, "a writer lets go of what it holds");
  --inode.writers;
  free_if_unused(inode);
}

std::vector<std::string> SimDisk::names_of(const Inode& inode) const {
  std::vector<std::string> names;
  for (const auto& [path, named] : names_) {
    if (named == &inode) names.push_back(path);
  }
  for (const auto& [path, target] : symlinks_) {
    if (find(path) == &inode) names.push_back(path);
  }
  return names;
}

size_t SimDisk::open_handles() const {
  return handles_.size() -
         static_cast<size_t>(std::count(handles_.begin(), handles_.end(), nullptr));
}

Inode* SimDisk::behind(FileHandle handle) const {
  const auto index = static_cast<size_t>(handle.value);
  return handle.valid() && index < handles_.size() ? handles_[index] : nullptr;
}

void SimDisk::close_all() {
  for (Inode*& open : handles_) {
    if (open == nullptr) continue;
    --open->handles;
    free_if_unused(*open);
    open = nullptr;
  }
}

bool SimDisk::fails(Seam seam) {
  if (race && faults && dice_.chance(plan_.race_in_turn)) race();
  if (!faults) return false;
  const bool nth = plan_.nth != nullptr && plan_.nth->fails(seam);
  if (!dice_.chance(plan_.disk_error) && !nth) return false;
  witness_.saw(Rare::kDiskFailed);
  return true;
}

Result<void> SimDisk::list(const std::string& directory, std::vector<DirectoryEntry>& entries) {
  entries.clear();
  if (fails(Seam::kList)) return Error::from_errno("opendir", EIO);
  if (const int32_t code = refused(directory)) return Error::from_errno("opendir", code);
  if (!directories_.contains(directory)) return Error::from_errno("opendir", ENOENT);
  for (const auto& [path, number] : directories_) {
    if (path != "/" && directory_of(path) == directory)
      entries.push_back({name_of_path(path), FileKind::kDirectory});
  }
  for (const auto& [path, inode] : names_) {
    if (directory_of(path) == directory)
      entries.push_back({name_of_path(path), FileKind::kRegular});
  }
  for (const auto& [path, target] : symlinks_) {
    if (directory_of(path) == directory)
      entries.push_back({name_of_path(path), FileKind::kSymlink});
  }
  return {};
}

Result<FileStat> SimDisk::stat(const std::string& path) {
  if (fails(Seam::kStat)) return Error::from_errno("stat", EIO);
  if (const int32_t code = refused(path)) return Error::from_errno("stat", code);
  if (const Inode* inode = find(path)) return stat_of(*inode);
  const auto known = directories_.find(path);
  if (known == directories_.end()) return Error::from_errno("stat", ENOENT);
  FileStat stat;
  stat.kind = FileKind::kDirectory;
  stat.device = device;
  stat.inode = known->second;
  stat.links = 2;
  return stat;
}

Result<FileStat> SimDisk::stat(FileHandle file) {
  if (fails(Seam::kStat)) return Error::from_errno("fstat", EIO);
  const Inode* inode = behind(file);
  if (inode == nullptr) {
    witness_.violation("I7 BOUND", "fstat on a descriptor that is not open");
    return Error::from_errno("fstat", EBADF);
  }
  return stat_of(*inode);
}

Result<FileHandle> SimDisk::open(const std::string& path) {
  if (fails(Seam::kOpen)) return Error::from_errno("open", dice_.one_of({EMFILE, EACCES, EIO}));
  if (const int32_t code = refused(path)) return Error::from_errno("open", code);
  Inode* inode = find(path);
  if (inode == nullptr) return Error::from_errno("open", ENOENT);
  return hand_out(*inode);
}

Result<size_t> SimDisk::read_at(FileHandle file, FileOffset offset, std::span<std::byte> into) {
  if (fails(Seam::kReadAt)) return Error::from_errno("pread", EIO);
  const Inode* inode = behind(file);
  if (inode == nullptr) {
    witness_.violation("I7 BOUND", "pread on a descriptor that is not open");
    return Error::from_errno("pread", EBADF);
  }
  const std::string& content = inode->life->content;
  const auto at = static_cast<size_t>(offset.value);
  if (at >= content.size()) return size_t{0};
  const size_t bytes = std::min(into.size(), content.size() - at);
  std::memcpy(into.data(), content.data() + at, bytes);
  return bytes;
}

Result<FileOffset> SimDisk::next_data(FileHandle file, FileOffset from) {
  if (fails(Seam::kReadAt)) return Error::from_errno("lseek", EIO);
  const Inode* inode = behind(file);
  if (inode == nullptr) return Error::from_errno("lseek", EBADF);
  // Of a gap only whole pages are a hole.
  constexpr int64_t kPage = 4096;
  const int64_t end = inode->life->gaps.first_gap(from.value) / kPage * kPage;
  return std::min(std::max(from, FileOffset(end)),
                  FileOffset(static_cast<int64_t>(inode->life->content.size())));
}

void SimDisk::close(FileHandle file) {
  Inode* inode = behind(file);
  if (inode == nullptr)
    return witness_.violation("I7 BOUND", "close of a descriptor that is not open");
  if (closed_by_agent && inode->handles == 1) closed_by_agent(*inode);
  handles_[static_cast<size_t>(file.value)] = nullptr;
  --inode->handles;
  free_if_unused(*inode);
}

FileStat SimDisk::stat_of(const Inode& inode) const {
  FileStat stat;
  stat.kind = FileKind::kRegular;
  stat.device = device;
  stat.inode = inode.number;
  stat.birth_ns = inode.birth_ns;
  stat.links = static_cast<uint32_t>(inode.links);
  stat.size = Bytes(static_cast<int64_t>(inode.life->content.size()));
  stat.modified = WallTime(inode.modified_ns);
  return stat;
}

uint64_t SimDisk::free_number() {
  if (!plan_.reuse_inodes || free_numbers_.empty()) return ++last_number_;
  const uint64_t number = free_numbers_.back();
  free_numbers_.pop_back();
  witness_.saw(Rare::kInodeReused);
  return number;
}

void SimDisk::free_if_unused(Inode& inode) {
  if (inode.number_freed || inode.links > 0 || inode.handles > 0 || inode.writers > 0) return;
  inode.number_freed = true;
  free_numbers_.push_back(inode.number);
}

void SimDisk::begin_life(Inode& inode, std::string_view content) {
  Life& life = lives_.emplace_back();
  life.content = content;
  life.serial = static_cast<uint32_t>(lives_.size());
  life.inode = &inode;
  inode.life = &life;
  inode.lives.push_back(&life);
}

void SimDisk::hint(const std::string& path, bool content, SimFeed::Step step) {
  feed_.hint(directory_of(path), name_of_path(path), content, step, renames_);
}

// Coarse, as kernels are: several changes within one tick of 4 ms leave the same time behind.
void SimDisk::touch(Inode& inode) {
  constexpr int64_t kTickNs = 4'000'000;
  const int64_t tick = witness_.now.value / kTickNs * kTickNs;
  inode.changed_at = witness_.now.value;
  inode.modified_ns = plan_.coarse_times ? tick : ++last_tick_ + tick;
}

}  // namespace sluice::sim
