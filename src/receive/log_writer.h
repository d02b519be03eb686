// SPDX-License-Identifier: Apache-2.0
// log_writer.h — drives generated streams into rotating files, at full speed or at a rate.
//
// In:      options, the ledger of an earlier run, a flag that a signal sets.
// Out:     files, and the ledger of all lines that were written.
// Owns:    the script, one stream and one file per stream, one buffer.
// Thread:  one. The stamp of a line is the clock read before the write that carries it: per line
//          up to 20,000 lines/s, else per millisecond; per 256 KiB at full speed.
// Limits:  a slow disk makes a live run late; it then catches up, with true stamps.
// Fails:   Error, with the path in failed_path(). The ledger then also counts the lines of the
//          failed write, so a check against it errs on the side of "missing".
// Why so:  one thread writes 1 to 2 GB/s into the page cache, far above what is to be measured, and
//          it makes a pause around copytruncate trivial: nobody else writes.
#pragma once

#include <csignal>
#include <memory>
#include <string>
#include <vector>

#include "receive/generate_options.h"
#include "receive/generated_stream.h"
#include "receive/ledger.h"
#include "receive/rotating_file.h"
#include "sluice/units.h"

namespace sluice {

class LogWriter {
 public:
  LogWriter(const GenerateOptions& options, const Ledger& past);

  Result<void> open();
  Result<void> run(const volatile sig_atomic_t& stop);

  Ledger ledger() const;
  Lines written_lines() const { return lines_; }  // of this run
  Bytes written_bytes() const { return bytes_; }
  uint64_t rotations() const;
  const std::string& failed_path() const { return failed_path_; }

 private:
  struct Output {
    GeneratedStream stream;
    RotatingFile file;
  };

  bool is_complete(MonoTime now) const;
  bool room_for_line() const;
  Result<void> run_flat_out(const volatile sig_atomic_t& stop);
  Result<void> run_at_rate(const volatile sig_atomic_t& stop);
  double due_now(MonoTime now) const;
  double written_units() const;
  Result<void> write_due_lines(double due);

  // Adds lines of this output to the buffer until it holds `bytes`, and whole events.
  void fill(Output& output, size_t bytes, Lines lines = Lines::max());
  void add_line(Output& output, int64_t stamp_ns);
  Result<void> flush(Output& output);
  Result<void> rotate_if_large(Output& output);
  Result<void> rotate_all_if_due(MonoTime now);
  Result<void> rotate(Output& output);
  void show_progress(MonoTime now);

  const GenerateOptions options_;
  const Ledger past_;
  const std::unique_ptr<const LineScript> script_;
  std::vector<Output> outputs_;
  std::unique_ptr<char[]> buffer_;
  size_t buffer_bytes_ = 0;
  Lines lines_;
  Bytes bytes_;
  size_t turn_ = 0;  // whose line is next
  MonoTime begin_;
  MonoTime next_rotation_ = kNever;
  MonoTime next_progress_ = kNever;
  std::string failed_path_;
};

}  // namespace sluice
