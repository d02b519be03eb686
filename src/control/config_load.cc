// SPDX-License-Identifier: Apache-2.0
#include "control/config_load.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>
#include <utility>

#include "control/config_file.h"
#include "control/config_interpolate.h"
#include "control/config_rules.h"

namespace sluice {
namespace {

// The three ways in, each with its own voice, before they are laid over each other.
struct Layers {
  FileSettings file;
  std::vector<RawSetting> environment;
  std::vector<RawSetting> flags;
};

void check_all(const Layers& layers, ProblemList& problems) {
  for (const std::vector<RawSetting>* settings :
       {&layers.flags, &layers.environment, &layers.file.shared})
    for (const RawSetting& setting : *settings) check_setting(setting, problems);
  for (const std::vector<RawBlock>* blocks : {&layers.file.sources, &layers.file.destinations})
    for (const RawBlock& block : *blocks)
      for (const RawSetting& setting : block.settings) check_setting(setting, problems);
}

// Lays the settings of one kind of record over its defaults, the weakest first.
template <class Record>
Placed<Record> laid_over(Scope scope, const Layers& layers, const RawBlock* block) {
  Placed<Record> placed;
  if (block != nullptr) placed.place = block->place;
  const auto lay = [&](const std::vector<RawSetting>& settings) {
    for (const RawSetting& setting : settings) {
      if (setting.option->scope() != scope) continue;
      ProblemList reported;  // before, by check_all, once for each setting
      apply_setting(setting, placed.record, reported);
      // What is wrong by itself takes no part in the rules between settings.
      if (!reported.has_errors()) placed.places[setting.option] = setting.place;
    }
  };
  lay(layers.file.shared);
  lay(layers.environment);
  lay(layers.flags);
  if (block != nullptr) lay(block->settings);
  return placed;
}

template <class Record>
std::vector<Placed<Record>> records_of(Scope scope, const Layers& layers,
                                       const std::vector<RawBlock>& blocks) {
  std::vector<Placed<Record>> records;
  for (const RawBlock& block : blocks) {
    records.push_back(laid_over<Record>(scope, layers, &block));
    records.back().record.name = block.name;
  }
  if (blocks.empty()) records.push_back(laid_over<Record>(scope, layers, nullptr));
  return records;
}

// A flag that every block of the file overrides would do nothing, silently.
void warn_without_effect(const Layers& layers, ProblemList& problems) {
  const auto overridden = [](const RawSetting& setting, const std::vector<RawBlock>& blocks) {
    return !blocks.empty() && std::all_of(blocks.begin(), blocks.end(), [&](const RawBlock& block) {
      return std::any_of(block.settings.begin(), block.settings.end(),
                         [&](const RawSetting& own) { return own.option == setting.option; });
    });
  };
  for (const std::vector<RawSetting>* settings : {&layers.flags, &layers.environment})
    for (const RawSetting& setting : *settings) {
      const Scope scope = setting.option->scope();
      if (scope == Scope::kAgent) continue;
      if (overridden(setting,
                     scope == Scope::kSource ? layers.file.sources : layers.file.destinations))
        problems.warning(setting.place,
                         fmt::format("{} has no effect: every {} of the file sets '{}' itself",
                                     setting.called, scope_name(scope), key_of(*setting.option)));
    }
}

// Flags and variables are taken as they are, but for secrets: a flag can be seen by every user of
// the machine, so it must be able to name a file instead.
void resolve_secrets(std::vector<RawSetting>& settings, const Environment& environment,
                     ProblemList& problems) {
  std::erase_if(settings, [&](RawSetting& setting) {
    if (!is_secret(*setting.option)) return false;
    for (RawItem& item : setting.items) {
      Parsed<std::string> text = interpolate(item.text, environment, item.pieces);
      if (!text.ok()) {
        problems.error(setting.place, fmt::format("{}: {}", setting.called, text.expected));
        return true;
      }
      item.text = std::move(*text.value);
    }
    return false;
  });
}

}  // namespace

bool ConfigOutcome::ok() const {
  return std::none_of(problems.begin(), problems.end(), [](const ConfigProblem& problem) {
    return problem.severity == ProblemSeverity::kError;
  });
}

ConfigOutcome load_config(std::span<char* const> args, const Environment& environment,
                          const ConfigRules& rules) {
  ConfigOutcome outcome;
  ProblemList problems;
  CommandLine line = read_command_line(args, problems);
  outcome.intent = line.intent;
  if (line.intent != Intent::kRun) return outcome;  // help is for people whose flags are wrong

  outcome.files = std::move(line.files);
  const std::string* const file = environment.variable("SLUICE_CONFIG");
  if (outcome.files.empty() && file != nullptr) outcome.files.push_back(*file);
  Layers layers;
  layers.flags = std::move(line.settings);
  layers.environment = settings_from_environment(environment, problems);
  for (const std::string& path : outcome.files)
    read_config_file(path, environment, layers.file, problems);
  resolve_secrets(layers.flags, environment, problems);
  resolve_secrets(layers.environment, environment, problems);

  check_all(layers, problems);
  warn_without_effect(layers, problems);
  Assembly assembly{
      laid_over<AgentConfig>(Scope::kAgent, layers, nullptr),
      records_of<SourceConfig>(Scope::kSource, layers, layers.file.sources),
      records_of<DestinationConfig>(Scope::kDestination, layers, layers.file.destinations)};
  outcome.config = assembled(std::move(assembly), environment, rules, problems);
  outcome.problems = std::move(problems).sorted();
  return outcome;
}

}  // namespace sluice
