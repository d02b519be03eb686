// SPDX-License-Identifier: Apache-2.0
#include "receive/generated_stream.h"

#include <cstring>
#include <utility>

#include "receive/line_token.h"

namespace sluice {

GeneratedStream::GeneratedStream(const LineScript& script, LedgerStream past)
    : script_(&script), ledger_(std::move(past)) {
  // Streams start at different places, so that their files are not copies of each other.
  const auto& lines = script.lines();
  place_ = (ledger_.stream * 7919ull + ledger_.lines) % lines.size();
  while (!lines[place_].starts_event) place_ = (place_ + 1) % lines.size();
}

size_t GeneratedStream::write_line(char* to, int64_t stamp_ns) {
  const ScriptLine& line = script_->lines()[place_];
  std::memcpy(to, script_->text(line).data(), line.length);
  if (line.clock_at != kNoClock) {
    refresh_clock(stamp_ns);
    std::memcpy(to + line.clock_at, clock_text_.data(), clock_text_.size());
  }
  const LineToken token{ledger_.stream, ledger_.lines, line.length, stamp_ns};
  ledger_.hash_sum += write_token(to, line.token_at, token);
  to[line.length] = '\n';
  ledger_.lines += 1;
  ledger_.bytes += line.length + 1;
  if (++place_ == script_->lines().size()) place_ = 0;
  return line.length + 1;
}

void GeneratedStream::refresh_clock(int64_t stamp_ns) {
  const int64_t second = stamp_ns / 1'000'000'000;
  if (second == clock_second_) return;
  clock_second_ = second;
  clock_text_ = script_->clock_text(second);
}

}  // namespace sluice
