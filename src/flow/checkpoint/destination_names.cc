// SPDX-License-Identifier: Apache-2.0
#include "flow/checkpoint/destination_names.h"

#include <algorithm>
#include <set>
#include <string_view>

namespace sluice {

DestinationNames compare_names(std::span<const CheckpointRow> rows,
                               std::span<const std::string> configured) {
  std::set<std::string_view> known;    // of any row
  std::set<std::string_view> present;  // of rows whose files were there at last
  const std::string* last = nullptr;
  bool last_gone = false;
  for (const CheckpointRow& row : rows) {
    if (row.destination.empty()) continue;  // a note about a source
    if (last != nullptr && *last == row.destination && last_gone == row.gone) continue;
    last = &row.destination;
    last_gone = row.gone;
    known.insert(row.destination);
    if (!row.gone) present.insert(row.destination);
  }
  DestinationNames names;
  for (const std::string_view name : present) {
    if (std::find(configured.begin(), configured.end(), name) == configured.end())
      names.gone.emplace_back(name);
  }
  for (const std::string& name : configured)
    if (!known.contains(name)) names.fresh.push_back(name);
  return names;
}

}  // namespace sluice
