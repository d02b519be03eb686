// SPDX-License-Identifier: Apache-2.0
// config_tree.h — a YAML text as a plain tree in which every value knows its line and column.
//
// In:      the bytes of a configuration file.
// Out:     a ConfigNode, or nothing and the problem with its place.
// Owns:    its texts. yaml-cpp is seen by config_tree.cc alone; none of its types or exceptions
//          leaves it.
// Thread:  pure.
// Limits:  1 MiB of text, 20,000 nodes after aliases are resolved, 32 levels. Aliases copy what
//          they name, so a bomb of them meets the bound on nodes; an alias to something still open
//          is refused.
// Fails:   broken YAML has one problem: after a parser has lost its place, more would be guesses.
// Why so:  yaml-cpp's own nodes hide duplicate keys behind look-ups and share aliased parts; from
//          its events we get both as they were written.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "control/config_problem.h"
#include "sluice/units.h"

namespace sluice {

inline constexpr Bytes kConfigFileBytesMax = Bytes(1 << 20);

struct ConfigNode {
  enum class Kind : uint8_t { kNull, kScalar, kList, kMap };

  Kind kind = Kind::kNull;
  std::string text;  // of a scalar
  Place place;
  std::vector<ConfigNode> items;  // of a list or a map, in the order of the file
  std::string key;                // when the node is an entry of a map
  Place key_place;
};

std::optional<ConfigNode> parse_config_tree(std::string_view text, const std::string& file,
                                            ProblemList& problems);

}  // namespace sluice
