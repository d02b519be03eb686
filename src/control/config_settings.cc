// SPDX-License-Identifier: Apache-2.0
#include "control/config_settings.h"

#include <fmt/format.h>

#include <type_traits>
#include <utility>

#include "control/config_choices.h"
#include "control/config_endpoint.h"
#include "control/config_text.h"
#include "control/config_values.h"
#include "control/nearest.h"

namespace sluice {
namespace {

// One setting being read into its field: what every reader below needs.
struct Reading {
  const RawSetting& setting;
  ProblemList& problems;

  const Option& option() const { return *setting.option; }

  void refuse(const RawItem& item, std::string_view expected) const {
    const bool url = option().form == Form::kUrls;
    const std::string shown = url ? endpoint_for_show(item.shown) : item.shown;
    problems.error(item.place, fmt::format("'{}' is not valid for {}: {}", excerpt(shown),
                                           setting.called, expected));
  }

  // For settings that are one value: that value, unless a list or a map was written.
  const RawItem* scalar() const {
    if (setting.shape == Shape::kScalar && setting.items.size() == 1) return &setting.items[0];
    problems.error(setting.place,
                   fmt::format("{} takes one value ({}), not a {}", setting.called,
                               type_text(option()), setting.shape == Shape::kMap ? "map" : "list"));
    return nullptr;
  }

