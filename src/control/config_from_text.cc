// SPDX-License-Identifier: Apache-2.0
// How one text of the command line or the environment becomes a list or a map.
#include <utility>

#include "control/config_settings.h"
#include "control/config_values.h"

namespace sluice {
namespace {

// At the separator, unless it stands inside {a,b} or after a backslash.
std::vector<std::string> split(std::string_view text, char separator) {
  std::vector<std::string> parts(1);
  int depth = 0;
  for (size_t i = 0; i < text.size(); ++i) {
    const char letter = text[i];
    if (letter == '\\' && i + 1 < text.size() && text[i + 1] == separator) {
      parts.back() += text[++i];
      continue;
    }
    if (letter == '{') ++depth;
    if (letter == '}' && depth > 0) --depth;
    if (letter == separator && depth == 0)
      parts.emplace_back();
    else
      parts.back() += letter;
  }
  return parts;
}

bool is_map(const Option& option) {
  return option.name == "labels" || option.name == "headers";
}

// A comma in a URL is its own unless another URL follows.
std::vector<std::string> split_urls(std::string_view text) {
  std::vector<std::string> urls;
  for (std::string& part : split(text, ',')) {
    if (urls.empty() || part.find("://") != std::string::npos)
      urls.push_back(std::move(part));
    else
      urls.back().append(",").append(part);
  }
  return urls;
}

RawItem pair_from(std::string_view part, bool header, const RawSetting& setting,
                  ProblemList& problems) {
  // "Name: value" is how people copy headers; '=' is how everything else is written.
  const size_t at = header ? part.find_first_of(":=") : part.find('=');
  if (at == std::string_view::npos || trimmed(part.substr(0, at)).empty()) {
    problems.error(setting.place,
                   setting.called + " takes " +
                       (header ? "'Name: value' (the given text is not shown, it may be a secret)"
                               : "name=value, separated by commas"));
    return {};
  }
  const std::string value(trimmed(part.substr(at + 1)));
  return RawItem{std::string(trimmed(part.substr(0, at))), value, value, setting.place};
}

}  // namespace

RawSetting setting_from_text(const Option& option, std::string called, std::string_view text,
                             const Place& place, ProblemList& problems) {
  RawSetting setting{&option, std::move(called), place, Shape::kScalar, {}};
  if (!takes_many(option)) {
    setting.items.push_back({{}, std::string(text), std::string(text), place});
    return setting;
  }
  const bool header = option.name == "headers";
  setting.shape = is_map(option) ? Shape::kMap : Shape::kList;
  const bool urls = option.form == Form::kUrls;
  for (const std::string& part : urls ? split_urls(text) : split(text, header ? '\n' : ',')) {
    const std::string_view item = trimmed(part);
    if (item.empty()) continue;
    if (setting.shape == Shape::kList) {
      setting.items.push_back({{}, std::string(item), std::string(item), place});
    } else if (RawItem pair = pair_from(item, header, setting, problems); !pair.key.empty()) {
      setting.items.push_back(std::move(pair));
    }
  }
  return setting;
}

void merge_repeated(RawSetting& first, RawSetting&& next) {
  if (first.shape == Shape::kScalar) {
    first = std::move(next);
    return;
  }
  for (RawItem& item : next.items) first.items.push_back(std::move(item));
}

}  // namespace sluice
