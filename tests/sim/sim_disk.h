// SPDX-License-Identifier: Apache-2.0
// sim_disk.h — a file system whose every move the schedule chooses.
//
// In:      what writers and rotators do to it; the steward's questions; the faults in force.
// Out:     Disk. Names, links, descriptors that outlive names, inode numbers that are given away
//          again at once, descriptor numbers too.
// Owns:    all inodes and their contents, for the whole schedule.
// Thread:  one. Before each question of the steward somebody else may act (`race`), so a file can
//          be renamed between any two calls of one turn.
// Why so:  the records of this field's bugs are mostly lists of moments between two system calls.
#pragma once

#include <deque>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "dice.h"
#include "file_model.h"
#include "plan.h"
#include "sim_feed.h"
#include "sluice/disk.h"
#include "witness.h"

namespace sluice::sim {

std::string directory_of(const std::string& path);
std::string name_of_path(const std::string& path);

class SimDisk final : public Disk {
 public:
  SimDisk(const Plan& plan, Witness& witness, SimFeed& feed, Dice dice);

  // What writers and rotators do.
  Inode* create(const std::string& path);  // REQUIRES: no such name
  Inode* find(const std::string& path) const;
  void append(Inode& inode, std::string_view text);
  // Writes at an offset behind the end, as who does not append: between them lies a hole.
  void write_behind(Inode& inode, size_t at, std::string_view text);
  // Cuts the content off behind its first `keep` bytes, which are fewer than it has.
  void truncate(Inode& inode, size_t keep = 0);
  // What the kernel had not written yet is lost, in part or whole, or reads as zeros.
  void lose_power();
  // As gzip or zstd do: `to`, by its ending, holds the same, and `from` is gone.
  void pack(const std::string& from, const std::string& to);
  void rename(const std::string& from, const std::string& to);
  void unlink(const std::string& path);
  void link(const std::string& path, const std::string& more);  // a hard link
  // Makes the link or points it elsewhere; `target` need not exist.
  void symlink(const std::string& target, const std::string& path);
  bool has_directory(const std::string& path) const { return directories_.contains(path); }
  void make_directory(const std::string& path);
  void remove_directory(const std::string& path);  // REQUIRES: it is empty
  void rename_directory(const std::string& from, const std::string& to);
  void hold(Inode& inode) { ++inode.writers; }
  void let_go(Inode& inode);

  std::vector<std::string> files_in(const std::string& directory) const;

  // What the oracle asks.
  const std::deque<Inode>& inodes() const { return inodes_; }
  std::deque<Inode>& inodes() { return inodes_; }
  std::vector<std::string> names_of(const Inode& inode) const;
  size_t open_handles() const;
  Inode* behind(FileHandle handle) const;
  // The agent process is gone: its descriptors are closed, whatever they held.
  void close_all();

  // What the agent does to scratch files of its own.
  Result<FileHandle> open_scratch();
  Result<void> write_scratch(FileHandle file, FileOffset offset, std::span<const std::byte> bytes);
  void punch_scratch(FileHandle file, FileOffset begin, FileOffset end);

  Result<void> list(const std::string& directory, std::vector<DirectoryEntry>& entries) override;
  Result<FileStat> stat(const std::string& path) override;
  Result<FileStat> stat(FileHandle file) override;
  Result<FileHandle> open(const std::string& path) override;
  Result<size_t> read_at(FileHandle file, FileOffset offset, std::span<std::byte> into) override;
  Result<FileOffset> next_data(FileHandle file, FileOffset from) override;
  void close(FileHandle file) override;
  Result<std::string> resolve(const std::string& path) override;

  bool faults = true;
  uint64_t device = 7;  // of all files; another one after a remount
  // What the agent may not do at present: an errno for a path, or 0.
  std::function<int32_t(const std::string& path)> refuses;
  // Whether a read of these bytes fails with EIO.
  std::function<bool(const Inode& inode, FileOffset from, size_t bytes)> bad_sector;
  std::function<void()> race;                   // somebody acts between two calls
  std::function<void(Inode&)> names_changed;    // after a name came or went
  std::function<void(Inode&)> closed_by_agent;  // before the last descriptor of a file goes

 private:
  bool fails(Seam seam);
  FileHandle hand_out(Inode& inode);
  int32_t refused(const std::string& path) const { return refuses ? refuses(path) : 0; }
  FileStat stat_of(const Inode& inode) const;
  uint64_t free_number();
  void free_if_unused(Inode& inode);
  void begin_life(Inode& inode, std::string_view content = {});
  void hint(const std::string& path, bool content, SimFeed::Step step = SimFeed::Step::kSomehow);
  void touch(Inode& inode);

  const Plan& plan_;
  Witness& witness_;
  SimFeed& feed_;
  Dice dice_;
  std::map<std::string, uint64_t> directories_{{"/", 1}, {"/logs", 2}, {"/logs/app", 3}};
  uint64_t last_directory_ = 3;
  std::map<std::string, Inode*> names_;
  std::map<std::string, std::string> symlinks_;  // to their targets
  std::deque<Inode> inodes_;
  std::deque<Life> lives_;
  std::vector<Inode*> handles_;  // by descriptor number
  std::vector<uint64_t> free_numbers_;
  uint64_t last_number_ = 100;
  int64_t last_tick_ = 0;
  uint32_t renames_ = 0;
};

}  // namespace sluice::sim
