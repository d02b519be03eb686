// SPDX-License-Identifier: Apache-2.0
// config_rules.h — what must hold between settings, and the defaults that depend on the machine.
//
// In:      records whose single fields are right, each with the places of its settings.
// Out:     the finished AgentConfig; a problem for each rule that is broken, at the setting that a
//          person would change.
// Owns:    nothing.
// Thread:  pure.
// Fails:   rules are independent of each other, so one broken rule hides no other.
// Why so:  apart from reading, because a reload and a configuration from elsewhere must keep the
//          same rules.
#pragma once

#include <map>
#include <vector>

#include "control/config_environment.h"
#include "control/config_load.h"
#include "control/config_problem.h"
#include "control/option_table.h"
#include "sluice/config.h"

namespace sluice {

// A record and where each of its settings was written.
template <class Record>
struct Placed {
  Record record;
  Place place{"configuration", 0, 0};  // of the whole record
  std::map<const Option*, Place> places;

  // The place of a setting: its own, or that of the record when it is a default.
  const Place& of(std::string_view name) const {
    const auto found = places.find(find_option(name));
    return found == places.end() ? place : found->second;
  }
  bool sets(std::string_view name) const { return places.contains(find_option(name)); }
};

struct Assembly {
  Placed<AgentConfig> agent;
  std::vector<Placed<SourceConfig>> sources;
  std::vector<Placed<DestinationConfig>> destinations;
};

AgentConfig assembled(Assembly assembly, const Environment& environment, const ConfigRules& rules,
                      ProblemList& problems);

}  // namespace sluice
