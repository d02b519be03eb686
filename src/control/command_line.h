// SPDX-License-Identifier: Apache-2.0
// command_line.h — reads the flags of `sluice run` and `sluice check`.
//
// In:      the arguments after the subcommand: -paths x, --paths x, -paths=x, --paths=x, repeated
//          or not; -c/--config, -h/--help, -V/--version.
// Out:     settings, names of configuration files, what to do; problems with the nearest flag.
// Thread:  pure.
// Limits:  a switch (true or false) takes its value after '=' only, as in -pin=false; every other
//          flag takes the next argument, unless that is itself a flag we know.
// Why so:  our own 100 lines over the option table and not CLI11: that library reads -paths as -p
//          -a -t -h -s, and stops at the first error where we owe the user all of them.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "control/config_settings.h"

namespace sluice {

enum class Intent : uint8_t { kRun, kHelp, kVersion };

struct CommandLine {
  Intent intent = Intent::kRun;
  std::vector<std::string> files;
  std::vector<RawSetting> settings;  // one per option; repeated flags are merged
};

CommandLine read_command_line(std::span<char* const> args, ProblemList& problems);

}  // namespace sluice
