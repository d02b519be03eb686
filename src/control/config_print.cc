// SPDX-License-Identifier: Apache-2.0
#include "control/config_print.h"

#include <fmt/format.h>

#include <algorithm>
#include <string_view>

#include "control/config_choices.h"
#include "control/config_endpoint.h"
#include "control/config_settings.h"
#include "control/config_text.h"
#include "control/config_values.h"

namespace sluice {
namespace {

constexpr size_t kHelpColumns = 98;
constexpr size_t kHelpIndent = 6;

template <class Record>
void print_block(std::string& out, Scope scope, const Record& record) {
  out += fmt::format("  {}:\n", yaml_scalar(record.name));
  for (const Option& option : option_table())
    if (option.scope() == scope && option.name != "name")
      if (const std::string value = value_as_yaml(option, record); value != "\"\"")
        out += fmt::format("    {}: {}\n", key_of(option), value);
}

// Breaks a text at blanks, so that no line is wider than the help.
std::string wrapped(std::string_view text) {
  std::string out;
  std::string line(kHelpIndent, ' ');
  const auto flush = [&] {
    out.append(line).append("\n");
    line.assign(kHelpIndent, ' ');
  };
  while (!text.empty()) {
    const size_t end = std::min(text.find(' '), text.size());
    if (line.size() > kHelpIndent && line.size() + 1 + end > kHelpColumns) flush();
    if (line.size() > kHelpIndent) line += ' ';
    line.append(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  flush();
  return out;
}

std::string help_of(const Option& option) {
  std::string out = fmt::format("  -{}", option.name);
  if (is_switch(option))
    out += "[=true|false]";
  else
    out += fmt::format(" <{}>", type_text(option));
  if (takes_many(option)) out += " ...";
  const std::string by_default = default_text(option);
  if (!by_default.empty()) out += fmt::format("   (default {})", by_default);
  out += '\n';
  return out + wrapped(fmt::format("{} {} Example: {}", option.help, option.tune, option.example));
}

// A cell of a Markdown table: '|' would end it, and outside of code '*' would be emphasis.
std::string cell(std::string_view text, std::string_view escaped = "|*") {
  std::string out;
  for (const char letter : text) {
    if (escaped.find(letter) != std::string_view::npos) out += '\\';
    out += letter;
  }
  return out;
}

std::string code(std::string_view text) {
  return text.empty() ? "" : fmt::format("`{}`", cell(text, "|"));
}

std::string reference_row(const Option& option) {
  const std::string flag = option.file_only ? "in the file only" : code(flag_of(option));
  const std::string_view owner =
      option.form == Form::kName ? "source, destination" : scope_name(option.scope());
  return fmt::format("| `{}` | {} | {} | {} | {} | {} {} | {} |\n", key_of(option), flag, owner,
                     cell(type_text(option)), code(default_text(option)), cell(option.help),
                     cell(option.tune), code(option.example));
}

template <class Record>
std::string names(const std::vector<Record>& records) {
  return fmt::format("{} {}{}", records.size(),
                     std::is_same_v<Record, SourceConfig> ? "source" : "destination",
                     records.size() == 1 ? "" : "s");
}

}  // namespace

std::string config_as_yaml(const AgentConfig& config) {
  std::string out = "# The effective configuration of sluice. Values of headers are not shown.\n";
  for (const Option& option : option_table())
    if (option.scope() == Scope::kAgent)
      out += fmt::format("{}: {}\n", key_of(option), value_as_yaml(option, config));
  out += "sources:\n";
  for (const SourceConfig& source : config.sources) print_block(out, Scope::kSource, source);
  out += "destinations:\n";
  for (const DestinationConfig& destination : config.destinations)
    print_block(out, Scope::kDestination, destination);
  return out;
}

std::string config_summary(const AgentConfig& config) {
  std::string out = names(config.sources) + " (";
  for (const SourceConfig& source : config.sources)
    out += fmt::format("{}{}: {} pattern{}", &source == &config.sources.front() ? "" : ", ",
                       source.name, source.paths.size(), source.paths.size() == 1 ? "" : "s");
  out += ") to " + names(config.destinations) + " (";
  for (const DestinationConfig& destination : config.destinations)
    out += fmt::format("{}{}: {}, {}, {}", &destination == &config.destinations.front() ? "" : "; ",
                       destination.name, endpoints_for_show(destination.endpoints),
                       word_of(destination.framing), word_of(destination.compression));
  return out + fmt::format("), memory {}, state {}, admin {}", format_bytes(config.memory),
                           config.state_dir, format_address(config.admin));
}

std::string help_text() {
  std::string out =
      "sluice follows local log files and delivers every line to an HTTP service.\n"
      "\n"
      "  sluice [run] [flags]            follow and deliver; without flags: /var/log/*.log to\n"
      "                                  http://127.0.0.1:8080/ingest\n"
      "  sluice check [flags] [--print]  validate the same flags and files, report every error;\n"
      "                                  --print shows the effective configuration\n"
      "  sluice receive --help           the embedded receiver\n"
      "  sluice generate --help          verifiable log lines for tests\n"
      "\n"
      "Examples\n"
      "  sluice -paths \"/var/log/myapp/*.log\" -endpoint http://host:8080/ingest -batch 100\n"
      "  sluice -paths \"/srv/**/*.log\" -exclude \"*.gz\" -from end -compression zstd\n"
      "  SLUICE_ENDPOINT=http://host:8080/ingest sluice -c /etc/sluice/sluice.yaml\n"
      "  sluice check -c sluice.yaml\n"
      "\n"
      "Flags are written -name value, -name=value or with two dashes. Every flag is also a "
      "variable\n"
      "(-batch-bytes: SLUICE_BATCH_BYTES) and a key of the YAML file (batch_bytes). A flag wins "
      "over\n"
      "a variable, a variable over the file; what a source or destination of the file sets itself\n"
      "wins over all. Durations: 500ms, 2s, 1m30s. Sizes: 512KiB, 64MiB, 10MB (K is 1024, KB "
      "1000).\n"
      "Rates: 10MB/s, 1000/s, 10MB/s burst 20MB, off.\n"
      "\n"
      "General\n"
      "  -c, -config <file> ...\n"
      "      A YAML file; later files add to and override earlier ones. Variable: SLUICE_CONFIG.\n"
      "  -h, -help\n"
      "      This text.\n"
      "  -V, -version\n"
      "      The version.\n";
  std::string_view group;
  for (const Option& option : option_table()) {
    if (option.file_only) continue;
    if (option.group != group) out += fmt::format("\n{}\n", option.group);
    group = option.group;
    out += help_of(option);
  }
  return out + "\nExit codes: 0 success, 1 failure, 78 the configuration is wrong.\n";
}

std::string reference_text() {
  std::string out;
  std::string_view group;
  for (const Option& option : option_table()) {
    if (option.group != group)
      out += fmt::format(
          "{}### {}\n\n"
          "| key | flag | belongs to | value | default | what it does | example |\n"
          "|---|---|---|---|---|---|---|\n",
          group.empty() ? "" : "\n", option.group);
    group = option.group;
    out += reference_row(option);
  }
  return out;
}

}  // namespace sluice
