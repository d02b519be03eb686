// SPDX-License-Identifier: Apache-2.0
// config_fixture.h — a machine for the loader: files, variables and arguments that exist in memory.
//
// In:      file(path, text), set(variable, value), then load({"-c", path}).
// Out:     the outcome of the real loader.
// Owns:    the files.
// Thread:  one test.
// Why so:  the loader sees the process only through Environment, so a test can be a whole machine.
#pragma once

#include <initializer_list>
#include <map>
#include <string>
#include <vector>

#include "control/config_load.h"

namespace sluice {

class ConfigMachine {
 public:
  ConfigMachine() {
    environment.variables["HOME"] = "/home/ann";
    environment.working_directory = "/srv/app";
    environment.host_name = "web-1";
    environment.read_file = [this](const std::string& path, Bytes most) -> Result<std::string> {
      const auto found = files_.find(path);
      if (found == files_.end()) return Error::from_errno("open", ENOENT);
      if (found->second.size() > static_cast<size_t>(most.value))
        return Error{Errc::kExhausted, 0, "it is too large"};
      return found->second;
    };
  }

  void file(const std::string& path, std::string text) { files_[path] = std::move(text); }

  ConfigOutcome load(std::initializer_list<std::string> arguments) {
    std::vector<std::string> texts(arguments);
    std::vector<char*> args;
    for (std::string& text : texts) args.push_back(text.data());
    return load_config(args, environment, rules);
  }

  // Loads one file named sluice.yaml, with more arguments if given.
  ConfigOutcome load_yaml(std::string text, std::vector<std::string> more = {}) {
    file("sluice.yaml", std::move(text));
    std::vector<std::string> texts = {"-c", "sluice.yaml"};
    texts.insert(texts.end(), more.begin(), more.end());
    std::vector<char*> args;
    for (std::string& each : texts) args.push_back(each.data());
    return load_config(args, environment, rules);
  }

  // What a person would see for that file.
  std::string complaints(std::string text) {
    return format_problems(load_yaml(std::move(text)).problems);
  }

  Environment environment;
  ConfigRules rules;

 private:
  std::map<std::string, std::string> files_;
};

}  // namespace sluice
