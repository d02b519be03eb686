// SPDX-License-Identifier: Apache-2.0
#include "control/config_file.h"

#include <fmt/format.h>

#include <optional>
#include <set>
#include <utility>

#include "control/config_interpolate.h"
#include "control/config_text.h"
#include "control/config_tree.h"
#include "control/nearest.h"

namespace sluice {
namespace {

using Kind = ConfigNode::Kind;

constexpr std::string_view kSourcesKey = "sources";
constexpr std::string_view kDestinationsKey = "destinations";

// Where a key stands: at the top of the file, or in a block.
struct Room {
  std::optional<Scope> scope;  // nothing: the top
  std::string title;           // " in destination 'main'", or empty

  bool takes(const Option& option) const {
    if (option.name == "name") return scope.has_value();
    if (option.file_only) return scope == option.scope();
    return !scope || scope == option.scope();
  }
};

class FileReader {
 public:
  FileReader(const Environment& environment, FileSettings& settings, ProblemList& problems)
      : environment_(environment), settings_(settings), problems_(problems) {}

  void read_top(const ConfigNode& root) {
    if (root.kind == Kind::kNull) return;  // an empty file says nothing, which is allowed
    if (root.kind != Kind::kMap)
      return problems_.error(root.place, "expected 'key: value' lines at the top of the file");
    const Room top;
    std::set<std::string> seen;
    for (const ConfigNode& entry : root.items) {
      if (!is_new(entry, top, seen)) continue;
      if (entry.key == kSourcesKey)
        read_blocks(entry, Scope::kSource, settings_.sources);
      else if (entry.key == kDestinationsKey)
        read_blocks(entry, Scope::kDestination, settings_.destinations);
      else
        read_setting(entry, top, settings_.shared);
    }
  }

 private:
  bool is_new(const ConfigNode& entry, const Room& room, std::set<std::string>& seen) {
    const Option* option = find_option(entry.key);
    if (seen.insert(option != nullptr ? key_of(*option) : entry.key).second) return true;
    problems_.error(entry.key_place,
                    fmt::format("'{}' is given twice{}", excerpt(entry.key), room.title));
    return false;
  }

  void read_blocks(const ConfigNode& node, Scope scope, std::vector<RawBlock>& blocks) {
    const std::string_view noun = scope_name(scope);
    if (node.kind != Kind::kMap && node.kind != Kind::kList)
      return problems_.error(
          node.key_place,
          fmt::format("expected a map or a list of {0}s, as in '{0}s: {{main: {{...}}}}'", noun));
    if (node.items.empty())
      return problems_.error(node.key_place,
                             fmt::format("'{}' is empty; add one, or leave the key out", node.key));
    size_t number = 0;
    for (const ConfigNode& item : node.items) {
      ++number;
      const bool in_map = node.kind == Kind::kMap;
      RawBlock block{scope, in_map ? item.key : "", in_map ? item.key_place : item.place, {}};
      if (item.kind != Kind::kMap) {
        report_block_shape(item, scope, in_map);
        continue;
      }
      if (!in_map) block.name = name_in_list(item, scope, number);
      if (block.name.empty()) continue;
      read_block(item, block, in_map);
      blocks.push_back(std::move(block));
    }
  }

  void report_block_shape(const ConfigNode& item, Scope scope, bool in_map) {
    const std::string_view noun = scope_name(scope);
    const Option* option = in_map ? find_option(item.key) : nullptr;
    if (option != nullptr && option->scope() == scope)
      problems_.error(item.key_place,
                      fmt::format("expected the name of a {0}, found its setting '{1}'; write "
                                  "'{0}s: {{main: {{{1}: ...}}}}'",
                                  noun, item.key));
    else
      problems_.error(in_map ? item.key_place : item.place,
                      fmt::format("expected the settings of a {} as 'key: value' lines", noun));
  }

  // In a list the name is a key; without one the position names the block.
  std::string name_in_list(const ConfigNode& item, Scope scope, size_t number) {
    for (const ConfigNode& entry : item.items)
      if (entry.key == "name" && entry.kind == Kind::kScalar) {
        const Parsed<std::string> name = interpolate(entry.text, environment_);
        if (name.ok()) return *name.value;
        problems_.error(entry.place, name.expected);
        return {};
      }
    return fmt::format("{}-{}", scope_name(scope), number);
  }

  void read_block(const ConfigNode& node, RawBlock& block, bool in_map) {
    const Room room{block.scope,
                    fmt::format(" in {} '{}'", scope_name(block.scope), excerpt(block.name))};
    if (const std::string problem = name_problem(block.name); !problem.empty())
      problems_.error(block.place,
                      fmt::format("'{}' is not valid for the name of a {}: {}", excerpt(block.name),
                                  scope_name(block.scope), problem));
    std::set<std::string> seen;
    for (const ConfigNode& entry : node.items) {
      if (!is_new(entry, room, seen)) continue;
      if (entry.key != "name")
        read_setting(entry, room, block.settings);
      else if (in_map)
        problems_.error(entry.key_place, fmt::format("the name{} stands before the colon already; "
                                                     "remove this line",
                                                     room.title));
      else if (entry.kind != Kind::kScalar)
        problems_.error(entry.key_place, "'name' takes one value (name)");
    }
  }

