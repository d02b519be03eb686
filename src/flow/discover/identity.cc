// SPDX-License-Identifier: Apache-2.0
#include "flow/discover/identity.h"

#include <xxhash.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <tuple>

#include "sluice/planted.h"

namespace sluice {

uint64_t content_hash(std::span<const std::byte> bytes) {
  return XXH3_64bits(bytes.data(), bytes.size());
}

uint64_t marker_hash(const Marker& marker) {
  SLUICE_CHECK(marker.size <= Marker::kBytesMax, "a marker has a fixed room");
  return XXH3_64bits(marker.bytes.data(), marker.size);
}

FileIdentity identify(const FileStat& stat, std::span<const std::byte> head) {
  SLUICE_CHECK(head.size() <= kHeadBytesMax, "a head has a fixed limit");
  return {.device = stat.device,
          .inode = stat.inode,
          .birth_ns = stat.birth_ns,
          .head_bytes = static_cast<uint32_t>(head.size()),
          .head_hash = content_hash(head)};
}

bool head_matches(const FileIdentity& identity, std::span<const std::byte> head) {
  if (identity.head_bytes == 0) return true;  // the file was empty: it may have become anything
  return identity.head_bytes <= head.size() &&
         content_hash(head.first(identity.head_bytes)) == identity.head_hash;
}

Digest128 file_seed(std::string_view host_id, const FileIdentity& identity, int64_t row) {
  const bool has_birth = identity.birth_ns != 0;
  // The first word keeps birth times and row numbers apart.
  const std::array<uint64_t, 3> words = {
      has_birth ? 1U : 2U, identity.inode,
      static_cast<uint64_t>(has_birth ? identity.birth_ns : row)};
  const uint64_t host = XXH3_64bits(host_id.data(), host_id.size());
  const XXH128_hash_t hash = XXH3_128bits_withSeed(words.data(), sizeof words, host);
  return {.low = hash.low64, .high = hash.high64};
}

namespace {

bool content_goes_on(const CheckpointRow& row, const FileFacts& facts, const MarkerReader& marker) {
  if (facts.stat.size < row.offset - FileOffset(0)) return false;
  if (!head_matches(row.identity, facts.head)) return false;
  if (row.marker_bytes == 0 || planted(Planted::kMarkerNotCheckedAtRestart)) return true;
  // Last, for it may cost a read.
  const auto present = marker(row.offset, row.marker_bytes);
  return present.has_value() && *present == row.marker_hash;
}

}  // namespace

Kinship judge(const CheckpointRow& row, const FileFacts& facts, const MarkerReader& marker) {
  const FileIdentity& known = row.identity;
  const bool birth_fits =
      known.birth_ns == 0 || facts.stat.birth_ns == 0 || known.birth_ns == facts.stat.birth_ns;
  const bool place_fits = known.inode == facts.stat.inode && birth_fits;
  const bool device_fits = known.device == facts.stat.device;
  if (!place_fits && row.path != facts.path) return Kinship::kNone;
  const bool same_content =
      planted(Planted::kInodeOnlyIdentity) || content_goes_on(row, facts, marker);
  if (place_fits && same_content) return device_fits ? Kinship::kSame : Kinship::kRemounted;
  // On another device an equal inode number means nothing once the content differs.
  if (place_fits && device_fits) return Kinship::kReplaced;
  if (!same_content || row.path != facts.path) return Kinship::kNone;
  const bool proven = known.head_bytes >= kCopyProofBytes && row.marker_bytes == Marker::kBytesMax;
  return proven ? Kinship::kCopied : Kinship::kNone;
}

std::optional<Match> match(std::span<const CheckpointRow* const> rows, const FileFacts& facts,
                           const MarkerReader& marker) {
  std::optional<Match> best;
  const auto rank = [&](const Match& each) {
    const CheckpointRow& row = *rows[each.row];
    return std::tuple(each.kinship, row.identity.head_bytes, row.epoch, row.offset);
  };
  for (size_t i = 0; i < rows.size(); ++i) {
    const Match candidate = {i, judge(*rows[i], facts, marker)};
    if (candidate.kinship == Kinship::kNone) continue;
    const bool older = planted(Planted::kOlderRowPreferred);
    if (!best || (rank(candidate) > rank(*best)) != older) best = candidate;
  }
  return best;
}

}  // namespace sluice
