// SPDX-License-Identifier: Apache-2.0
// generate_options.h — what `sluice generate` was asked to do.
//
// In:      the words after "generate".
// Out:     checked options, or the exit code after help (0) or a message on stderr (78).
// Thread:  main, before anything runs.
// Fails:   bad flags name the flag, the value and what was expected.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <variant>

#include "receive/amounts.h"
#include "receive/line_shapes.h"
#include "receive/rotating_file.h"
#include "sluice/units.h"

namespace sluice {

struct GenerateOptions {
  std::string out;
  std::string ledger;  // empty: OUT/ledger.json
  uint32_t files = 1;
  uint32_t first_stream = 0;
  LineShape shape = LineShape::kNginx;
  uint64_t seed = 1;
  std::optional<Bytes> bytes;
  std::optional<Lines> lines;
  std::optional<WriteRate> rate;  // none: as fast as possible
  std::optional<Duration> duration;
  Rotation rotation = Rotation::kNone;
  std::optional<Duration> rotate_every;
  std::optional<Bytes> rotate_bytes;
  uint32_t keep = 0;
  Duration settle{250'000'000};
  bool race = false;
  bool quiet = false;
};

std::variant<GenerateOptions, int> parse_generate_options(std::span<char* const> args);

}  // namespace sluice
