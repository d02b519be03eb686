// SPDX-License-Identifier: Apache-2.0
#include "control/audit_flags.h"

#include <fmt/format.h>

#include <string_view>

#include "control/audit_words.h"
#include "control/config_text.h"
#include "control/config_values.h"

namespace sluice {
namespace {

std::string_view name_of_flag(std::string_view argument) {
  if (argument.starts_with("--")) return argument.substr(2);
  return argument.starts_with('-') ? argument.substr(1) : std::string_view();
}

void take_since(AuditFlags& flags, std::string_view text) {
  const Parsed<Duration> parsed = parse_duration(text);
  if (parsed.ok()) {
    flags.since = *parsed.value;
  } else {
    flags.problem = fmt::format("'{}' is not valid for -since: {}", excerpt(text), parsed.expected);
  }
}

AuditFlags read_flags(std::span<char* const> args, bool knows_lines) {
  AuditFlags flags;
  for (size_t i = 0; i < args.size(); ++i) {
    const std::string_view name = name_of_flag(args[i]);
    if (name == "h" || name == "help") {
      flags.help = true;
    } else if (name == "json") {
      flags.json = true;
    } else if (name == "offline") {
      flags.offline = true;
    } else if (knows_lines && name == "open") {
      flags.open_only = true;
    } else if (knows_lines && name == "since" && i + 1 < args.size()) {
      take_since(flags, args[++i]);
    } else if (knows_lines && name.starts_with("since")) {
      const bool with_value = name.starts_with("since=");
      if (with_value) take_since(flags, name.substr(6));
      if (!with_value) flags.rest.push_back(args[i]);
    } else {
      flags.rest.push_back(args[i]);
    }
  }
  return flags;
}

constexpr std::string_view kCommonHelp =
    "  -offline    do not ask a running agent: read its checkpoint store (it is only read) and "
    "the\n"
    "              files. This is also what happens when no agent answers.\n"
    "  -json       one JSON object instead of text\n"
    "  All flags of `sluice run`, variables and files: give what the agent was started with. Of\n"
    "  them -admin says where to ask, -state where the checkpoint store lies, and -paths, "
    "-exclude,\n"
    "  -from and the sources of -c which files there should be.\n";

}  // namespace

AuditFlags read_audit_flags(std::span<char* const> args) {
  return read_flags(args, true);
}

AuditFlags read_explain_flags(std::span<char* const> args) {
  AuditFlags flags = read_flags(args, false);
  std::vector<char*>& rest = flags.rest;
  if (!rest.empty() && *rest.front() != '-') {
    flags.path = rest.front();
    rest.erase(rest.begin());
  } else if (!rest.empty() && *rest.back() != '-') {
    flags.path = rest.back();
    rest.pop_back();
  } else if (!flags.help) {
    flags.problem = "which path? As in: sluice explain /var/log/app.log";
  }
  return flags;
}

std::string audit_help() {
  std::string out =
      "sluice audit proves that everything is delivered, or says what is not: for every file,\n"
      "generation and destination a line whose bytes add up to the size of the file.\n"
      "\n"
      "  sluice audit [flags]\n"
      "\n"
      "Examples\n"
      "  sluice audit                            the agent of this machine, on 127.0.0.1:9686\n"
      "  sluice audit -c /etc/sluice/sluice.yaml the agent of this configuration, running or not\n"
      "  sluice audit -open                      only what is not acknowledged to its end\n"
      "  sluice audit -since 24h || mail …       for cron: nothing lost in the last day?\n"
      "  sluice audit -offline -state /var/lib/sluice -json\n"
      "\n"
      "Flags\n"
      "  -open       leave out lines that are acknowledged to their end\n"
      "  -since <duration>\n"
      "              leave out generations and files that were over before, as in 24h\n";
  out += kCommonHelp;
  out += "\nColumns: size is the sum of all others\n";
  for (const AuditColumn& column : audit_columns())
    out += fmt::format("  {:<11} {}\n", column.name, column.meaning);
  out +=
      "\nExit codes: 0 nothing is missing (the last line says whether all is delivered), 1 bytes "
      "are "
      "missing\nor do not add up, 78 the configuration is wrong, 3 there is neither agent nor "
      "store.\n";
  return out;
}

std::string explain_help() {
  std::string out =
      "sluice explain says whether a path is followed, by which rule, or why not; and how far.\n"
      "\n"
      "  sluice explain PATH [flags]\n"
      "\n"
      "Examples\n"
      "  sluice explain /var/log/app.log\n"
      "  sluice explain ./app.log -paths \"/var/log/**/*.log\" -exclude \"*.gz\"\n"
      "  sluice explain /var/log/app.log.1 -c /etc/sluice/sluice.yaml -json\n"
      "\n"
      "Flags\n";
  out += kCommonHelp;
  out += "\nExit codes: 0 the path is followed, 1 it is not, 78 the configuration is wrong.\n";
  return out;
}

}  // namespace sluice
