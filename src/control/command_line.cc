// SPDX-License-Identifier: Apache-2.0
#include "control/command_line.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <optional>
#include <string_view>
#include <utility>

#include "control/config_text.h"
#include "control/config_values.h"
#include "control/nearest.h"

namespace sluice {
namespace {

const Place kPlace{"command line", 0, 0};

constexpr std::array<std::string_view, 3> kOwnFlags = {"config", "help", "version"};

// One argument taken apart: -name, --name, -name=value.
struct Flag {
  std::string written;  // with its dashes, for messages
  std::string name;
  std::optional<std::string> value;
};

std::optional<Flag> split_flag(std::string_view argument) {
  if (argument.size() < 2 || argument.front() != '-') return std::nullopt;
  const size_t dashes = argument.starts_with("--") ? 2 : 1;
  const size_t equals = argument.find('=');
  Flag flag;
  flag.written = argument.substr(0, equals);
  flag.name = flag.written.substr(dashes);
  if (equals != std::string_view::npos) flag.value = argument.substr(equals + 1);
  if (flag.name == "c") flag.name = "config";
  if (flag.name == "h") flag.name = "help";
  if (flag.name == "V") flag.name = "version";
  return flag;
}

bool is_known_flag(std::string_view argument) {
  const std::optional<Flag> flag = split_flag(argument);
  return flag && (std::count(kOwnFlags.begin(), kOwnFlags.end(), flag->name) != 0 ||
                  find_option(flag->name) != nullptr);
}

void report_unknown(const Flag& flag, ProblemList& problems) {
  if (const Option* option = find_option(flag.name); option != nullptr) {
    problems.error(kPlace, fmt::format("'{}' is a key of the configuration file, not a flag; "
                                       "use -c FILE",
                                       option->name));
    return;
  }
  std::vector<std::string_view> names(kOwnFlags.begin(), kOwnFlags.end());
  for (const Option& option : option_table())
    if (!option.file_only) names.push_back(option.name);
  const std::string_view near = nearest(flag.name, names);
  const std::string remedy =
      near.empty() ? "see sluice --help" : fmt::format("did you mean '-{}'?", near);
  problems.error(kPlace, fmt::format("unknown flag '{}'; {}", excerpt(flag.written), remedy));
}

class Reader {
 public:
  Reader(std::span<char* const> args, ProblemList& problems) : args_(args), problems_(problems) {}

  CommandLine read() {
    while (next_ < args_.size()) {
      const std::string_view argument = args_[next_++];
      if (std::optional<Flag> flag = split_flag(argument))
        take(std::move(*flag));
      else
        refuse_word(argument);
    }
    return std::move(line_);
  }

 private:
  void take(Flag flag) {
    last_flag_ = flag.written;
    if (flag.name == "help") {
      line_.intent = Intent::kHelp;
    } else if (flag.name == "version") {
      if (line_.intent != Intent::kHelp) line_.intent = Intent::kVersion;
    } else if (flag.name == "config") {
      if (const std::optional<std::string> file = value_of(flag)) line_.files.push_back(*file);
    } else {
      const Option* option = find_option(flag.name);
      if (option == nullptr || option->file_only) return refuse_flag(flag);
      if (is_switch(*option) && !flag.value) flag.value = "true";
      if (const std::optional<std::string> text = value_of(flag)) add(*option, flag, *text);
    }
  }

  void refuse_flag(const Flag& flag) {
    report_unknown(flag, problems_);
    // Its value is not a mistake of its own.
    const bool value_follows = !flag.value && next_ < args_.size() && *args_[next_] != '-';
    if (value_follows) ++next_;
  }

  std::optional<std::string> value_of(const Flag& flag) {
    if (flag.value) return flag.value;
    if (next_ < args_.size() && !is_known_flag(args_[next_])) return args_[next_++];
    problems_.error(kPlace, flag.written + " needs a value");
    return std::nullopt;
  }

  void add(const Option& option, const Flag& flag, const std::string& text) {
    if (trimmed(text).empty()) {
      problems_.error(kPlace, flag.written + " has an empty value");
      return;
    }
    RawSetting setting = setting_from_text(option, flag.written, text, kPlace, problems_);
    const auto before =
        std::find_if(line_.settings.begin(), line_.settings.end(),
                     [&option](const RawSetting& other) { return other.option == &option; });
    if (before == line_.settings.end())
      line_.settings.push_back(std::move(setting));
    else
      merge_repeated(*before, std::move(setting));
  }

  // A word that belongs to no flag. The usual reason is a pattern that the shell has expanded.
  void refuse_word(std::string_view word) {
    const bool after_patterns = last_flag_.ends_with("paths") || last_flag_.ends_with("exclude");
    problems_.error(
        kPlace, fmt::format("unexpected '{}'; {}", excerpt(word),
                            after_patterns
                                ? "put the pattern in quotes, so that the shell leaves it to sluice"
                                : "see sluice --help"));
  }

  std::span<char* const> args_;
  ProblemList& problems_;
  size_t next_ = 0;
  std::string last_flag_;
  CommandLine line_;
};

}  // namespace

CommandLine read_command_line(std::span<char* const> args, ProblemList& problems) {
  return Reader(args, problems).read();
}

}  // namespace sluice
