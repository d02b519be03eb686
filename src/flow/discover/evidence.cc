// SPDX-License-Identifier: Apache-2.0
#include "flow/discover/evidence.h"

#include <algorithm>
#include <array>
#include <span>
#include <string_view>

namespace sluice {
namespace {

// Reads until `into` is full or the file ends.
Result<size_t> read_fully(Disk& disk, FileHandle file, FileOffset offset,
                          std::span<std::byte> into) {
  size_t done = 0;
  while (done < into.size()) {
    const auto bytes =
        disk.read_at(file, offset + Bytes(static_cast<int64_t>(done)), into.subspan(done));
    if (!bytes.ok()) return bytes.error();
    if (*bytes == 0) break;
    done += *bytes;
  }
  return done;
}

}  // namespace

Result<std::vector<std::byte>> read_head(Disk& disk, FileHandle file) {
  std::vector<std::byte> head(kHeadBytesMax);
  const auto bytes = read_fully(disk, file, FileOffset(0), head);
  if (!bytes.ok()) return bytes.error();
  head.resize(*bytes);
  return head;
}

Result<Marker> read_marker(Disk& disk, FileHandle file, FileOffset offset) {
  Marker marker;
  marker.size = static_cast<uint32_t>(std::min<int64_t>(offset.value, Marker::kBytesMax));
  const std::span<uint8_t> room(marker.bytes.data(), marker.size);
  const auto bytes =
      read_fully(disk, file, offset - Bytes(marker.size), std::as_writable_bytes(room));
  if (!bytes.ok()) return bytes.error();
  if (*bytes < marker.size) return Error{Errc::kNotFound, 0, "marker: the file is shorter"};
  return marker;
}

bool looks_compressed(std::span<const std::byte> head) {
  constexpr std::array<std::string_view, 5> kMagics = {"\x1f\x8b", "\x28\xb5\x2f\xfd",
                                                       "\xfd"
                                                       "7zXZ",
                                                       "BZh", "\x04\x22\x4d\x18"};
  const std::string_view text(reinterpret_cast<const char*>(head.data()), head.size());
  return std::any_of(kMagics.begin(), kMagics.end(),
                     [&](std::string_view magic) { return text.starts_with(magic); });
}

MarkerReader marker_reader(Disk& disk, FileHandle file, bool* unreadable) {
  return [&disk, file, unreadable](FileOffset offset, uint32_t bytes) -> std::optional<uint64_t> {
    if (bytes > Marker::kBytesMax || int64_t{bytes} > offset.value) return std::nullopt;
    std::array<std::byte, Marker::kBytesMax> room;
    const std::span<std::byte> into = std::span(room).first(bytes);
    const auto done = read_fully(disk, file, offset - Bytes(bytes), into);
    if (!done.ok() && unreadable != nullptr) *unreadable = true;
    if (!done.ok() || *done < bytes) return std::nullopt;
    return content_hash(into);
  };
}

Result<FileOffset> last_line_start(Disk& disk, FileHandle file, Bytes size) {
  // A longer unfinished line loses its beginning, which "from: end" did not promise.
  std::array<std::byte, 4096> room;
  const auto bytes = std::min<int64_t>(size.value, static_cast<int64_t>(room.size()));
  const FileOffset begin(size.value - bytes);
  const auto done =
      read_fully(disk, file, begin, std::span(room).first(static_cast<size_t>(bytes)));
  if (!done.ok()) return done.error();
  for (size_t i = *done; i > 0; --i) {
    if (room[i - 1] == std::byte('\n')) return begin + Bytes(static_cast<int64_t>(i));
  }
  return begin + Bytes(static_cast<int64_t>(*done));
}

}  // namespace sluice
