// SPDX-License-Identifier: Apache-2.0
// record_index.h — where lines end in files that are not plain text: UTF-16 and container logs.
//
// In:      the text of one read and what it is.
// Out:     an index like newline_scan's: UTF-16, offset just after each newline of two bytes at an
//          even offset of the file; container logs, offset just after each group of lines that
//          belong together, so that the parts of a record are framed as one line.
// Owns:    nothing. Allocates nothing.
// Thread:  any; pure.
// Limits:  as newline_scan. What follows the last end is not finished.
// Fails:   cannot.
// Why so:  because a record ends where its last part does, nothing of it needs to be remembered
//          from read to read, nor over a restart: it is read again until it is whole.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "sluice/line_form.h"
#include "sluice/units.h"

namespace sluice {

// Text, what it is, and where in its file it begins.
struct FormedText {
  std::span<const uint8_t> bytes;
  LineForm form;
  FileOffset offset;  // of bytes[0]
  bool inside_line = false;
};

// REQUIRES: the form is UTF-16 or a container's. Returns the number of ends written. There are more
// if line_ends is full and the last one is not the end of the text.
uint32_t index_records(const FormedText& text, std::span<uint32_t> line_ends);

// How many bytes of an over-long line or record make a piece of at most `size`: not inside a
// character, and in a container log, if possible, just before the newline of a part. The next piece
// begins with that newline, by which everybody sees that it is inside of something.
// REQUIRES: size < bytes.size(), and no line ends within `size` bytes.
size_t piece_of(const FormedText& text, size_t size);

// How long the newline is that the bound of a line does not count.
constexpr size_t newline_bytes(LineForm form) {
  return form.is_utf16() ? 2 : 1;
}

// Whether a file that begins like this is one of gzip, zstd, xz or bzip2.
bool is_compressed(std::span<const uint8_t> begin);

// Whether the bytes before an offset of the file end with a newline. True for none at all.
bool ends_with_newline(std::span<const uint8_t> before, FileOffset offset, LineForm form);

}  // namespace sluice
