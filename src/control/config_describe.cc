// SPDX-License-Identifier: Apache-2.0
// How a field is written for people: its value as YAML, its type and its default.
#include <type_traits>

#include "control/config_choices.h"
#include "control/config_settings.h"
#include "control/config_text.h"
#include "control/config_values.h"

namespace sluice {
namespace {

constexpr std::string_view kMasked = "\"***\"";

std::string written(const Option&, const std::string& value) {
  return yaml_scalar(value);
}
std::string written(const Option&, const Secret& value) {
  return value.empty() ? "\"\"" : std::string(kMasked);
}
std::string written(const Option&, bool value) {
  return value ? "true" : "false";
}
std::string written(const Option& option, int32_t value) {
  if (option.form == Form::kCountOrAuto && value == 0) return "auto";
  return std::to_string(value);
}
std::string written(const Option&, Lines value) {
  return std::to_string(value.value);
}
std::string written(const Option&, Bytes value) {
  return format_bytes(value);
}
std::string written(const Option&, Duration value) {
  return format_duration(value);
}
std::string written(const Option&, const CompressionLevel& value) {
  return format_level(value);
}
std::string written(const Option& option, const RateLimit& value) {
  return format_rate(value, option.form == Form::kByteRate ? RateUnit::kBytes : RateUnit::kCount);
}
std::string written(const Option&, const std::optional<ListenAddress>& value) {
  return yaml_scalar(format_address(value));
}
template <class E>
requires std::is_enum_v<E> std::string written(const Option&, E value) {
  return std::string(word_of(value));
}
std::string written(const Option& option, const std::vector<std::string>& values) {
  if (option.form == Form::kUrls && values.size() == 1) return yaml_scalar(values[0]);
  std::string text = "[";
  for (const std::string& value : values)
    text.append(text.size() > 1 ? ", " : "").append(yaml_scalar(value));
  return text + "]";
}
template <class Value>
std::string written(const Option&, const std::map<std::string, Value>& values) {
  std::string text = "{";
  for (const auto& [name, value] : values) {
    text.append(text.size() > 1 ? ", " : "").append(yaml_scalar(name)).append(": ");
    if constexpr (std::is_same_v<Value, Secret>)
      text += kMasked;
    else
      text += yaml_scalar(value);
  }
  return text + "}";
}

template <class E>
std::string choice_words() {
  std::string words;
  E last{};
  for (const Choice<E>& choice : choices(E{})) {
    // A second word for the same value is read but not advertised.
    if (!words.empty() && (choice.value == last || word_of(choice.value) != choice.word)) continue;
    words.append(words.empty() ? "" : " | ").append(choice.word);
    last = choice.value;
  }
  return words;
}

template <class T>
std::string type_of(const Option& option) {
  if constexpr (std::is_enum_v<T>) return choice_words<T>();
  if constexpr (std::is_same_v<T, Secret>) return "secret";
  if constexpr (std::is_same_v<T, bool>) return "true | false";
  if constexpr (std::is_same_v<T, Bytes>) return "size";
  if constexpr (std::is_same_v<T, Duration>) return "duration";
  if constexpr (std::is_same_v<T, Lines> || std::is_same_v<T, int32_t>)
    return option.form == Form::kCountOrAuto ? "auto | number" : "number";
  if constexpr (std::is_same_v<T, CompressionLevel>) return "auto | fast | 1 to 19";
  if constexpr (std::is_same_v<T, RateLimit>)
    return option.form == Form::kByteRate ? "rate of bytes" : "rate";
  if constexpr (std::is_same_v<T, std::optional<ListenAddress>>) return "address | off";
  if constexpr (std::is_same_v<T, TextMap> || std::is_same_v<T, SecretMap>) return "map";
  if constexpr (std::is_same_v<T, std::vector<std::string>>)
    return option.form == Form::kUrls       ? "URL | list of URLs"
           : option.form == Form::kPatterns ? "list of patterns"
                                            : "list of names";
  if constexpr (std::is_same_v<T, std::string>) {
    return option.form == Form::kPath ? "path" : option.form == Form::kName ? "name" : "text";
  }
}

// Calls `use` with the member pointer of the option and a record that holds the defaults.
template <class Use>
auto with_default(const Option& option, Use use) {
  return std::visit(
      [&use](const auto& field) {
        return std::visit(
            [&use]<class Record, class T>(T Record::*member) { return use(Record{}.*member); },
            field);
      },
      option.field);
}

template <class T>
constexpr bool kIsMany = std::is_same_v<T, std::vector<std::string>> ||
                         std::is_same_v<T, TextMap> || std::is_same_v<T, SecretMap>;

}  // namespace

std::string value_as_yaml(const Option& option, const AgentConfig& agent) {
  return std::visit([&](auto member) { return written(option, agent.*member); },
                    std::get<AgentField>(option.field));
}

std::string value_as_yaml(const Option& option, const SourceConfig& source) {
  return std::visit([&](auto member) { return written(option, source.*member); },
                    std::get<SourceField>(option.field));
}

std::string value_as_yaml(const Option& option, const DestinationConfig& destination) {
  if (const TlsField* field = std::get_if<TlsField>(&option.field))
    return std::visit([&](auto member) { return written(option, destination.tls.*member); },
                      *field);
  if (const AuthField* field = std::get_if<AuthField>(&option.field))
    return std::visit([&](auto member) { return written(option, destination.auth.*member); },
                      *field);
  return std::visit([&](auto member) { return written(option, destination.*member); },
                    std::get<DestinationField>(option.field));
}

std::string type_text(const Option& option) {
  return with_default(option, [&option]<class T>(const T&) { return type_of<T>(option); });
}

std::string default_text(const Option& option) {
  if (!option.default_text.empty()) return std::string(option.default_text);
  return with_default(option, [&option]<class T>(const T& value) -> std::string {
    if constexpr (std::is_same_v<T, std::string>) return value;
    if constexpr (std::is_same_v<T, std::vector<std::string>>)
      return value.empty() ? "" : value.front();
    if constexpr (std::is_same_v<T, TextMap> || std::is_same_v<T, SecretMap>) return "";
    if constexpr (std::is_same_v<T, Secret>) return "";
    if constexpr (std::is_same_v<T, std::optional<ListenAddress>>) return format_address(value);
    return written(option, value);
  });
}

bool takes_many(const Option& option) {
  return with_default(option, []<class T>(const T&) { return kIsMany<T>; });
}

bool is_secret(const Option& option) {
  return with_default(option, []<class T>(const T&) {
    return std::is_same_v<T, Secret> || std::is_same_v<T, SecretMap>;
  });
}

bool is_switch(const Option& option) {
  return with_default(option, []<class T>(const T&) { return std::is_same_v<T, bool>; });
}

}  // namespace sluice
