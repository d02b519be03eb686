// SPDX-License-Identifier: Apache-2.0
// line_shapes.h — what generated logs look like: realistic lines with two holes, token and clock.
//
// In:      a shape and a seed.
// Out:     a script: some megabytes of lines in an order that makes sense (a stack trace follows
//          its first line), to be written again and again with fresh holes.
// Owns:    the script; immutable after construction, so that all streams can share it.
// Thread:  any may read.
// Limits:  kScriptBytes of text, at least 64 lines. Every line is valid UTF-8, has no newline and
//          no carriage return, and holds exactly one token.
// Why so:  patching two holes costs 40 ns per line, formatting one costs 1000, and a generator
//          that is slower than the agent measures itself. A script of 4 MiB repeats far outside
//          the window of gzip (32 KiB) and of zstd level 1 (512 KiB), so ratios stay honest.
#pragma once

#include <cstdint>
#include <ctime>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace sluice {

enum class LineShape : uint8_t { kNginx, kJson, kShort, kJava, kLong, kUtf8 };

std::optional<LineShape> read_line_shape(std::string_view name);
std::string_view line_shape_name(LineShape shape);

inline constexpr uint32_t kNoClock = UINT32_MAX;

// A line of the script: a slice of its text and the places to patch.
struct ScriptLine {
  uint32_t text_at = 0;
  uint32_t length = 0;           // without newline
  uint32_t token_at = 0;         // from the start of the line
  uint32_t clock_at = kNoClock;  // from the start of the line
  bool starts_event = true;      // false for the lines of a stack trace
};

class LineScript {
 public:
  LineScript(LineShape shape, uint64_t seed);

  const std::vector<ScriptLine>& lines() const { return lines_; }
  std::string_view text(const ScriptLine& line) const {
    return std::string_view(text_).substr(line.text_at, line.length);
  }
  uint32_t longest_line() const { return longest_line_; }

  // The clock of this shape at a second, to be copied to clock_at: "22/Nov/2026:17:18:46".
  std::string clock_text(time_t second) const;

 private:
  LineShape shape_;
  std::string text_;
  std::vector<ScriptLine> lines_;
  uint32_t longest_line_ = 0;
};

}  // namespace sluice
