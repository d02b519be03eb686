// SPDX-License-Identifier: Apache-2.0
// What rotators and people do to the names of the writers' files: generations, archives, links,
// directories.
#include <fmt/format.h>

#include <algorithm>
#include <string_view>
#include <utility>

#include "writers.h"

namespace sluice::sim {
namespace {

constexpr std::string_view kApp = "/logs/app";

bool is_archive(std::string_view path) {
  return path.ends_with(".gz") || path.ends_with(".zst");
}

}  // namespace

// Programs make the directory that they need.
Inode* Writers::create(const std::string& path) {
  const std::string directory = directory_of(path);
  if (!disk_.has_directory(directory)) disk_.make_directory(directory);
  return disk_.create(path);
}

// Who does not append goes on at its own offset, behind a hole if the file was truncated.
void Writers::put(Stream& stream, std::string_view text) {
  Inode& inode = *stream.open;
  if (!stream.appends && stream.at > inode.life->content.size()) {
    disk_.write_behind(inode, stream.at, text);
  } else {
    disk_.append(inode, text);
  }
  stream.at = inode.life->content.size();
}

void Writers::shift_name(const std::string& from, const std::string& to) {
  if (disk_.find(from) == nullptr) return;
  if (disk_.find(to) != nullptr && dice_.chance(500)) disk_.unlink(to);
  disk_.rename(from, to);
}

// a.log.1 becomes a.log.2, and what was a.log.2 is gone. Likewise with archives.
void Writers::shift(const std::string& path) {
  shift_name(path + ".1", path + ".2");
  if (plan_.packs == 0) return;
  for (const char* ending : {".gz", ".zst"}) shift_name(path + ".1" + ending, path + ".2" + ending);
}

// Where the file goes; as logrotate names it, or behind a link as the kubelet does.
std::string Writers::rotated_name(Stream& stream) {
  if (stream.link.empty()) {
    shift(stream.path);
    return stream.path + ".1";
  }
  const std::string prefix = stream.path + ".20260101-";
  std::vector<std::string> old = disk_.files_in(directory_of(stream.path));
  std::erase_if(old, [&](const std::string& path) { return !path.starts_with(prefix); });
  for (size_t i = 0; i + 1 < old.size(); ++i) disk_.unlink(old[i]);
  return fmt::format("{}{:06}", prefix, ++stream.rotated);
}

// A generation that is not packed yet and that nobody writes to.
void Writers::pack(Stream& stream) {
  std::vector<std::string> old = disk_.files_in(directory_of(stream.path));
  std::erase_if(old, [&](const std::string& path) {
    const bool half_made = stream.copied != nullptr && disk_.find(path) == stream.copy;
    return path == stream.path || !path.starts_with(stream.path) || is_archive(path) ||
           disk_.find(path)->writers > 0 || half_made;
  });
  if (old.empty()) return;
  const std::string& chosen = stream.link.empty() ? old.front() : old.back();
  const std::string archive = chosen + (dice_.chance(700) ? ".gz" : ".zst");
  if (disk_.find(archive) != nullptr) disk_.unlink(archive);
  disk_.pack(chosen, archive);
}

// The container starts again: its link names another file.
void Writers::retarget(Stream& stream) {
  if (stream.link.empty()) return;
  witness_.saw(Rare::kLinkRetargeted);
  if (stream.open != nullptr) disk_.let_go(*stream.open);
  stream.open = nullptr;
  stream.rest.clear();
  link(stream, directory_of(stream.path));
}

void Writers::link(Stream& stream, const std::string& directory) {
  if (stream.link.empty()) stream.link = stream.path;
  stream.path = fmt::format("{}/{}.log", directory, stream.targets++);
  create(stream.path);
  disk_.symlink(stream.path, stream.link);
}

void Writers::move_directory() {
  const std::string app(kApp);
  if (!disk_.has_directory(app)) return;
  const bool removes = dice_.chance(400);
  witness_.see("operator moves or removes a directory: %ld", removes ? 1 : 0);
  witness_.saw(removes ? Rare::kDirectoryRemoved : Rare::kDirectoryMoved);
  for (Stream& stream : streams_) {
    if (directory_of(stream.path) != app) continue;
    be_told(stream, dice_.between(Duration(0), Duration(3'000'000'000)));
  }
  if (removes) {
    for (const std::string& path : disk_.files_in(app)) disk_.unlink(path);
    disk_.remove_directory(app);
  } else {
    disk_.rename_directory(app, fmt::format("/logs/app{}", ++directories_moved_));
  }
  if (dice_.chance(400)) disk_.make_directory(app);
}

}  // namespace sluice::sim
