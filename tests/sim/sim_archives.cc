// SPDX-License-Identifier: Apache-2.0
// What rotators pack, and the files in which the agent unpacks it.
#include <algorithm>
#include <cstring>

#include "flow/compress/codecs.h"
#include "sim_disk.h"
#include "sluice/check.h"

namespace sluice::sim {

void SimDisk::pack(const std::string& from, const std::string& to) {
  const std::string& plain = find(from)->life->content;
  auto codec = to.ends_with(".zst") ? make_zstd(1) : make_deflate(1);
  SLUICE_CHECK(codec.ok(), "the codecs of the tests are built");
  std::vector<std::byte> packed((*codec)->bound(plain.size()));
  const auto size =
      (*codec)->compress(std::as_bytes(std::span(plain.data(), plain.size())), packed);
  SLUICE_CHECK(size.ok(), "what fits the bound can be packed");
  Inode& archive = *create(to);
  append(archive, {reinterpret_cast<const char*>(packed.data()), *size});
  archive.synced = *size;
  archive.packed_from = find(from);
  archive.life->destroyed = true;  // nobody owes these bytes
  find(from)->packed = true;
  unlink(from);
}

Result<FileHandle> SimDisk::open_scratch() {
  if (fails(Seam::kOpen)) return Error::from_errno("open", ENOSPC);
  Inode& inode = inodes_.emplace_back();
  inode.serial = static_cast<uint32_t>(inodes_.size());
  inode.number = free_number();
  inode.scratch = true;
  touch(inode);
  begin_life(inode);
  inode.life->destroyed = true;  // nobody owes it
  return hand_out(inode);
}

Result<void> SimDisk::write_scratch(FileHandle file, FileOffset offset,
                                    std::span<const std::byte> bytes) {
  if (fails(Seam::kReadAt)) return Error::from_errno("pwrite", ENOSPC);
  Inode* inode = behind(file);
  SLUICE_CHECK(inode != nullptr && inode->scratch, "only scratch files are written");
  std::string& content = inode->life->content;
  const auto at = static_cast<size_t>(offset.value);
  content.resize(std::max(content.size(), at + bytes.size()), '\0');
  std::memcpy(content.data() + at, bytes.data(), bytes.size());
  touch(*inode);
  return {};
}

void SimDisk::punch_scratch(FileHandle file, FileOffset begin, FileOffset end) {
  Inode* inode = behind(file);
  SLUICE_CHECK(inode != nullptr && inode->scratch, "only scratch files are written");
  std::string& content = inode->life->content;
  const auto stop = std::min(static_cast<size_t>(end.value), content.size());
  for (auto at = static_cast<size_t>(begin.value); at < stop; ++at) content[at] = '\0';
}

FileHandle SimDisk::hand_out(Inode& inode) {
  const auto free = std::find(handles_.begin(), handles_.end(), nullptr);
  const auto number = static_cast<int>(free - handles_.begin());
  if (free == handles_.end()) handles_.push_back(nullptr);
  handles_[static_cast<size_t>(number)] = &inode;
  ++inode.handles;
  if (open_handles() > plan_.open_files_max + 1)
    witness_.violation("I7 BOUND", "more descriptors than open_files_max");
  return FileHandle{number};
}

}  // namespace sluice::sim
