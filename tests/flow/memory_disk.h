// SPDX-License-Identifier: Apache-2.0
// memory_disk.h — a file system in memory, with notifications, for tests of discovery and steward.
//
// In:      what writers, rotators and operators do: append, truncate, rename, unlink, symlink.
// Out:     Disk and DirectoryFeed, as the kernel would show the same.
// Owns:    inodes. A freed inode number is given away again at once if `reuse_inodes` is set.
// Thread:  one.
// Why so:  races are made by calling the rotator between two turns or inside `on_stat`, not by
//          hoping; and a lost notification is a flag, not an accident.
#pragma once

#include <algorithm>
#include <cstring>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "sluice/disk.h"

namespace sluice {

class MemoryDisk final : public Disk, public DirectoryFeed {
 public:
  MemoryDisk() { root_ = make_node(FileKind::kDirectory); }

  // What operators and writers do. Paths are absolute; parents of files must exist.
  void make_directories(const std::string& path) {
    for (size_t at = 1; at != std::string::npos;) {
      at = path.find('/', at);
      const std::string part = path.substr(0, at);
      if (find(part) == nullptr) insert(part, make_node(FileKind::kDirectory));
      if (at != std::string::npos) ++at;
    }
  }
  void append(const std::string& path, const std::string& text) {
    NodePtr node = find(path);
    if (node == nullptr) {
      node = make_node(FileKind::kRegular);
      insert(path, node, Step::kMade);
    }
    write(*node, text);
    hint(path, true);
  }
  // Through a descriptor that the writer holds; `name` is where watchers would see it.
  void append_to_inode(uint64_t inode, const std::string& text) {
    for (const auto& node : nodes_) {
      if (const NodePtr alive = node.lock(); alive && alive->inode == inode) write(*alive, text);
    }
  }
  void overwrite(const std::string& path, const std::string& text) {
    find(path)->content.clear();
    append(path, text);
  }
  void copy(const std::string& from, const std::string& to) {
    append(to, std::string(find(from)->content));
  }
  void truncate(const std::string& path) { overwrite(path, ""); }
  void rename(const std::string& from, const std::string& to) {
    const NodePtr node = find(from, false);
    const bool steps = node->kind != FileKind::kDirectory;
    ++renames_;
    erase(from, steps ? Step::kLeft : Step::kSomehow);
    if (find(to, false) != nullptr) erase(to);
    insert(to, node, steps ? Step::kCame : Step::kSomehow);
  }
  void unlink(const std::string& path) {
    const NodePtr node = find(path, false);
    erase(path, node->kind == FileKind::kDirectory ? Step::kSomehow : Step::kDeleted);
    if (node->kind == FileKind::kDirectory) directory_vanished(path);
  }
  void link(const std::string& path, const std::string& other) {
    insert(other, find(path), Step::kMade);
  }
  void symlink(const std::string& target, const std::string& path) {
    const NodePtr node = make_node(FileKind::kSymlink);
    node->content = target;
    if (find(path, false) != nullptr) erase(path);
    insert(path, node, Step::kMade);
  }
  void make_fifo(const std::string& path) {
    insert(path, make_node(FileKind::kOther), Step::kMade);
  }
  void refuse(const std::string& path, int sys_errno) { find(path)->refused = sys_errno; }
  // The node and everything in it show another device number.
  void remount(uint64_t device) { device_ = device; }

  uint64_t inode_of(const std::string& path) { return find(path)->inode; }
  bool exists(const std::string& path) { return find(path) != nullptr; }
  size_t open_files() const { return open_.size(); }
  size_t watches() const { return watched_.size(); }

  bool reuse_inodes = false;
  bool births = true;               // the file system knows when a file was made
  bool lose_hints = false;          // notifications vanish silently
  bool overflow = false;            // the next poll says that events were lost
  bool quiet_directories = false;   // a removed directory says nothing: a file in it is still open
  bool handles_unreadable = false;  // what is open cannot be examined for a while
  size_t watches_max = 1'000'000;
  int64_t stats = 0;  // calls of stat(path)
  std::function<void(const std::string& path)> on_stat;

  // Disk
  Result<void> list(const std::string& directory, std::vector<DirectoryEntry>& entries) override {
    const NodePtr node = find(directory);
    entries.clear();
    if (node == nullptr) return Error::from_errno("opendir", ENOENT);
    if (node->refused != 0) return Error::from_errno("opendir", node->refused);
    if (node->kind != FileKind::kDirectory) return Error::from_errno("opendir", ENOTDIR);
    for (const auto& [name, child] : node->children) entries.push_back({name, child->kind});
    return {};
  }
  Result<FileStat> stat(const std::string& path) override {
    ++stats;
    if (on_stat) on_stat(path);
    const NodePtr node = find(path);
    if (node == nullptr) return Error::from_errno("stat", ENOENT);
    return stat_of(*node);
  }
  Result<FileStat> stat(FileHandle file) override {
    if (handles_unreadable) return Error::from_errno("fstat", EIO);
    return stat_of(*open_.at(file.value));
  }
  Result<FileHandle> open(const std::string& path) override {
    const NodePtr node = find(path);
    if (node == nullptr) return Error::from_errno("open", ENOENT);
    if (node->refused != 0) return Error::from_errno("open", node->refused);
    open_[++last_handle_] = node;
    return FileHandle{last_handle_};
  }
  Result<size_t> read_at(FileHandle file, FileOffset offset, std::span<std::byte> into) override {
    const std::string& content = open_.at(file.value)->content;
    const auto at = static_cast<size_t>(offset.value);
    if (at >= content.size()) return size_t{0};
    const size_t bytes = std::min(into.size(), content.size() - at);
    std::memcpy(into.data(), content.data() + at, bytes);
    return bytes;
  }
  Result<FileOffset> next_data(FileHandle, FileOffset from) override { return from; }
  void close(FileHandle file) override {
    const bool was_open = open_.erase(file.value) == 1;
    SLUICE_CHECK(was_open, "a handle is closed once");
  }
  Result<std::string> resolve(const std::string& path) override {
    std::string at = path;
    for (int depth = 0; depth < 8; ++depth) {
      const NodePtr node = find(at, false);
      if (node == nullptr) return Error::from_errno("realpath", ENOENT);
      if (node->kind != FileKind::kSymlink) return at;
      at = node->content;
    }
    return Error::from_errno("realpath", ELOOP);
  }

