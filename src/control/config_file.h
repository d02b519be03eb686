// SPDX-License-Identifier: Apache-2.0
// config_file.h — reads one YAML file into settings, with every key checked against the option
// table.
//
// In:      a path, and the environment through which it and its ${…} are read.
// Out:     settings that stand at the top of the file, and blocks of sources and destinations;
//          problems for unknown and repeated keys, wrong shapes, missing values.
// Owns:    its texts.
// Thread:  pure, but for reading files through the environment.
// Limits:  those of config_tree.h.
// Why so:  a setting of a source or destination may stand at the top, where it holds for all of
//          them. So the shortest file is three lines, and every flag is a key there under the same
//          name.
#pragma once

#include <string>
#include <vector>

#include "control/config_environment.h"
#include "control/config_settings.h"

namespace sluice {

// One source or destination of a file.
struct RawBlock {
  Scope scope = Scope::kSource;
  std::string name;
  Place place;
  std::vector<RawSetting> settings;
};

struct FileSettings {
  std::vector<RawSetting> shared;
  std::vector<RawBlock> sources;
  std::vector<RawBlock> destinations;
};

// Appends what the file says to `settings`.
void read_config_file(const std::string& path, const Environment& environment,
                      FileSettings& settings, ProblemList& problems);

// The same for text that is in memory already; `name` stands in messages.
void read_config_text(std::string_view text, const std::string& name,
                      const Environment& environment, FileSettings& settings,
                      ProblemList& problems);

}  // namespace sluice