  bool in_range(const RawItem& item, int64_t value, const std::string& min,
                const std::string& max) const {
    if (value < option().min) {
      refuse(item, fmt::format("the least is {}", min));
      return false;
    }
    if (value > option().max) {
      refuse(item, fmt::format("the most is {}", max));
      return false;
    }
    return true;
  }
};

template <class T>
void take(const Reading& reading, const RawItem& item, Parsed<T> parsed, T& out) {
  if (parsed.ok())
    out = std::move(*parsed.value);
  else
    reading.refuse(item, parsed.expected);
}

void read(const Reading& reading, std::string& out) {
  const RawItem* item = reading.scalar();
  if (item == nullptr) return;
  const Form form = reading.option().form;
  std::string problem;
  if (form == Form::kName) {
    problem = name_problem(item->text);
  } else if (form == Form::kPath) {
    problem = path_problem(item->text);
  } else {
    problem = text_problem(item->text);
  }
  if (problem.empty())
    out = item->text;
  else
    reading.refuse(*item, problem);
}

// Nothing of it is shown, not even what was written: that may be the secret itself.
void read(const Reading& reading, Secret& out) {
  const RawItem* item = reading.scalar();
  if (item == nullptr) return;
  std::string problem = header_problem("Authorization", item->text);
  if (item->text.empty()) problem = "it is empty";
  if (problem.empty())
    out = Secret(item->text, item->pieces);
  else
    reading.problems.error(item->place, fmt::format("{} is not valid (it is a secret and not "
                                                    "shown): {}",
                                                    reading.setting.called, problem));
}

Secret value_of(const RawItem& item, const Secret*) {
  return Secret(item.text, item.pieces);
}

const std::string& value_of(const RawItem& item, const std::string*) {
  return item.text;
}

void read(const Reading& reading, bool& out) {
  if (const RawItem* item = reading.scalar()) take(reading, *item, parse_bool(item->text), out);
}

void read(const Reading& reading, CompressionLevel& out) {
  if (const RawItem* item = reading.scalar()) take(reading, *item, parse_level(item->text), out);
}

void read(const Reading& reading, std::optional<ListenAddress>& out) {
  if (const RawItem* item = reading.scalar()) take(reading, *item, parse_address(item->text), out);
}

void read(const Reading& reading, RateLimit& out) {
  const RateUnit unit =
      reading.option().form == Form::kByteRate ? RateUnit::kBytes : RateUnit::kCount;
  if (const RawItem* item = reading.scalar())
    take(reading, *item, parse_rate(item->text, unit), out);
}

void read_count(const Reading& reading, int64_t& out) {
  const RawItem* item = reading.scalar();
  if (item == nullptr) return;
  int64_t value = 0;
  const Parsed<int64_t> parsed = parse_count(item->text);
  take(reading, *item, parsed, value);
  const Option& option = reading.option();
  if (parsed.ok() &&
      reading.in_range(*item, value, std::to_string(option.min), std::to_string(option.max)))
    out = value;
}

void read(const Reading& reading, Lines& out) {
  read_count(reading, out.value);
}

void read_count_or_auto(const Reading& reading, int32_t& out) {
  const RawItem* item = reading.scalar();
  if (item == nullptr) return;
  if (edit_distance(item->text, "auto") == 0) {
    out = 0;
    return;
  }
  const Option& option = reading.option();
  const Parsed<int64_t> parsed = parse_count(item->text);
  if (!parsed.ok() || *parsed.value == 0)
    reading.refuse(*item, fmt::format("expected auto or a number from 1 to {}", option.max));
  else if (reading.in_range(*item, *parsed.value, "1", std::to_string(option.max)))
    out = static_cast<int32_t>(*parsed.value);
}

void read(const Reading& reading, int32_t& out) {
  if (reading.option().form == Form::kCountOrAuto) return read_count_or_auto(reading, out);
  int64_t value = out;
  read_count(reading, value);
  out = static_cast<int32_t>(value);
}

void read(const Reading& reading, Bytes& out) {
  const RawItem* item = reading.scalar();
  if (item == nullptr) return;
  Bytes value;
  const Parsed<Bytes> parsed = parse_bytes(item->text);
  take(reading, *item, parsed, value);
  const Option& option = reading.option();
  if (parsed.ok() && reading.in_range(*item, value.value, format_bytes(Bytes(option.min)),
                                      format_bytes(Bytes(option.max))))
    out = value;
}

void read(const Reading& reading, Duration& out) {
  const RawItem* item = reading.scalar();
  if (item == nullptr) return;
  Duration value;
  const Parsed<Duration> parsed = parse_duration(item->text);
  take(reading, *item, parsed, value);
  const Option& option = reading.option();
  if (parsed.ok() && reading.in_range(*item, value.value, format_duration(Duration(option.min)),
                                      format_duration(Duration(option.max))))
    out = value;
}

template <class E>
requires std::is_enum_v<E>
void read(const Reading& reading, E& out) {
  const RawItem* item = reading.scalar();
  if (item == nullptr) return;
  std::vector<std::string_view> words;
  for (const Choice<E>& choice : choices(E{})) {
    if (edit_distance(item->text, choice.word) == 0) {
      out = choice.value;
      return;
    }
    words.push_back(choice.word);
  }
  std::string expected = fmt::format("expected {}", type_text(reading.option()));
  if (const std::string_view near = nearest(item->text, words); !near.empty())
    expected += fmt::format("; did you mean '{}'?", near);
  reading.refuse(*item, expected);
}

std::string item_problem(Form form, std::string_view text) {
  if (form == Form::kUrls) return parse_endpoint(text).expected;
  return form == Form::kPatterns ? path_problem(text) : name_problem(text);
}

void read(const Reading& reading, std::vector<std::string>& out) {
  const RawSetting& setting = reading.setting;
  if (setting.shape == Shape::kMap)
    return reading.problems.error(setting.place, setting.called + " takes a list, not a map");
  // An empty list of exclusions is meant; anything else that is empty follows or reaches nothing.
  if (setting.items.empty() && reading.option().name != "exclude")
    return reading.problems.error(
        setting.place, setting.called + " is empty; give at least one, or leave the setting out");
  if (static_cast<int64_t>(setting.items.size()) > reading.option().max)
    return reading.problems.error(setting.place,
                                  fmt::format("{} has {} entries; the most is {}", setting.called,
                                              setting.items.size(), reading.option().max));
  std::vector<std::string> items;
  for (const RawItem& item : setting.items) {
    const std::string problem = item_problem(reading.option().form, item.text);
    if (problem.empty())
      items.push_back(item.text);
    else
      reading.refuse(item, problem);
  }
  if (items.size() == setting.items.size()) out = std::move(items);
}

template <class Value>
void read(const Reading& reading, std::map<std::string, Value>& out) {
  constexpr bool secret = std::is_same_v<Value, Secret>;
  const RawSetting& setting = reading.setting;
  if (setting.shape != Shape::kMap)
    return reading.problems.error(setting.place,
                                  setting.called + " takes a map of names and values");
  std::map<std::string, Value> entries;
  for (const RawItem& item : setting.items) {
    std::string problem =
        secret ? header_problem(item.key, item.text) : label_problem(item.key, item.text);
    if (problem.empty() &&
        !entries.emplace(item.key, value_of(item, static_cast<Value*>(nullptr))).second)
      problem = "it is given twice";
    if (!problem.empty())
      reading.problems.error(item.place, fmt::format("'{}' is not valid in {}: {}",
                                                     excerpt(item.key), setting.called, problem));
  }
  if (entries.size() == setting.items.size()) out = std::move(entries);
}

}  // namespace

void apply_setting(const RawSetting& setting, AgentConfig& agent, ProblemList& problems) {
  std::visit(
      [&](auto member) {
        read(Reading{setting, problems}, agent.*member);
      },
      std::get<AgentField>(setting.option->field));
}

void apply_setting(const RawSetting& setting, SourceConfig& source, ProblemList& problems) {
  std::visit(
      [&](auto member) {
        read(Reading{setting, problems}, source.*member);
      },
      std::get<SourceField>(setting.option->field));
}

void apply_setting(const RawSetting& setting, DestinationConfig& destination,
                   ProblemList& problems) {
  const Reading reading{setting, problems};
  if (const TlsField* field = std::get_if<TlsField>(&setting.option->field))
    return std::visit([&](auto member) { read(reading, destination.tls.*member); }, *field);
  if (const AuthField* field = std::get_if<AuthField>(&setting.option->field))
    return std::visit([&](auto member) { read(reading, destination.auth.*member); }, *field);
  std::visit([&](auto member) { read(reading, destination.*member); },
             std::get<DestinationField>(setting.option->field));
}

void check_setting(const RawSetting& setting, ProblemList& problems) {
  AgentConfig agent;
  SourceConfig source;
  DestinationConfig destination;
  const Scope scope = setting.option->scope();
  if (scope == Scope::kAgent) apply_setting(setting, agent, problems);
  if (scope == Scope::kSource) apply_setting(setting, source, problems);
  if (scope == Scope::kDestination) apply_setting(setting, destination, problems);
}

}  // namespace sluice
