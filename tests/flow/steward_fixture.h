// SPDX-License-Identifier: Apache-2.0
// steward_fixture.h — the fixture of the steward's tests: one directory, /l, and one agent.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>

#include "steward_stand.h"

namespace sluice {

using namespace literals;
using LineList = std::vector<std::string>;

inline StewardSource source(const std::vector<std::string>& paths,
                            StartFrom from = StartFrom::kBeginning) {
  auto rules = PathRules::compile(paths, {});
  SLUICE_CHECK(rules.ok(), "the patterns of a test are well formed");
  return {.name = "default",
          .rules = std::move(*rules),
          .from = from,
          .destinations = {DestinationId(0)}};
}

inline StewardSettings settings_for(StewardSource only) {
  StewardSettings settings;
  settings.sources.push_back(std::move(only));
  settings.destinations.push_back({.name = "default", .ordered = false});
  return settings;
}

class StewardTest : public testing::Test {
 protected:
  StewardTest() { disk_.make_directories("/l"); }

  void agent(StewardSettings settings) {
    stand_ = std::make_unique<StewardStand>(std::move(settings), disk_, disk_, store_);
  }
  void agent(const std::vector<std::string>& paths = {"/l/*.log"}) {
    agent(settings_for(source(paths)));
  }
  StewardStand& stand() { return *stand_; }
  LineList lines(const std::string& path = "/l/a.log") { return stand().lines[path]; }

  MemoryDisk disk_;
  MemoryStore store_;
  std::unique_ptr<StewardStand> stand_;
};

}  // namespace sluice