  // DirectoryFeed
  Result<void> watch(const std::string& directory) override {
    const NodePtr node = find(directory);
    if (node == nullptr) return Error::from_errno("inotify_add_watch", ENOENT);
    if (watched_.size() >= watches_max && !watched_.contains(directory))
      return Error::from_errno("inotify_add_watch", ENOSPC);
    watched_[directory] = node->inode;
    return {};
  }
  void unwatch(const std::string& directory) override { watched_.erase(directory); }
  bool poll(std::vector<DirectoryChange>& changes) override {
    for (DirectoryChange& change : hints_) changes.push_back(std::move(change));
    hints_.clear();
    return std::exchange(overflow, false);
  }

 private:
  struct Node {
    FileKind kind = FileKind::kRegular;
    uint64_t inode = 0;
    int64_t birth_ns = 0;
    int64_t modified_ns = 0;
    uint32_t links = 0;
    int refused = 0;
    std::string content;  // of a link: its target
    std::map<std::string, std::shared_ptr<Node>> children;
  };
  using NodePtr = std::shared_ptr<Node>;
  using Step = DirectoryChange::Step;

  NodePtr make_node(FileKind kind) {
    const NodePtr node = std::make_shared<Node>();
    node->kind = kind;
    node->inode = free_inode();
    node->birth_ns = ++ticks_;
    nodes_.push_back(node);
    return node;
  }
  uint64_t free_inode() {
    if (!reuse_inodes) return ++last_inode_;
    std::set<uint64_t> taken;
    for (const auto& node : nodes_) {
      if (const NodePtr alive = node.lock()) taken.insert(alive->inode);
    }
    uint64_t inode = 1;
    while (taken.contains(inode)) ++inode;
    last_inode_ = std::max(last_inode_, inode);
    return inode;
  }
  void write(Node& node, const std::string& text) {
    node.content += text;
    node.modified_ns = ++ticks_;
  }
  FileStat stat_of(const Node& node) const {
    FileStat stat;
    stat.kind = node.kind;
    stat.device = device_;
    stat.inode = node.inode;
    stat.birth_ns = births ? node.birth_ns : 0;
    stat.links = node.links;
    stat.size = Bytes(static_cast<int64_t>(node.content.size()));
    stat.modified = WallTime(node.modified_ns);
    return stat;
  }
  NodePtr find(const std::string& path, bool follow_last = true, int depth = 0) const {
    NodePtr node = root_;
    size_t at = 1;
    while (node != nullptr && at < path.size()) {
      const size_t end = std::min(path.find('/', at), path.size());
      const auto child = node->children.find(path.substr(at, end - at));
      if (child == node->children.end()) return nullptr;
      node = child->second;
      const bool last = end == path.size();
      if (node->kind == FileKind::kSymlink && (!last || follow_last)) {
        if (depth > 8) return nullptr;
        node = find(node->content, true, depth + 1);
      }
      at = end + 1;
    }
    return node;
  }
  static std::pair<std::string, std::string> split(const std::string& path) {
    const size_t slash = path.rfind('/');
    return {slash == 0 ? "/" : path.substr(0, slash), path.substr(slash + 1)};
  }
  void insert(const std::string& path, const NodePtr& node, Step step = Step::kSomehow) {
    const auto [directory, name] = split(path);
    find(directory)->children[name] = node;
    ++node->links;
    hint(path, false, step);
  }
  void erase(const std::string& path, Step step = Step::kSomehow) {
    const auto [directory, name] = split(path);
    const NodePtr parent = find(directory);
    --parent->children.at(name)->links;
    parent->children.erase(name);
    hint(path, false, step);
  }
  void hint(const std::string& path, bool content, Step step = Step::kSomehow) {
    if (lose_hints) return;
    const auto [directory, name] = split(path);
    const NodePtr parent = find(directory);
    // A watch follows the directory, not its name.
    for (const auto& [watched, inode] : watched_) {
      if (parent != nullptr && parent->inode == inode)
        hints_.push_back({watched, name, content, step, renames_});
    }
  }
  void directory_vanished(const std::string& path) {
    if (!lose_hints && !quiet_directories && watched_.contains(path))
      hints_.push_back({path, "", false, Step::kSomehow, 0});
  }

  NodePtr root_;
  std::vector<std::weak_ptr<Node>> nodes_;
  std::map<int, NodePtr> open_;
  std::map<std::string, uint64_t> watched_;
  std::vector<DirectoryChange> hints_;
  uint32_t renames_ = 0;
  uint64_t device_ = 1;
  uint64_t last_inode_ = 0;
  int64_t ticks_ = 0;
  int last_handle_ = 0;
};

}  // namespace sluice
