// SPDX-License-Identifier: Apache-2.0
#include "receive/generate_options.h"

#include <CLI/CLI.hpp>

#include "receive/argument_spelling.h"
#include "receive/line_token.h"

namespace sluice {
namespace {

constexpr int kExitConfiguration = 78;
constexpr int64_t kLinesMax = 1'000'000'000'000;  // months of writing

constexpr const char* kFooter = R"(
Every line holds rid=... with its stream, sequence, length, checksum and time of writing, so that
`sluice receive --verify` can tell which lines are missing, duplicate or damaged, and how late they
came. The ledger (OUT/ledger.json) is written at the end and on SIGTERM. A second run into the same
directory continues the same files and the same ledger.

Examples:
  sluice generate --out /tmp/logs --bytes 1GiB                      as fast as possible
  sluice generate --out /tmp/logs --files 4 --shape json --rate 10MB/s --duration 20s
  sluice generate --out /tmp/logs --rate 1000lines/s --rotate rename --rotate-every 2s
  sluice generate --out /tmp/logs --rate 5MB/s --duration 20s --rotate copytruncate --rotate-bytes 10MiB)";

template <class T>
void add_amount(CLI::App& app, const std::string& flag, std::optional<T>* to,
                std::optional<T> (*read)(std::string_view), const char* example,
                const std::string& description) {
  app.add_option_function<std::string>(
      flag,
      [to, read, flag, example](const std::string& text) {
        *to = read(text);
        if (!to->has_value()) {
          throw CLI::ValidationError(
              flag, "\"" + text + "\" is not understood; write for example " + example);
        }
      },
      description + " (" + example + ")");
}

void add_what(CLI::App& app, GenerateOptions& options) {
  app.add_option("--out", options.out, "directory for stream-0000.log and so on; created")
      ->required();
  app.add_option("--files", options.files, "number of files, one stream each (1)")
      ->check(CLI::Range(1u, 100'000u));
  app.add_option("--first-stream", options.first_stream,
                 "number of the first stream, when several generators feed one receiver (0)");
  app.add_option_function<std::string>(
      "--shape",
      [&options](const std::string& text) {
        const auto shape = read_line_shape(text);
        if (!shape) {
          throw CLI::ValidationError(
              "--shape", "\"" + text + "\" is none of nginx, json, short, java, long, utf8");
        }
        options.shape = *shape;
      },
      "nginx, json, short, java (stack traces), long (to 700 KB) or utf8 (nginx)");
  app.add_option("--seed", options.seed, "same seed, same lines (1)");
  app.add_option("--ledger", options.ledger, "where to write what was written (OUT/ledger.json)");
  add_amount(app, "--bytes", &options.bytes, read_bytes_text, "1GiB", "stop after so many bytes");
  app.add_option_function<int64_t>(
         "--lines", [&options](const int64_t& n) { options.lines = Lines(n); },
         "stop after so many lines")
      ->check(CLI::Range(int64_t{1}, kLinesMax));
}

void add_when(CLI::App& app, GenerateOptions& options) {
  add_amount(app, "--rate", &options.rate, read_write_rate_text, "10MB/s or 1000lines/s",
             "live mode: write evenly in time; without it as fast as possible");
  add_amount(app, "--duration", &options.duration, read_duration_text, "20s", "stop after so long");
  app.add_option_function<std::string>(
      "--rotate",
      [&options](const std::string& text) {
        if (text == "none") {
          options.rotation = Rotation::kNone;
        } else if (text == "rename") {
          options.rotation = Rotation::kRename;
        } else if (text == "copytruncate") {
          options.rotation = Rotation::kCopyTruncate;
        } else {
          throw CLI::ValidationError("--rotate",
                                     "\"" + text + "\" is none of none, rename, copytruncate");
        }
      },
      "how to rotate: none, rename or copytruncate (none)");
  add_amount(app, "--rotate-every", &options.rotate_every, read_duration_text, "2s",
             "rotate all files so often");
  add_amount(app, "--rotate-bytes", &options.rotate_bytes, read_bytes_text, "10MiB",
             "rotate a file of this size");
  app.add_option("--keep", options.keep, "rotated files to keep per stream; 0 keeps all (0)");
  app.add_option_function<std::string>(
      "--settle",
      [&options](const std::string& text) {
        const auto settle = read_duration_text(text);
        if (!settle) throw CLI::ValidationError("--settle", "write for example 250ms");
        options.settle = *settle;
      },
      "copytruncate: stop writing so long before the copy, so that a follower is up to date "
      "(250ms)");
  app.add_flag("--race", options.race,
               "copytruncate: do not pause, and write between copy and truncate; such lines are "
               "listed in the ledger as raced");
  app.add_flag("--quiet", options.quiet, "no progress and no summary");
}

std::string first_contradiction(const GenerateOptions& options) {
  if (!options.bytes && !options.lines && !options.duration) {
    return "nothing says when to stop: give --bytes, --lines or --duration";
  }
  if (options.rotation == Rotation::kNone && (options.rotate_every || options.rotate_bytes)) {
    return "--rotate-every and --rotate-bytes need --rotate rename or --rotate copytruncate";
  }
  if (options.rotation != Rotation::kNone && !options.rotate_every && !options.rotate_bytes) {
    return "--rotate needs --rotate-every 2s or --rotate-bytes 10MiB";
  }
  if (options.rotate_every && options.rotate_every->value <= 0) {
    return "--rotate-every must be longer than nothing";
  }
  if (options.rotate_bytes && options.rotate_bytes->value <= 0) {
    return "--rotate-bytes must be larger than nothing";
  }
  if (uint64_t{options.first_stream} + options.files > kTokenStreamsMax) {
    return "--first-stream + --files must stay below 262144";
  }
  return {};
}

}  // namespace

std::variant<GenerateOptions, int> parse_generate_options(std::span<char* const> args) {
  GenerateOptions options;
  CLI::App app("Writes log lines that can be verified after delivery.", "sluice generate");
  app.footer(kFooter);
  try {
    add_what(app, options);
    add_when(app, options);
    app.parse(reversed_two_dash_words(args));
    const std::string contradiction = first_contradiction(options);
    if (!contradiction.empty()) throw CLI::ValidationError(contradiction);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : kExitConfiguration;
  }
  if (options.ledger.empty()) options.ledger = options.out + "/ledger.json";
  return options;
}

}  // namespace sluice
