// SPDX-License-Identifier: Apache-2.0
// seek_data.h — where the next bytes lie that were written: the end of a hole.
//
// In:      an open regular file, an offset.
// Out:     as Disk::next_data and Io::next_data promise.
// Owns:    nothing. Thread: any; it moves the descriptor's own position, which nobody reads by.
// Limits:  one system call, a second one at the end of the file.
// Fails:   with the errno. A file system that knows no holes says that everything is data.
// Why so:  the steward and the shards ask the same question through seams of their own.
#pragma once

#include "sluice/disk.h"

namespace sluice {

Result<FileOffset> seek_data(FileHandle file, FileOffset from);

}  // namespace sluice
