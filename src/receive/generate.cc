// SPDX-License-Identifier: Apache-2.0
#include "receive/generate.h"

#include <fmt/format.h>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdio>

#include "receive/clocks.h"
#include "receive/durable_file.h"
#include "receive/generate_options.h"
#include "receive/log_writer.h"

namespace sluice {
namespace {

volatile sig_atomic_t stop_requested = 0;  // written by the signal, read by the writing loop

void on_stop_signal(int) {
  stop_requested = 1;
}

void catch_stop_signals() {
  struct sigaction action {};
  action.sa_handler = on_stop_signal;  // no SA_RESTART: a sleep ends at once
  sigemptyset(&action.sa_mask);
  sigaction(SIGTERM, &action, nullptr);
  sigaction(SIGINT, &action, nullptr);
}

int complain(const std::string& what, const Error& error, const char* remedy) {
  fmt::print(stderr, "sluice generate: {}: {}. {}\n", what, error.message(), remedy);
  return 1;
}

void print_summary(const LogWriter& writer, Duration elapsed) {
  const double seconds = static_cast<double>(elapsed.value) / 1e9;
  const double megabytes = static_cast<double>(writer.written_bytes().value) / 1e6;
  fmt::print(stderr,
             "sluice generate: {} lines, {:.1f} MB in {:.2f} s ({:.1f} MB/s), {} rotations\n",
             writer.written_lines().value, megabytes, seconds, megabytes / std::max(seconds, 1e-9),
             writer.rotations());
}

}  // namespace

int generate_main(std::span<char* const> args) {
  auto parsed = parse_generate_options(args);
  if (const int* code = std::get_if<int>(&parsed)) return *code;
  const GenerateOptions& options = std::get<GenerateOptions>(parsed);

  catch_stop_signals();
  if (auto made = make_directories(options.out); !made.ok()) {
    return complain(options.out, made.error(), "Choose another directory with --out.");
  }
  Ledger past;
  if (::access(options.ledger.c_str(), F_OK) == 0) {
    auto read = read_ledger(options.ledger);
    if (!read.ok()) {
      return complain(options.ledger, read.error(),
                      "Remove it together with its files, or choose another --out.");
    }
    past = std::move(read).value();
  }
  LogWriter writer(options, past);
  if (auto opened = writer.open(); !opened.ok()) {
    return complain(
        writer.failed_path(), opened.error(),
        "Files without a ledger cannot be continued: remove them or choose another --out.");
  }
  const MonoTime begin = read_mono_clock();
  const Result<void> ran = writer.run(stop_requested);
  if (!ran.ok()) complain(writer.failed_path(), ran.error(), "The ledger tells what was written.");
  if (auto wrote = write_ledger(writer.ledger(), options.ledger); !wrote.ok()) {
    return complain(options.ledger, wrote.error(), "Choose another place with --ledger.");
  }
  if (!options.quiet) print_summary(writer, read_mono_clock() - begin);
  return ran.ok() ? 0 : 1;
}

}  // namespace sluice
