// SPDX-License-Identifier: Apache-2.0
// config_environment.h — what the configuration may know of the process it is loaded in.
//
// In:      Environment::of_process() once, in main; tests write one by hand.
// Out:     variables, directory, host name, user, and the door through which ${file:…} and -c read.
// Owns:    copies. Nothing refers to the process after that.
// Thread:  a value type; read_file may block on a disk.
// Limits:  a file is read up to the bound that its reader names; devices and pipes are refused.
// Why so:  with it the loader is a function of its arguments, and the fuzzer can feed it bytes
//          without giving them the disk.
#pragma once

#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "control/config_settings.h"
#include "sluice/result.h"
#include "sluice/units.h"

namespace sluice {

struct Environment {
  using ReadFile = std::function<Result<std::string>(const std::string& path, Bytes most)>;

  std::map<std::string, std::string> variables;
  std::string working_directory;  // absolute, or empty: relative paths stay as they are
  std::string host_name;
  bool is_root = false;
  ReadFile read_file;  // null: nothing can be read

  static Environment of_process();

  // Null when it is not set; set but empty counts as not set, as in container files.
  const std::string* variable(const std::string& name) const;
};

// Reads a regular file. kExhausted: it is larger than `most`.
Result<std::string> read_regular_file(const std::string& path, Bytes most);

// The settings that SLUICE_… variables give, and a warning for one that looks misspelt.
std::vector<RawSetting> settings_from_environment(const Environment& environment,
                                                  ProblemList& problems);

}  // namespace sluice
