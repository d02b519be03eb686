// SPDX-License-Identifier: Apache-2.0
#include "agent/bench.h"

#include <fmt/format.h>

#include <array>
#include <cstdio>
#include <cstdlib>
#include <optional>
#include <string>
#include <utility>

#include "agent/check.h"
#include "agent/composition.h"
#include "agent/part_factory.h"
#include "agent/run.h"
#include "control/config_load.h"
#include "measure/bench_report.h"
#include "measure/bench_run.h"
#include "measure/measure_flags.h"
#include "measure/null_sink.h"
#include "measure/private_directory.h"
#include "measure/ticker.h"
#include "measure/tune_plot.h"
#include "measure/tune_report.h"
#include "measure/tune_run.h"
#include "platform/cpu_affinity.h"
#include "receive/durable_file.h"

namespace sluice {
namespace {

constexpr int kExitGood = 0;
constexpr int kExitFailed = 1;
constexpr uint64_t kBenchLogBytes = uint64_t{64} << 20;
// So that every shard has files of its own; one hot file would do, for blocks go to any shard.
constexpr uint32_t kTuneFiles = 4;

void print(std::FILE* stream, const std::string& text) {
  std::fwrite(text.data(), 1, text.size(), stream);
}

int fail(const std::string& sentence) {
  print(stderr, "sluice: " + sentence + "\n");
  return kExitFailed;
}

std::string temporary_directory() {
  const char* const named = std::getenv("TMPDIR");
  return named == nullptr ? "" : named;
}

// The flags of a command and the configuration, or an exit code.
struct Asked {
  MeasureFlags flags;
  AgentConfig config;
  std::optional<int> code;
};

Asked read_arguments(MeasureCommand command, std::span<char* const> args) {
  Asked asked;
  asked.flags = read_measure_flags(command, args);
  if (asked.flags.help) {
    print(stdout, measure_help(command));
    asked.code = kExitGood;
    return asked;
  }
  ConfigOutcome outcome = load_config(asked.flags.rest, Environment::of_process(), config_rules());
  print(stderr, format_problems(outcome.problems));
  if (!asked.flags.problem.empty()) print(stderr, "sluice: " + asked.flags.problem + "\n");
  if (!outcome.ok() || !asked.flags.problem.empty()) asked.code = kExitConfiguration;
  asked.config = std::move(outcome.config);
  return asked;
}

// What a configuration would plan for with so many shards; 0: too much.
int64_t memory_of(AgentConfig config, int32_t shards) {
  config.shards = shards;
  return planned_memory(config).value_or(Bytes(0)).value;
}

BenchSubject bench_subject(const Asked& asked, SampleLog log, const std::string& sink) {
  const SourceConfig& source = asked.config.sources.front();
  const DestinationConfig& destination = asked.config.destinations.front();
  BenchSubject subject;
  subject.log = std::move(log);
  subject.loop.file = subject.log.paths.front();
  subject.loop.host = asked.config.host;
  subject.loop.path = asked.flags.sample.empty() ? "/var/log/nginx/access.log" : asked.flags.sample;
  subject.loop.labels.assign(source.labels.begin(), source.labels.end());
  subject.loop.encoder = encoder_options(destination);
  subject.loop.body_bytes = static_cast<size_t>(destination.batch_bytes.value);
  subject.loop.body_lines_max =
      static_cast<uint32_t>(std::min<int64_t>(destination.batch.value, UINT32_MAX));
  subject.compression = destination.compression;
  subject.level = destination.level;
  subject.wire.endpoint = sink;
  subject.cpus = usable_cpus();
  subject.memory_of = [&asked](int32_t shards) { return memory_of(asked.config, shards); };
  subject.seconds = asked.flags.seconds;
  if (!LineForm{source.format, source.encoding}.is_plain() && subject.log.warning.empty())
    subject.log.warning = "lines are measured as plain text, without -format and -encoding";
  return subject;
}

TuneSettings settings_of(const AgentConfig& config) {
  const DestinationConfig& destination = config.destinations.front();
  return {destination.level, config.shards, destination.batch_bytes, destination.workers};
}

bool fits(AgentConfig config, const TuneSettings& settings) {
  config.shards = settings.shards;
  config.destinations.front().batch_bytes = settings.batch_bytes;
  config.destinations.front().workers = settings.workers;
  return planned_memory(config).has_value();
}

// Takes over the address and what it says about its user; false: it is wrong, and that was said.
bool aim_at(const std::string& url, AgentConfig& config) {
  std::array<std::string, 4> words = {"-endpoint", url, "-state", "/"};
  std::array<char*, 4> args{};
  for (size_t i = 0; i < words.size(); ++i) args[i] = words[i].data();
  ConfigOutcome outcome = load_config(args, Environment{});
  print(stderr, format_problems(outcome.problems));
  if (!outcome.ok()) return false;
  DestinationConfig& named = outcome.config.destinations.front();
  DestinationConfig& destination = config.destinations.front();
  destination.endpoints = named.endpoints;
  for (auto& [name, value] : named.headers) destination.headers[name] = std::move(value);
  return true;
}

// Empty, or why it cannot be written.
std::string write_text(const std::string& path, const std::string& text) {
  const Result<void> wrote = replace_file(path, text);
  return wrote ? std::string() : fmt::format("cannot write {}: {}", path, wrote.error().message());
}

TuneSubject tune_subject(const Asked& asked, const std::string& directory) {
  TuneSubject subject;
  subject.now = settings_of(asked.config);
  subject.seconds = asked.flags.seconds;
  subject.bounds.compression = asked.config.destinations.front().compression;
  subject.bounds.goal = asked.flags.prefer;
  subject.bounds.cpus = usable_cpus();
  subject.bounds.fits = [&asked](const TuneSettings& settings) {
    return fits(asked.config, settings);
  };
  subject.trial.config = asked.config;
  subject.trial.sampled = !asked.flags.sample.empty();
  subject.trial.real = !asked.flags.to.empty();
  subject.trial.directory = directory;
  subject.trial.window_seconds = trial_window(asked.flags.seconds, subject.trial.real);
  subject.trial.run_agent = [](const AgentConfig& config) { return run_agent(config, {}); };
  return subject;
}

int report(const TuneFigures& figures, const MeasureFlags& flags) {
  print(stdout, flags.json ? tune_json(figures) : tune_text(figures));
  if (flags.plot.empty()) return kExitGood;
  const std::string problem = write_text(flags.plot, tune_svg(figures));
  return problem.empty() ? kExitGood : fail(problem);
}

}  // namespace

int bench_main(std::span<char* const> args) {
  const Asked asked = read_arguments(MeasureCommand::kBench, args);
  if (asked.code) return *asked.code;
  Interrupt interrupt;
  const PrivateDirectory directory(temporary_directory());
  if (directory.path().empty()) return fail("cannot make a temporary directory; see TMPDIR");
  auto sink = NullSink::start(directory.path(), interrupt);
  if (const auto* problem = std::get_if<std::string>(&sink)) return fail(*problem);
  auto log = write_sample_log(
      {asked.flags.sample, asked.flags.shape, kBenchLogBytes, 1, directory.path()});
  if (const auto* problem = std::get_if<std::string>(&log)) return fail(*problem);
  const BenchSubject subject =
      bench_subject(asked, std::move(std::get<SampleLog>(log)), std::get<NullSink>(sink).url());
  std::variant<BenchFigures, std::string> figures;
  {
    Ticker ticker("bench", asked.flags.quiet);
    ticker.tell("", 0);
    figures = run_bench(subject, interrupt, [&](double share) { ticker.tell("", share); });
  }
  if (const auto* problem = std::get_if<std::string>(&figures)) return fail(*problem);
  const auto& found = std::get<BenchFigures>(figures);
  print(stdout, asked.flags.json ? bench_json(found) : bench_text(found));
  return kExitGood;
}

int tune_main(std::span<char* const> args) {
  Asked asked = read_arguments(MeasureCommand::kTune, args);
  if (asked.code) return *asked.code;
  if (!asked.flags.to.empty() && !aim_at(asked.flags.to, asked.config)) return kExitConfiguration;
  Interrupt interrupt;
  const PrivateDirectory directory(temporary_directory());
  if (directory.path().empty()) return fail("cannot make a temporary directory; see TMPDIR");
  TuneSubject subject = tune_subject(asked, directory.path());
  std::optional<NullSink> sink;
  subject.trial.endpoints = asked.config.destinations.front().endpoints;
  if (!subject.trial.real) {
    auto started = NullSink::start(directory.path(), interrupt);
    if (const auto* problem = std::get_if<std::string>(&started)) return fail(*problem);
    sink.emplace(std::move(std::get<NullSink>(started)));
    subject.trial.endpoints = {sink->url()};
  }
  const uint64_t bytes =
      trial_log_bytes(subject.trial.window_seconds, subject.bounds.cpus, asked.flags.log_bytes);
  auto log = write_sample_log(
      {asked.flags.sample, asked.flags.shape, bytes, kTuneFiles, directory.path()});
  if (const auto* problem = std::get_if<std::string>(&log)) return fail(*problem);
  subject.trial.log = std::move(std::get<SampleLog>(log));
  std::variant<TuneFigures, std::string> figures;
  {
    Ticker ticker("tune", asked.flags.quiet);
    figures = run_tune(std::move(subject), interrupt,
                       [&](const std::string& line, double share) { ticker.tell(line, share); });
  }
  if (const auto* problem = std::get_if<std::string>(&figures)) return fail(*problem);
  return report(std::get<TuneFigures>(figures), asked.flags);
}

}  // namespace sluice
