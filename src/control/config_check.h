// SPDX-License-Identifier: Apache-2.0
// config_check.h — `sluice check`: is this configuration right, and is this machine ready for it?
//
// In:      the flags of `sluice run`, and --print.
// Out:     stdout: a summary, or the effective configuration with --print. stderr: every problem.
//          Exit code 0, or 78 when there is an error. Warnings do not change it.
// Owns:    nothing after the call.
// Thread:  one; blocks on the disk. Looks only, creates and changes nothing.
// Limits:  100,000 directory entries are looked at; a larger tree is not walked to its end.
// Why so:  what may change by itself (files that appear later, permissions) is a warning; what
//          cannot run is an error.
#pragma once

#include <cstdio>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "control/config_load.h"

namespace sluice {

inline constexpr int kExitConfiguration = 78;  // EX_CONFIG of sysexits.h

// The answers of the part that owns the language of patterns.
struct PathMatcher {
  std::function<bool(std::string_view path)> wants;
  // May a path below this directory be wanted? `link`: the directory is a symbolic link.
  std::function<bool(std::string_view directory, bool link)> descends;
  std::vector<std::string> roots;  // directories in which to begin
};

struct CheckTools {
  ConfigRules rules;
  // Null: patterns are not compared with the disk.
  std::function<std::optional<PathMatcher>(const std::vector<std::string>& paths,
                                           const std::vector<std::string>& exclude)>
      matcher;
};

// What a run on this machine would meet: patterns without a file, what cannot be read, a state
// directory that cannot be written. All are warnings.
std::vector<ConfigProblem> check_machine(const AgentConfig& config, const CheckTools& tools);

int check_main(std::span<char* const> args, const Environment& environment,
               const CheckTools& tools = {}, std::FILE* out = stdout, std::FILE* errors = stderr);

}  // namespace sluice
