// SPDX-License-Identifier: Apache-2.0
// path_rule.h — which rule of the configuration speaks of a path, in words.
//
// In:      the sources of a configuration; a path.
// Out:     per source: the pattern that matches, the exclusion that wins, or the nearest pattern
//          and the component in which it differs.
// Owns:    nothing.
// Thread:  pure.
// Limits:  compiles the patterns anew for each question; a person asks.
// Why so:  the matcher of the data path says yes or no. Why is asked seldom, and by somebody who
//          would otherwise compare patterns by eye.
#pragma once

#include <string>
#include <vector>

#include "sluice/config.h"

namespace sluice {

struct PathRuling {
  std::string source;
  std::string matched;   // the pattern; empty: none
  std::string excluded;  // by this pattern; empty: it is not
  std::string nearest;   // without a match: the pattern that comes nearest
  std::string differs;   // and where it differs, in words

  bool wants() const { return !matched.empty() && excluded.empty(); }
};

// One per source, in their order.
std::vector<PathRuling> rule_on(const AgentConfig& config, const std::string& path);

// A directory on the way to the path that is not entered, and why; empty: none. `is_link` says
// which directories are symbolic links.
std::string blocked_on_the_way(const SourceConfig& source, const std::string& path,
                               const std::vector<std::string>& links);

}  // namespace sluice
