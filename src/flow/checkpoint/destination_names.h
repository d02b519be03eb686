// SPDX-License-Identifier: Apache-2.0
// destination_names.h — whether a destination was given another name since positions were stored.
//
// In:      the stored rows, and the names that the configuration has now.
// Out:     names that nobody has any more, and new ones that have no position yet.
// Owns:    nothing.
// Thread:  any. Pure.
// Limits:  one look at each row at start; rows of one destination lie together, so it is a
//          comparison of two short texts per row.
// Fails:   cannot.
// Why so:  positions go by the destination's name, since an address may change at any time. So a
//          new name begins at the beginning of every file, and whoever only renamed a destination
//          gets everything twice. He must hear of it before he sees it there.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "sluice/store.h"

namespace sluice {

struct DestinationNames {
  std::vector<std::string> gone;   // have positions of files that are there, and no configuration
  std::vector<std::string> fresh;  // are configured and have no position

  bool look_renamed() const { return !gone.empty() && !fresh.empty(); }
};

DestinationNames compare_names(std::span<const CheckpointRow> rows,
                               std::span<const std::string> configured);

}  // namespace sluice
