// SPDX-License-Identifier: Apache-2.0
// evidence.h — the small reads that prove which file this is: its head, the bytes before an offset.
//
// In:      an open file.
// Out:     bytes and hashes, or the error of the read.
// Owns:    nothing; borrows the Disk and the handle for the call (the reader: while it is used).
// Limits:  at most kHeadBytesMax bytes per call; once per file and per changed checkpoint row.
// Fails:   with the error of the read. A marker of which not all bytes are there is kNotFound: the
//          file is shorter than the offset.
// Why so:  apart from identity.h, so that the rules there stay pure and their tests need no disk.
#pragma once

#include <cstddef>
#include <span>
#include <vector>

#include "flow/discover/identity.h"
#include "sluice/disk.h"
#include "sluice/ids.h"
#include "sluice/result.h"

namespace sluice {

// The first bytes of the file, at most kHeadBytesMax.
Result<std::vector<std::byte>> read_head(Disk& disk, FileHandle file);
// The bytes before `offset`, at most Marker::kBytesMax.
Result<Marker> read_marker(Disk& disk, FileHandle file, FileOffset offset);
// gzip, zstd, xz, bzip2 or lz4, by its first bytes: no text.
bool looks_compressed(std::span<const std::byte> head);
// For judge() and match().
// `unreadable`, if given, is set when the disk fails: "cannot be read" is not "is another content".
MarkerReader marker_reader(Disk& disk, FileHandle file, bool* unreadable = nullptr);
// Where the last line that is not finished begins: after the last newline among the last bytes
// before `size`; `size` itself if they hold none.
Result<FileOffset> last_line_start(Disk& disk, FileHandle file, Bytes size);

}  // namespace sluice
