// SPDX-License-Identifier: Apache-2.0
#include "flow/steward_files.h"

#include <algorithm>

namespace sluice {

FollowedFile* FollowedFiles::find(const FileKey& key) {
  const auto it = files_.find(key);
  return it == files_.end() ? nullptr : &it->second;
}

FollowedTail* FollowedFiles::find(TailId tail) {
  const auto it = tails_.find(tail.value);
  return it == tails_.end() ? nullptr : &it->second;
}

FollowedFile& FollowedFiles::at(const FileKey& key) {
  FollowedFile* file = find(key);
  SLUICE_CHECK(file != nullptr, "a tail has a file");
  return *file;
}

FollowedTail& FollowedFiles::at(TailId tail) {
  FollowedTail* found = find(tail);
  SLUICE_CHECK(found != nullptr, "a file lists only tails that exist");
  return *found;
}

FollowedFile& FollowedFiles::add_file(FileKey key, FileHandle handle) {
  const auto [it, is_new] = files_.try_emplace(key);
  SLUICE_CHECK(is_new, "a file is followed once");
  it->second.key = key;
  it->second.handle = handle;
  return it->second;
}

void FollowedFiles::remove_file(FileKey key) {
  SLUICE_CHECK(at(key).tails.empty(), "tails end before their file");
  files_.erase(key);
}

FollowedTail& FollowedFiles::add_tail(FollowedFile& file, SourceId source,
                                      DestinationId destination, const CheckpointRow& row) {
  const TailId id(++last_tail_);
  const ShardId shard = least_loaded();
  ++tails_of_shard_[shard.value];
  FollowedTail tail{.id = id,
                    .file = file.key,
                    .source = source,
                    .destination = destination,
                    .shard = shard,
                    .row = row.row,
                    .window = AckWindow(row.epoch, row.offset, row.marker_hash),
                    .rest_end = {},
                    .rest_unfinished = {},
                    .rest_modified = {},
                    .marks = {},
                    .ledger = TailLedger(row.ledger)};
  file.tails.push_back(id);
  return tails_.emplace(id.value, std::move(tail)).first->second;
}

void FollowedFiles::remove_tail(TailId tail) {
  const FollowedTail& gone = at(tail);
  --tails_of_shard_[gone.shard.value];
  std::erase(at(gone.file).tails, tail);
  tails_.erase(tail.value);
}

bool FollowedFiles::acked_to_size(const FollowedFile& file) {
  if (file.incomplete) return false;
  return std::all_of(file.tails.begin(), file.tails.end(),
                     [&](TailId tail) { return at(tail).acked_to(file.size); });
}

bool FollowedFiles::can_rest(const FollowedFile& file) {
  if (file.incomplete) return false;
  return std::all_of(file.tails.begin(), file.tails.end(),
                     [&](TailId tail) { return at(tail).can_rest(file.size); });
}

FollowedTail* FollowedFiles::tail_for(const FollowedFile& file, DestinationId destination) {
  for (TailId id : file.tails) {
    if (FollowedTail& tail = at(id); tail.destination == destination) return &tail;
  }
  return nullptr;
}

ShardId FollowedFiles::least_loaded() const {
  const auto least = std::min_element(tails_of_shard_.begin(), tails_of_shard_.end());
  return ShardId(static_cast<uint32_t>(least - tails_of_shard_.begin()));
}

Duration age_behind(std::deque<SizeMark>& marks, FileOffset committed, FileOffset size,
                    MonoTime now) {
  constexpr size_t kMarksMax = 16;
  while (!marks.empty() && marks.front().size <= committed) marks.pop_front();
  if (size <= committed) return Duration(0);
  if (marks.empty() || marks.back().size < size) marks.push_back({size, now});
  if (marks.size() > kMarksMax) {
    // Every other one goes: the answer stays right to within the distance of two marks.
    for (size_t i = 1; i + 1 < marks.size(); ++i)
      marks.erase(marks.begin() + static_cast<std::ptrdiff_t>(i));
  }
  return now - marks.front().at;
}

}  // namespace sluice