  void read_setting(const ConfigNode& node, const Room& room, std::vector<RawSetting>& into) {
    const Option* option = find_option(node.key);
    if (option == nullptr || !room.takes(*option)) return report_key(node, room, option);
    const std::string called = fmt::format("'{}'", node.key);
    if (node.kind == Kind::kNull)
      return problems_.error(node.key_place,
                             fmt::format("{}{} has no value; write one ({}), or remove the line",
                                         called, room.title, type_text(*option)));
    RawSetting setting{option,
                       called,
                       node.kind == Kind::kScalar ? node.place : node.key_place,
                       Shape::kScalar,
                       {}};
    bool good = true;
    if (node.kind == Kind::kScalar && takes_many(*option)) {
      // As on the command line: one text with commas.
      RawItem whole;
      good = read_item(node, whole);
      if (good) setting = setting_from_text(*option, called, whole.text, node.place, problems_);
      if (whole.text != whole.shown)
        for (RawItem& item : setting.items) item.shown = whole.shown;
    } else if (node.kind == Kind::kScalar) {
      good = read_item(node, setting.items.emplace_back());
    } else {
      setting.shape = node.kind == Kind::kMap ? Shape::kMap : Shape::kList;
      // The good items of a list are checked even when others are bad.
      good = read_items(node, setting, room) || !setting.items.empty();
    }
    if (good) into.push_back(std::move(setting));
  }

  bool read_items(const ConfigNode& node, RawSetting& setting, const Room& room) {
    bool good = true;
    std::set<std::string> seen;
    for (const ConfigNode& entry : node.items) {
      if (node.kind == Kind::kMap && !seen.insert(entry.key).second) {
        problems_.error(entry.key_place,
                        fmt::format("'{}' is given twice in {}{}", excerpt(entry.key),
                                    setting.called, room.title));
        good = false;
      } else if (entry.kind != Kind::kScalar) {
        problems_.error(
            entry.kind == Kind::kNull && node.kind == Kind::kMap ? entry.key_place : entry.place,
            fmt::format("expected a text in {}{}, found {}", setting.called, room.title,
                        entry.kind == Kind::kNull   ? "nothing"
                        : entry.kind == Kind::kList ? "a list"
                                                    : "a map"));
        good = false;
      } else {
        RawItem item;
        if (read_item(entry, item))
          setting.items.push_back(std::move(item));
        else
          good = false;
      }
    }
    return good;
  }

  bool read_item(const ConfigNode& node, RawItem& item) {
    Parsed<std::string> text = interpolate(node.text, environment_, item.pieces);
    item.key = node.key;
    item.shown = node.text;
    item.place = node.place;
    if (!text.ok()) {
      problems_.error(node.place, text.expected);
      return false;
    }
    item.text = std::move(*text.value);
    return true;
  }

  // An unknown key, or a known one in the wrong place.
  void report_key(const ConfigNode& node, const Room& room, const Option* elsewhere) {
    const std::string shown = excerpt(node.key);
    if (elsewhere != nullptr) {
      const std::string_view home = elsewhere->scope() == Scope::kAgent ? "at the top of the file"
                                    : elsewhere->scope() == Scope::kSource ? "in a source"
                                                                           : "in a destination";
      return problems_.error(node.key_place, fmt::format("'{}' belongs {}, not{}", shown, home,
                                                         room.scope ? room.title : " at the top"));
    }
    std::vector<std::string> keys;
    for (const Option& option : option_table())
      if (room.takes(option)) keys.push_back(key_of(option));
    if (!room.scope)
      keys.insert(keys.end(), {std::string(kSourcesKey), std::string(kDestinationsKey)});
    const std::vector<std::string_view> words(keys.begin(), keys.end());
    const std::string_view near = nearest(node.key, words);
    std::string all;
    for (const std::string& key : keys) all.append(all.empty() ? "" : ", ").append(key);
    const std::string remedy = near.empty() ? fmt::format("expected one of {}", all)
                                            : fmt::format("did you mean '{}'?", near);
    problems_.error(node.key_place,
                    fmt::format("unknown key '{}'{}; {}", shown, room.title, remedy));
  }

  const Environment& environment_;
  FileSettings& settings_;
  ProblemList& problems_;
};

}  // namespace

void read_config_text(std::string_view text, const std::string& name,
                      const Environment& environment, FileSettings& settings,
                      ProblemList& problems) {
  if (const std::optional<ConfigNode> root = parse_config_tree(text, name, problems))
    FileReader(environment, settings, problems).read_top(*root);
}

void read_config_file(const std::string& path, const Environment& environment,
                      FileSettings& settings, ProblemList& problems) {
  if (!environment.read_file) return problems.error(Place{path, 0, 0}, "files cannot be read here");
  const Result<std::string> text = environment.read_file(path, kConfigFileBytesMax);
  if (text.ok()) return read_config_text(text.value(), path, environment, settings, problems);
  const bool large = text.error().code == Errc::kExhausted && text.error().sys_errno == 0;
  problems.error(Place{path, 0, 0}, large ? "a configuration file may have at most 1 MiB"
                                          : fmt::format("cannot read this configuration file: {}",
                                                        text.error().message()));
}

}  // namespace sluice
