// SPDX-License-Identifier: Apache-2.0
// Directories and symbolic links of the simulated disk.
#include <utility>

#include "sim_disk.h"
#include "sluice/check.h"

namespace sluice::sim {

std::string directory_of(const std::string& path) {
  const size_t slash = path.rfind('/');
  return slash == 0 ? "/" : path.substr(0, slash);
}

std::string name_of_path(const std::string& path) {
  return path.substr(path.rfind('/') + 1);
}

Result<std::string> SimDisk::resolve(const std::string& path) {
  const auto link = symlinks_.find(path);
  return link == symlinks_.end() ? path : link->second;
}

// An empty target removes the link.
void SimDisk::symlink(const std::string& target, const std::string& path) {
  Inode* before = find(path);
  symlinks_.erase(path);
  if (!target.empty()) symlinks_[path] = target;
  Inode* after = find(path);
  if (names_changed && before != nullptr) names_changed(*before);
  if (names_changed && after != nullptr) names_changed(*after);
  hint(path, false);
}

std::vector<std::string> SimDisk::files_in(const std::string& directory) const {
  std::vector<std::string> paths;
  for (const auto& [path, inode] : names_) {
    if (directory_of(path) == directory) paths.push_back(path);
  }
  return paths;
}

void SimDisk::make_directory(const std::string& path) {
  SLUICE_CHECK(directories_.try_emplace(path, ++last_directory_).second, "nothing is there yet");
  hint(path, false);
}

void SimDisk::remove_directory(const std::string& path) {
  for (const auto& [name, inode] : names_)
    SLUICE_CHECK(directory_of(name) != path, "only an empty directory is removed");
  directories_.erase(path);
  feed_.directory_gone(path);
  hint(path, false);
}

void SimDisk::rename_directory(const std::string& from, const std::string& to) {
  const auto inside = [&](const std::string& path) {
    return path == from || path.compare(0, from.size() + 1, from + "/") == 0;
  };
  std::vector<std::string> moved;
  for (const auto& [path, number] : directories_) {
    if (inside(path)) moved.push_back(path);
  }
  for (const std::string& path : moved) {
    directories_[to + path.substr(from.size())] = directories_.at(path);
    directories_.erase(path);
    feed_.directory_gone(path);
  }
  std::vector<std::pair<std::string, Inode*>> files;
  for (const auto& [path, inode] : names_) {
    if (inside(path)) files.emplace_back(path, inode);
  }
  for (const auto& [path, inode] : files) {
    names_.erase(path);
    names_[to + path.substr(from.size())] = inode;
  }
  for (const auto& [path, inode] : files) {
    if (names_changed) names_changed(*inode);
  }
  hint(from, false);
  hint(to, false);
}

}  // namespace sluice::sim
