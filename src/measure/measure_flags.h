// SPDX-License-Identifier: Apache-2.0
// measure_flags.h — the flags that `sluice bench` and `sluice tune` have beside those of the agent.
//
// In:      the arguments after the subcommand.
// Out:     their own flags; everything else, in order, for the reader of the agent's flags.
// Owns:    its texts; `rest` borrows the arguments.
// Thread:  pure.
// Limits:  -name value, -name=value, one dash or two, as everywhere.
// Fails:   `problem` is a sentence.
// Why so:  what is measured is what a run with the same flags would do, so all of its flags,
//          variables and files are taken as they are.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "measure/tune_choice.h"
#include "receive/line_shapes.h"

namespace sluice {

enum class MeasureCommand : uint8_t { kBench, kTune };

struct MeasureFlags {
  bool help = false;
  bool json = false;
  bool quiet = false;
  double seconds = 10;
  std::string sample;
  LineShape shape = LineShape::kNginx;
  // Of tune:
  std::string to;
  std::string plot;
  TuneGoal prefer = TuneGoal::kSpeed;
  uint64_t log_bytes = uint64_t{512} << 20;

  std::vector<char*> rest;
  std::string problem;
};

MeasureFlags read_measure_flags(MeasureCommand command, std::span<char* const> args);
std::string measure_help(MeasureCommand command);

}  // namespace sluice
