// SPDX-License-Identifier: Apache-2.0
#include "measure/measure_flags.h"

#include <fmt/format.h>

#include <charconv>
#include <string_view>

#include "control/config_text.h"
#include "control/config_values.h"

namespace sluice {
namespace {

constexpr double kBenchSeconds = 10;
constexpr double kTuneSeconds = 120;
constexpr double kSecondsMin = 0.5;
constexpr double kSecondsMax = 86'400;

// Each reader sets its field and returns what it had expected, or nothing.
using Reader = std::string (*)(MeasureFlags&, std::string_view);

struct MeasureFlag {
  std::string_view name;
  bool of_bench;
  Reader read;
};

std::string read_seconds(MeasureFlags& flags, std::string_view text) {
  // "90s" and "2m" are understood, too.
  const char* const end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, flags.seconds);
  if (error != std::errc() || stop != end) {
    const Parsed<Duration> parsed = parse_duration(text);
    if (!parsed.ok()) return "expected seconds, as in 10";
    flags.seconds = static_cast<double>(parsed.value->value) / 1e9;
  }
  if (flags.seconds >= kSecondsMin && flags.seconds <= kSecondsMax) return {};
  return "expected at least 0.5 and at most 86400 seconds";
}

std::string read_shape(MeasureFlags& flags, std::string_view text) {
  const auto shape = read_line_shape(text);
  if (!shape) return "expected nginx | json | short | java | long | utf8";
  flags.shape = *shape;
  return {};
}

std::string read_prefer(MeasureFlags& flags, std::string_view text) {
  const auto goal = tune_goal_of(text);
  if (!goal) return "expected speed | cpu | bytes";
  flags.prefer = *goal;
  return {};
}

std::string read_log_bytes(MeasureFlags& flags, std::string_view text) {
  const Parsed<Bytes> parsed = parse_bytes(text);
  if (!parsed.ok()) return parsed.expected;
  if (*parsed.value < Bytes(8 << 20)) return "expected 8MiB or more";
  flags.log_bytes = static_cast<uint64_t>(parsed.value->value);
  return {};
}

std::string read_text(std::string& into, std::string_view text, const char* expected) {
  if (text.empty()) return expected;
  into = text;
  return {};
}

constexpr MeasureFlag kFlags[] = {
    {"seconds", true, read_seconds},
    {"sample", true,
     [](MeasureFlags& flags, std::string_view text) {
       return read_text(flags.sample, text, "expected the path of a log file");
     }},
    {"shape", true, read_shape},
    {"to", false,
     [](MeasureFlags& flags, std::string_view text) {
       return read_text(flags.to, text, "expected a URL");
     }},
    {"plot", false,
     [](MeasureFlags& flags, std::string_view text) {
       return read_text(flags.plot, text, "expected the path of a file to write");
     }},
    {"prefer", false, read_prefer},
    {"log-bytes", false, read_log_bytes},
};

std::string_view name_of_flag(std::string_view argument) {
  if (argument.starts_with("--")) return argument.substr(2);
  return argument.starts_with('-') ? argument.substr(1) : std::string_view();
}

const MeasureFlag* flag_named(MeasureCommand command, std::string_view name) {
  for (const MeasureFlag& flag : kFlags)
    if (flag.name == name && (flag.of_bench || command == MeasureCommand::kTune)) return &flag;
  return nullptr;
}

void take(MeasureFlags& flags, const MeasureFlag& flag, std::string_view text) {
  const std::string expected = flag.read(flags, text);
  if (!expected.empty() && flags.problem.empty())
    flags.problem =
        fmt::format("'{}' is not valid for -{}: {}", excerpt(text), flag.name, expected);
}

constexpr std::string_view kBenchHelp =
    R"(sluice bench measures on this host, with these flags and your own lines, what one core can
do, where its time goes, and what other levels, sizes of requests and numbers of shards would
change. It reads, encodes, compresses and sends to a process of its own that takes everything; the
agent of this host, its state and your service are not touched.

