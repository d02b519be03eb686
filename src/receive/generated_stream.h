// SPDX-License-Identifier: Apache-2.0
// generated_stream.h — the lines of one stream: the next ones, with number, stamp and proof.
//
// In:      a shared script and the time; room in a buffer.
// Out:     whole lines with newline, and what the ledger must know about them.
// Owns:    the place in the script and the sums. Borrows the script, which must outlive it.
// Thread:  one.
// Limits:  a line needs its length + 1 bytes of room; the room of the longest always suffices.
// Why so:  pure: no clock and no file, so that tests compare bytes and a benchmark measures only
//          this (about 40 ns per line of 170 bytes).
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

#include "receive/ledger.h"
#include "receive/line_shapes.h"

namespace sluice {

class GeneratedStream {
 public:
  // Continues after `past`, whose stream id and counts it takes over.
  GeneratedStream(const LineScript& script, LedgerStream past);

  uint32_t next_line_bytes() const { return script_->lines()[place_].length + 1; }
  bool next_starts_event() const { return script_->lines()[place_].starts_event; }

  // Writes the next line with its newline and returns the bytes used.
  // REQUIRES: room for next_line_bytes().
  size_t write_line(char* to, int64_t stamp_ns);

  void note_raced(uint64_t first, uint64_t last) { ledger_.raced.emplace_back(first, last); }
  const LedgerStream& ledger() const { return ledger_; }

 private:
  void refresh_clock(int64_t stamp_ns);

  const LineScript* script_;
  size_t place_ = 0;
  LedgerStream ledger_;
  int64_t clock_second_ = -1;
  std::string clock_text_;
};

}  // namespace sluice
