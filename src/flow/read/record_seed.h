// SPDX-License-Identifier: Apache-2.0
// record_seed.h — the part of a record's id that is constant for one content of one file.
//
// In:      the file's seed (host id and identity) and the epoch.
// Out:     128 bits; with the byte offset of a line they name that line for ever, in any run.
// Thread:  pure.
// Why so:  the epoch is in it, so that bytes written after a truncation never get the ids of the
//          bytes that lay there before.
#pragma once

#include "sluice/ids.h"

namespace sluice {

Digest128 record_seed(const Digest128& file_seed, Epoch epoch) noexcept;

}  // namespace sluice
