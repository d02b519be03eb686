// SPDX-License-Identifier: Apache-2.0
// config_settings.h — one setting on its way from text to a typed field, and back.
//
// In:      RawSetting: which option, what was written, where. All three ways in (flags, variables,
//          YAML) produce the same thing, so a value means the same everywhere.
// Out:     the field of the record, or problems with the place and what was expected.
// Owns:    the texts of the setting.
// Thread:  pure.
// Limits:  a problem never quotes a secret: not a header's value, not what ${…} became, not the
//          password of a URL.
// Fails:   a setting that is wrong leaves its field as it was.
// Why so:  the type of the field chooses the reader at compile time; a row of the option table that
//          names a field without a reader does not compile.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "control/config_problem.h"
#include "control/option_table.h"

namespace sluice {

enum class Shape : uint8_t { kScalar, kList, kMap };

struct RawItem {
  std::string key;    // of a map
  std::string text;   // the value, after interpolation
  std::string shown;  // the value as it was written, for messages
  Place place;
  std::vector<SecretPiece> pieces = {};  // of the value, if ${file:...} is among them
};

struct RawSetting {
  const Option* option = nullptr;
  std::string called;  // how the user wrote its name: "-batch", "SLUICE_BATCH", "'batch'"
  Place place;
  Shape shape = Shape::kScalar;
  std::vector<RawItem> items;  // exactly one for a scalar
};

// A setting from one text, as flags and variables have it. Lists split at commas (not inside {} and
// not after a backslash), maps into "name=value" or "name: value"; headers at newlines only.
RawSetting setting_from_text(const Option& option, std::string called, std::string_view text,
                             const Place& place, ProblemList& problems);

// Adds the items of a repeated flag to those before it. Scalars are replaced.
void merge_repeated(RawSetting& first, RawSetting&& next);

// REQUIRES: the option lives in that kind of record.
void apply_setting(const RawSetting& setting, AgentConfig& agent, ProblemList& problems);
void apply_setting(const RawSetting& setting, SourceConfig& source, ProblemList& problems);
void apply_setting(const RawSetting& setting, DestinationConfig& destination,
                   ProblemList& problems);

// Reports what is wrong with a setting, whether or not it will be used.
void check_setting(const RawSetting& setting, ProblemList& problems);

// The value of a field as YAML: a scalar, or a flow list or map. Secrets are three stars.
std::string value_as_yaml(const Option& option, const AgentConfig& agent);
std::string value_as_yaml(const Option& option, const SourceConfig& source);
std::string value_as_yaml(const Option& option, const DestinationConfig& destination);

// For help and the reference: "duration", "size", "gzip | zstd | none", and the default.
std::string type_text(const Option& option);
std::string default_text(const Option& option);

// True when the value is a list or a map, so that the flag may be repeated.
bool takes_many(const Option& option);
// True for settings that are false or true: their flag needs no value.
bool is_switch(const Option& option);
// True when no value of it may be shown.
bool is_secret(const Option& option);

}  // namespace sluice
