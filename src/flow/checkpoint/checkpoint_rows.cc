// SPDX-License-Identifier: Apache-2.0
#include "flow/checkpoint/checkpoint_rows.h"

#include <algorithm>
#include <functional>
#include <utility>

#include "sluice/planted.h"

namespace sluice {
namespace {

// A note has no destination and no file; its path says which source it is about.
constexpr std::string_view kNotePrefix = "source:";

bool is_note(const CheckpointRow& row) {
  return row.destination.empty() && row.path.compare(0, kNotePrefix.size(), kNotePrefix) == 0;
}

bool says_the_same(const CheckpointRow& a, const CheckpointRow& b) {
  return a.destination == b.destination && a.path == b.path && a.identity == b.identity &&
         a.epoch == b.epoch && a.offset == b.offset && a.marker_bytes == b.marker_bytes &&
         a.marker_hash == b.marker_hash && a.gone == b.gone && a.ledger == b.ledger;
}

size_t hash_of(std::string_view path) {
  return std::hash<std::string_view>()(path);
}

}  // namespace

void CheckpointRows::load(std::vector<CheckpointRow> rows) {
  SLUICE_CHECK(entries_.empty(), "rows are loaded once");
  entries_.reserve(rows.size());
  by_inode_.reserve(rows.size());
  by_path_.reserve(rows.size());
  for (CheckpointRow& row : rows) insert(std::move(row));
}

void CheckpointRows::insert(CheckpointRow row) {
  const int64_t number = row.row;
  last_row_ = std::max(last_row_, number);
  if (is_note(row)) {
    notes_[row.path.substr(kNotePrefix.size())] = number;
  } else {
    index(row);
  }
  const bool is_new = entries_.emplace(number, Entry{std::move(row)}).second;
  SLUICE_CHECK(is_new, "row numbers are unique");
}

const CheckpointRow& CheckpointRows::add(CheckpointRow row, WallTime wall) {
  row.row = std::max(last_row_ + 1, wall.value);
  row.updated = wall;
  const int64_t number = row.row;
  changed_.insert(number);
  insert(std::move(row));
  return at(number);
}

void CheckpointRows::put(const CheckpointRow& row) {
  CheckpointRow& present = entries_.at(row.row).row;
  if (says_the_same(present, row)) return;
  unindex(present);
  present = row;
  index(present);
  changed_.insert(row.row);
}

void CheckpointRows::erase(int64_t row) {
  const auto it = entries_.find(row);
  SLUICE_CHECK(it != entries_.end() && !it->second.attached, "only a free row is erased");
  unindex(it->second.row);
  entries_.erase(it);
  changed_.erase(row);
  erased_.push_back(row);
}

const CheckpointRow& CheckpointRows::at(int64_t row) const {
  return entries_.at(row).row;
}

void CheckpointRows::attach(int64_t row) {
  const bool was = std::exchange(entries_.at(row).attached, true);
  SLUICE_CHECK(!was, "one tail writes one row");
}

void CheckpointRows::detach(int64_t row) {
  const bool was = std::exchange(entries_.at(row).attached, false);
  SLUICE_CHECK(was, "only an attached row can be set free");
}

std::vector<const CheckpointRow*> CheckpointRows::related(std::string_view destination,
                                                          uint64_t inode,
                                                          const std::string& path) const {
  std::vector<const CheckpointRow*> rows;
  const auto consider = [&](int64_t number, bool free_only) {
    const Entry& entry = entries_.at(number);
    if (entry.row.destination != destination || (free_only && entry.attached)) return;
    if (std::find(rows.begin(), rows.end(), &entry.row) == rows.end()) rows.push_back(&entry.row);
  };
  by_inode_.visit(inode, [&](int64_t row) { consider(row, true); });
  by_path_.visit(hash_of(path), [&](int64_t row) {
    if (at(row).path == path) consider(row, false);
  });
  return rows;
}

std::vector<int64_t> CheckpointRows::free_rows_of_inode(uint64_t inode) const {
  std::vector<int64_t> rows;
  by_inode_.visit(inode, [&](int64_t row) {
    if (!attached(row)) rows.push_back(row);
  });
  return rows;
}

std::vector<int64_t> CheckpointRows::rows_of_path(const std::string& path) const {
  std::vector<int64_t> rows;
  by_path_.visit(hash_of(path), [&](int64_t row) {
    if (at(row).path == path) rows.push_back(row);
  });
  return rows;
}

std::vector<int64_t> CheckpointRows::free_rows() const {
  std::vector<int64_t> rows;
  for (const auto& [number, entry] : entries_) {
    if (!entry.attached && !is_note(entry.row)) rows.push_back(number);
  }
  std::sort(rows.begin(), rows.end());  // the same order in every run
  return rows;
}

bool CheckpointRows::knows(uint64_t inode, int64_t birth_ns) const {
  bool known = false;
  by_inode_.visit(inode, [&](int64_t row) { known |= at(row).identity.birth_ns == birth_ns; });
  return known && birth_ns != 0;
}

int64_t CheckpointRows::newest_birth(const std::string& path) const {
  int64_t newest = 0;
  by_path_.visit(hash_of(path), [&](int64_t number) {
    const CheckpointRow& row = at(number);
    if (row.path == path) newest = std::max(newest, row.identity.birth_ns);
  });
  return newest;
}

bool CheckpointRows::knows_source(const std::string& name) const {
  return notes_.contains(name);
}

void CheckpointRows::note_source(const std::string& name, WallTime wall) {
  if (knows_source(name)) return;
  CheckpointRow note;
  note.path = std::string(kNotePrefix) + name;
  add(std::move(note), wall);
}

Result<void> CheckpointRows::commit(Store& store) {
  if (!changed()) return {};
  std::vector<int64_t> numbers(changed_.begin(), changed_.end());
  std::sort(numbers.begin(), numbers.end());
  std::vector<CheckpointRow> upserts;
  upserts.reserve(numbers.size());
  for (int64_t number : numbers) upserts.push_back(at(number));
  const auto committed = store.commit(upserts, erased_);
  if (!committed.ok() && !planted(Planted::kRowsCleanAfterFailure)) return committed;
  changed_.clear();
  erased_.clear();
  return committed;
}

void CheckpointRows::index(const CheckpointRow& row) {
  by_inode_.insert(row.identity.inode, row.row);
  by_path_.insert(hash_of(row.path), row.row);
}

void CheckpointRows::unindex(const CheckpointRow& row) {
  by_inode_.erase(row.identity.inode, row.row);
  by_path_.erase(hash_of(row.path), row.row);
}

}  // namespace sluice
