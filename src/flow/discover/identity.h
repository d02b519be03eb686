// SPDX-License-Identifier: Apache-2.0
// identity.h — is this the file that a checkpoint row speaks of, and is its content still the same?
//
// In:      rows of the store; facts of a file that is open now: stat, head, the bytes before an
//          offset.
// Out:     how the two are related, and which row a file should go on from.
// Owns:    nothing. Pure functions; the caller does the reading.
// Limits:  the head is at most kHeadBytesMax bytes, the marker at most Marker::kBytesMax.
// Why so:  each single feature lies in some field case: inodes are reused at once (ext4), device
//          numbers change at reboot, heads of log files are equal banners, sizes grow past an old
//          offset again. Together they do not: a file goes on at its offset only if a place (inode,
//          birth) AND its content before the offset agree; else it is read from its beginning.
//          Reading again costs duplicates, going on in the wrong file costs lines.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "sluice/disk.h"
#include "sluice/ids.h"
#include "sluice/store.h"

namespace sluice {

// Where the kernel keeps the file. Names one file as long as somebody holds it open; after that the
// inode may be given to another one.
struct FileKey {
  uint64_t device = 0;
  uint64_t inode = 0;
  friend bool operator==(const FileKey&, const FileKey&) = default;
};
struct FileKeyHash {
  size_t operator()(const FileKey& key) const {
    return static_cast<size_t>((key.inode ^ (key.device << 32)) * 0x9E3779B97F4A7C15ULL);
  }
};
inline FileKey key_of(const FileStat& stat) {
  return {stat.device, stat.inode};
}

// What is known of a file that is there now.
struct FileFacts {
  FileStat stat;
  std::string_view path;            // a name that refers to it
  std::span<const std::byte> head;  // its first min(size, kHeadBytesMax) bytes
};

// XXH3-64, for heads and markers alike.
uint64_t content_hash(std::span<const std::byte> bytes);
uint64_t marker_hash(const Marker& marker);

FileIdentity identify(const FileStat& stat, std::span<const std::byte> head);
// True if the first head_bytes bytes of `head` are those that `identity` was made of.
bool head_matches(const FileIdentity& identity, std::span<const std::byte> head);

// The seed of the ids of a file's records: host, inode and birth time. The device number is left
// out because it may change over a reboot, and the same line must keep its id. Where the file
// system knows no birth time, the number of the checkpoint row takes its place: an inode that is
// reused would otherwise give two files the same ids, and a destination that drops duplicates
// would drop lines.
Digest128 file_seed(std::string_view host_id, const FileIdentity& identity, int64_t row);

// How a present file is related to a row, the closer the higher.
enum class Kinship : uint8_t {
  kNone,       // nothing to do with each other
  kReplaced,   // the same inode holds another content now: begin at 0 in the next epoch
  kCopied,     // another inode under the same name holds the same content (an overlay copied it
               // up, an editor saved it): go on at the offset
  kRemounted,  // the same but for the device number (reboot, remount): go on
  kSame,       // go on at the offset
};
inline bool goes_on(Kinship kinship) {
  return kinship >= Kinship::kCopied;
}

// Content hash of the `bytes` bytes before `offset` of the present file; nothing if it cannot be
// read.
using MarkerReader = std::function<std::optional<uint64_t>(FileOffset offset, uint32_t bytes)>;

// A copy must prove itself by this much equal content; less could be two files that begin alike.
inline constexpr uint32_t kCopyProofBytes = 256;

Kinship judge(const CheckpointRow& row, const FileFacts& facts, const MarkerReader& marker);

struct Match {
  size_t row = 0;  // index into the rows that were asked about
  Kinship kinship = Kinship::kNone;
};
// The row that the file should go on from: the closest; among equals the one that proves most by
// content, then the furthest offset. Nothing if no row is related.
std::optional<Match> match(std::span<const CheckpointRow* const> rows, const FileFacts& facts,
                           const MarkerReader& marker);

}  // namespace sluice