  sluice bench [flags]

Examples
  sluice bench                                            generated nginx lines, default flags, 10 s
  sluice bench -sample /var/log/app.log -seconds 30       the lines that really come
  sluice bench -c /etc/sluice/sluice.yaml -json > bench.json
  sluice bench -level 6 -batch-bytes 1MiB                 would that be dear?

Flags
)";

constexpr std::string_view kTuneHelp =
    R"(sluice tune runs the agent again and again, each time with one flag changed, and recommends
level, shards, batch size and workers for this host. Every trial is a whole agent with a state
directory of its own, on a log of its own; the agent of this host, its files and its state are not
touched. The trials of one flag take turns, and what is compared is the median of the ratios of
the same round.

  sluice tune [flags]

Examples
  sluice tune                                             generated nginx lines, null destination
  sluice tune -sample /var/log/app.log -plot tune.svg     the lines that really come, with a chart
  sluice tune -c /etc/sluice/sluice.yaml -to https://logs.example.com/ingest -seconds 300
  sluice tune -prefer bytes -json > tune.json

Flags
)";

constexpr std::string_view kCommonFlags =
    "  -sample <path>     lines of this file (the first 64 MiB, repeated) instead of generated "
    "ones\n"
    "  -shape <name>      generated lines: nginx, json, short, java, long or utf8 (default nginx)\n"
    "  -json              one JSON object instead of tables\n"
    "  -quiet             no progress on stderr\n";

constexpr std::string_view kTuneHelpFlags =
    "  -to <URL>          a real destination, which gets these lines; with -c it is sent to as "
    "its\n"
    "                     first destination says (headers, TLS, rates). Without: a null "
    "destination\n"
    "  -prefer <goal>     speed: most MB/s, and CPU where that is equal; cpu: fewest CPU seconds "
    "per\n"
    "                     GB; bytes: fewest bytes on the wire (default speed)\n"
    "  -plot <path>       an SVG chart of all trials\n"
    "  -log-bytes <size>  the log that a trial reads, at most (default 512MiB); it lies in "
    "$TMPDIR\n";

constexpr std::string_view kTail =
    "  All flags of `sluice run`, variables and files: give what the agent is started with. The "
    "first\n"
    "  source and the first destination count.\n"
    "\n"
    "Exit codes: 0 measured, 1 could not be measured, 78 the configuration is wrong.\n";

}  // namespace

MeasureFlags read_measure_flags(MeasureCommand command, std::span<char* const> args) {
  MeasureFlags flags;
  flags.seconds = command == MeasureCommand::kBench ? kBenchSeconds : kTuneSeconds;
  for (size_t i = 0; i < args.size(); ++i) {
    const std::string_view word = name_of_flag(args[i]);
    const size_t equals = word.find('=');
    const MeasureFlag* flag = flag_named(command, word.substr(0, equals));
    if (word == "h" || word == "help") {
      flags.help = true;
    } else if (word == "json") {
      flags.json = true;
    } else if (word == "quiet") {
      flags.quiet = true;
    } else if (flag != nullptr && equals != std::string_view::npos) {
      take(flags, *flag, word.substr(equals + 1));
    } else if (flag != nullptr) {
      take(flags, *flag, i + 1 < args.size() ? args[++i] : "");
    } else {
      flags.rest.push_back(args[i]);
    }
  }
  return flags;
}

std::string measure_help(MeasureCommand command) {
  const bool bench = command == MeasureCommand::kBench;
  std::string out(bench ? kBenchHelp : kTuneHelp);
  out += fmt::format("  -seconds <number>  how long it may take, about (default {:.0f})\n",
                     bench ? kBenchSeconds : kTuneSeconds);
  out += kCommonFlags;
  if (!bench) out += kTuneHelpFlags;
  out += kTail;
  return out;
}

}  // namespace sluice
