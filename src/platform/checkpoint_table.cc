// SPDX-License-Identifier: Apache-2.0
#include "platform/checkpoint_table.h"

#include <xxhash.h>

#include <array>
#include <bit>

#include "platform/sqlite_handle.h"

namespace sluice {

namespace {

// Columns in the order of kCheckpointSchema.
enum Column : int {
  kRow,
  kDestination,
  kPath,
  kDevice,
  kInode,
  kBirthNs,
  kHeadBytes,
  kHeadHash,
  kEpoch,
  kByteOffset,
  kMarkerBytes,
  kMarkerHash,
  kUpdatedNs,
  kGone,
  kChecksum,
};

int64_t as_signed(uint64_t value) {
  return std::bit_cast<int64_t>(value);
}

void put(std::string& out, int64_t value) {
  static_assert(std::endian::native == std::endian::little, "the format is little-endian");
  const auto bytes = std::bit_cast<std::array<char, sizeof value>>(value);
  out.append(bytes.data(), bytes.size());
}

void put(std::string& out, std::string_view text) {
  put(out, static_cast<int64_t>(text.size()));
  out += text;
}

int bind_text(sqlite3_stmt* statement, int column, const std::string& text) {
  return sqlite3_bind_text64(statement, column + 1, text.data(), text.size(), SQLITE_STATIC,
                             SQLITE_UTF8);
}

// A row that version 1 wrote is still good, so the seed stays what it was.
constexpr uint64_t kChecksumSeed = 1;

}  // namespace

int64_t checksum_of_bytes(std::string_view bytes) {
  return as_signed(XXH3_64bits_withSeed(bytes.data(), bytes.size(), kChecksumSeed));
}

int64_t checksum_of(const CheckpointRow& row) {
  std::string bytes;
  bytes.reserve(16 * 8 + row.destination.size() + row.path.size());
  put(bytes, row.row);
  put(bytes, row.destination);
  put(bytes, row.path);
  put(bytes, as_signed(row.identity.device));
  put(bytes, as_signed(row.identity.inode));
  put(bytes, row.identity.birth_ns);
  put(bytes, static_cast<int64_t>(row.identity.head_bytes));
  put(bytes, as_signed(row.identity.head_hash));
  put(bytes, static_cast<int64_t>(row.epoch.value));
  put(bytes, row.offset.value);
  put(bytes, static_cast<int64_t>(row.marker_bytes));
  put(bytes, as_signed(row.marker_hash));
  put(bytes, row.updated.value);
  put(bytes, static_cast<int64_t>(row.gone));
  return checksum_of_bytes(bytes);
}

int64_t checksum_of_meta(std::string_view name, std::string_view value) {
  std::string bytes;
  put(bytes, name);
  put(bytes, value);
  return checksum_of_bytes(bytes);
}

int bind_row(sqlite3_stmt* upsert, const CheckpointRow& row) {
  int code = SQLITE_OK;
  const auto keep = [&code](int bound) {
    if (code == SQLITE_OK) code = bound;
  };
  const auto number = [&](Column column, int64_t value) {
    keep(sqlite3_bind_int64(upsert, column + 1, value));
  };
  number(kRow, row.row);
  keep(bind_text(upsert, kDestination, row.destination));
  keep(bind_text(upsert, kPath, row.path));
  number(kDevice, as_signed(row.identity.device));
  number(kInode, as_signed(row.identity.inode));
  number(kBirthNs, row.identity.birth_ns);
  number(kHeadBytes, row.identity.head_bytes);
  number(kHeadHash, as_signed(row.identity.head_hash));
  number(kEpoch, row.epoch.value);
  number(kByteOffset, row.offset.value);
  number(kMarkerBytes, row.marker_bytes);
  number(kMarkerHash, as_signed(row.marker_hash));
  number(kUpdatedNs, row.updated.value);
  number(kGone, row.gone ? 1 : 0);
  number(kChecksum, checksum_of(row));
  return code;
}

bool read_row(sqlite3_stmt* select, CheckpointRow& row) {
  if (sqlite3_column_count(select) != kChecksum + 1) return false;
  const auto number = [select](Column column) { return sqlite3_column_int64(select, column); };
  const auto bits = [&](Column column) { return std::bit_cast<uint64_t>(number(column)); };
  row.row = number(kRow);
  row.destination = column_bytes(select, kDestination);
  row.path = column_bytes(select, kPath);
  row.identity.device = bits(kDevice);
  row.identity.inode = bits(kInode);
  row.identity.birth_ns = number(kBirthNs);
  row.identity.head_bytes = static_cast<uint32_t>(number(kHeadBytes));
  row.identity.head_hash = bits(kHeadHash);
  row.epoch = Epoch(static_cast<uint32_t>(number(kEpoch)));
  row.offset = FileOffset(number(kByteOffset));
  row.marker_bytes = static_cast<uint32_t>(number(kMarkerBytes));
  row.marker_hash = bits(kMarkerHash);
  row.updated = WallTime(number(kUpdatedNs));
  row.gone = number(kGone) != 0;
  // The numbers above were narrowed as the checksum narrows them: a flip in bits that are not
  // kept changes nothing that is used, and every other flip changes the checksum.
  return row.row > 0 && number(kChecksum) == checksum_of(row);
}

}  // namespace sluice
