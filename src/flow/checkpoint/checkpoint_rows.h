// SPDX-License-Identifier: Apache-2.0
// checkpoint_rows.h — all checkpoint rows in memory, and which of them the store has yet to hear
// of.
//
// In:      the rows of the store at start; new values while running.
// Out:     rows by number, rows that may speak of a file, one commit of everything that changed.
// Owns:    the rows. Borrows nothing.
// Thread:  the steward's. No clock; talks to the Store only inside commit().
// Limits:  one row per file and destination, erased some time after the file is gone; about 300
//          bytes each.
// Fails:   a failed commit keeps everything marked as changed: the next one tries it all again.
// Why so:  rows live longer than tails. A file that was renamed out of reach, or that a mount hides
//          for an hour, must find its row again however it comes back: by inode, or by name.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "flow/checkpoint/row_index.h"
#include "sluice/result.h"
#include "sluice/store.h"

namespace sluice {

class CheckpointRows {
 public:
  // Takes what the store held. REQUIRES: called first, once.
  void load(std::vector<CheckpointRow> rows);

  // Adds a row under a fresh number. Numbers follow the wall clock, so that the number of a row
  // that was erased does not come back after a restart.
  const CheckpointRow& add(CheckpointRow row, WallTime wall);
  // Replaces the row of the same number, which exists. Nothing is marked if nothing changed but
  // `updated`.
  void put(const CheckpointRow& row);
  void erase(int64_t row);
  const CheckpointRow& at(int64_t row) const;
  bool contains(int64_t row) const { return entries_.contains(row); }

  // A row that a tail writes to is attached; nobody else may take it.
  void attach(int64_t row);
  void detach(int64_t row);
  bool attached(int64_t row) const { return entries_.at(row).attached; }

  // Rows of one destination that name this inode and are free, or name this path, free or not.
  std::vector<const CheckpointRow*> related(std::string_view destination, uint64_t inode,
                                            const std::string& path) const;
  // Free rows that name this inode, of all destinations.
  std::vector<int64_t> free_rows_of_inode(uint64_t inode) const;
  std::vector<int64_t> rows_of_path(const std::string& path) const;  // free or not
  std::vector<int64_t> free_rows() const;
  // Whether any row speaks of this very file; false where births are not known.
  bool knows(uint64_t inode, int64_t birth_ns) const;
  // Birth of the youngest file that was followed as `path`; 0 if there is none or it is not known.
  int64_t newest_birth(const std::string& path) const;
  bool knows_inode(uint64_t inode) const { return by_inode_.contains(inode); }

  // Whether a source was ever followed. Such notes are rows without a destination.
  bool knows_source(const std::string& name) const;
  void note_source(const std::string& name, WallTime wall);

  bool changed() const { return !changed_.empty() || !erased_.empty(); }
  Result<void> commit(Store& store);
  // Rows of files, without the notes.
  size_t size() const { return entries_.size() - notes_.size(); }
  bool empty() const { return entries_.empty(); }

 private:
  struct Entry {
    CheckpointRow row;
    bool attached = false;
  };
  void insert(CheckpointRow row);
  void index(const CheckpointRow& row);
  void unindex(const CheckpointRow& row);

  std::unordered_map<int64_t, Entry> entries_;
  RowIndex by_inode_;
  RowIndex by_path_;  // by the hash of the path: a million texts would be copied for nothing
  std::unordered_map<std::string, int64_t> notes_;  // name of a source to the row of its note
  std::unordered_set<int64_t> changed_;
  std::vector<int64_t> erased_;
  int64_t last_row_ = 0;
};

}  // namespace sluice
