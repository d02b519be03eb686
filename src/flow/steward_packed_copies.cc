// SPDX-License-Identifier: Apache-2.0
// Copy, truncate and compress: when no file holds the content of a rest, an archive of its copy
// may. It is unpacked as the archives of rotated files are, and the scratch file goes on with the
// acks and the books of the rest. Its row keeps the inode number 0: after a crash it is a rest
// again.
#include <algorithm>
#include <utility>

#include "flow/compress/unpacker.h"
#include "flow/discover/evidence.h"
#include "flow/discover/siblings.h"
#include "flow/steward.h"

namespace sluice {
namespace {

// What was read of the content comes home within this many searches, or the destination is away.
constexpr uint32_t kSearchesForAcks = 5;

}  // namespace

// kUnknown while an archive is looked into.
Steward::Found Steward::search_archives(int64_t number) {
  const CheckpointRow row = rows_.at(number);
  const Rest& rest = rests_.at(number);
  const Bytes seen = rest.ledger.seen();
  // What was written while nobody looked nobody has seen.
  const bool unseen = rest.reason == MissedReason::kReplaced;
  const bool is_owed = unseen || seen > rest.window.committed() - FileOffset(0);
  if (world_.scratch == nullptr || row.identity.head_bytes == 0 || !is_owed) return Found::kNo;
  bool certain = true;
  std::vector<Sibling> found;
  for (const std::string& directory : directories_for(row)) {
    const auto around =
        look_around(world_.disk, directory, [](const auto& name) { return is_archive_name(name); });
    if (!around.ok()) {
      certain = certain && unless_denied(rest, around.error()) == Found::kNo;
      continue;
    }
    certain = certain && around->steady;
    find_packed(number, directory, *around, found);
  }
  if (found.empty()) return certain ? Found::kNo : Found::kUnknown;
  // All of it was read: nobody needs an archive once it is delivered.
  if (!unseen && rest.taken - FileOffset(0) >= seen && rest.searches < kSearchesForAcks)
    return Found::kUnknown;
  // Of two that begin alike the youngest was made for this truncation; of those that were made
  // while nobody looked the oldest is the next.
  const bool looked = rest.reason == MissedReason::kTruncated && rest.file != FileKey{};
  std::stable_sort(found.begin(), found.end(), [&](const Sibling& a, const Sibling& b) {
    return looked ? a.stat.modified > b.stat.modified : a.stat.modified < b.stat.modified;
  });
  PackedRow& packed = packed_[number];
  packed.moved = !certain;
  for (const Sibling& each : found) packed.archives.push_back({each.name, each.stat});
  archives_at_ = now_;
  return Found::kUnknown;
}

void Steward::find_packed(int64_t number, const std::string& directory, const Surroundings& around,
                          std::vector<Sibling>& found) const {
  const std::string prefix = directory == "/" ? "/" : directory + "/";
  for (const Sibling& sibling : around.files) {
    if (!may_hold(sibling.name, sibling.stat, rows_.at(number))) continue;
    if (sibling.stat.modified < rests_.at(number).seen_at) continue;
    found.push_back({prefix + sibling.name, sibling.stat});
  }
}

// Beyond what the row says of it, which is proven: what was read last must be in the archive, too,
// unless the copy ends before that. Nothing if more must be unpacked to tell, or the disk does not
// answer.
std::optional<bool> Steward::holds_rest(const Rest& rest, const Unpacking& unpacking, bool over) {
  if (unpacking.end() < rest.taken) {
    if (!over) return std::nullopt;
    return rest.window.committed() > FileOffset(0);
  }
  if (is_followed(rest, unpacking)) return false;
  if (rest.proof.bytes == 0) return true;
  if (unpacking.end() < rest.proof.at) return over ? std::optional(false) : std::nullopt;
  bool unreadable = false;
  const auto present =
      marker_reader(world_.disk, unpacking.file(), &unreadable)(rest.proof.at, rest.proof.bytes);
  if (unreadable) return std::nullopt;
  return present == rest.proof.hash;
}

// What was packed may be held by its descriptor still: then it is read to its end by that. That its
// name is gone may be news to us.
bool Steward::is_followed(const Rest& rest, const Unpacking& unpacking) {
  const auto head = read_head(world_.disk, unpacking.file());
  if (!head.ok()) return false;
  const MarkerReader marker = marker_reader(world_.disk, unpacking.file());
  return std::any_of(files_.files().begin(), files_.files().end(), [&](const auto& entry) {
    const FollowedFile& file = entry.second;
    if (file.key == rest.file || file.tails.empty()) return false;
    const bool alike = file.identity.head_bytes > 0 && head_matches(file.identity, *head);
    return alike && file.packed_in.empty() &&
           std::any_of(file.tails.begin(), file.tails.end(), [&](TailId id) {
             const FollowedTail& tail = files_.at(id);
             const FileOffset acked = tail.window.committed();
             const auto bytes =
                 static_cast<uint32_t>(std::min<int64_t>(acked.value, Marker::kBytesMax));
             return settings_.destinations[tail.destination.value].name ==
                        rows_.at(rest.row).destination &&
                    (bytes == 0 || marker(acked, bytes) == tail.window.proof());
           });
  });
}

// Unpacked to its end: what was written between the copy and the truncation is not in it.
void Steward::count_unpacked(const Rest& rest, const PackedRow& packed) {
  const FileOffset end = packed.unpacking->end();
  const Bytes size = end - FileOffset(0);
  if (rest.ledger.seen() <= size) return;
  count_beyond(rest, size, end < rest.taken ? rest.window.up_to(end, 0) : rest.window);
  files_.at(files_.at(*packed.file).tails.front()).ledger.goes_on_with(size);
}

}  // namespace sluice
