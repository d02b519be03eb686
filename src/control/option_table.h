// SPDX-License-Identifier: Apache-2.0
// option_table.h — every setting of the agent, once: name, field, range, help, example.
//
// In:      nothing; the table is constant.
// Out:     flags, SLUICE_… variables, YAML keys, --help, the reference in docs/configuration.md and
//          `sluice check --print` are all derived from these rows. A new setting is a field in
//          include/sluice/config.h and a row here, and a test fails until the page has it too.
// Thread:  constant.
// Limits:  `min` and `max` are in the unit of the field (bytes, lines, nanoseconds).
// Why so:  one name, three spellings: -batch-bytes, SLUICE_BATCH_BYTES, batch_bytes. Scope and type
//          are not written down; they follow from the field, so they cannot be wrong.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "sluice/config.h"

namespace sluice {

using TextMap = std::map<std::string, std::string>;
using SecretMap = std::map<std::string, Secret>;

template <class Record, class... Types>
using FieldOf = std::variant<Types Record::*...>;

using AgentField =
    FieldOf<AgentConfig, std::string, Bytes, Duration, int32_t, bool, IoBackend, FollowLinks,
            LogLevel, LogFormat, ProgressMode, std::optional<ListenAddress>>;
using SourceField = FieldOf<SourceConfig, std::string, std::vector<std::string>, TextMap, Bytes,
                            StartFrom, CarriageReturn, LineFormat, TextEncoding>;
using DestinationField =
    FieldOf<DestinationConfig, std::string, Framing, Lines, Bytes, Duration, int32_t, Overflow,
            SpoolMode, Compression, CompressionLevel, RateLimit, DeliveryOrder, SecretMap, bool,
            HttpVersion, EndpointBalance, std::vector<std::string>>;
using TlsField = FieldOf<TlsConfig, std::string, bool, TlsVersion>;
using AuthField = FieldOf<Authentication, std::string, Secret>;

// What a text means beyond its type.
enum class Form : uint8_t {
  kPlain,
  kName,
  kPath,
  kPatterns,
  kNames,
  kUrls,
  kByteRate,
  kCountRate,
  kCountOrAuto,  // 0 is written auto
};

// Where a setting lives; the order is that of Option::field.
enum class Scope : uint8_t { kAgent, kSource, kDestination };

struct Option {
  std::string_view group;  // heading in --help and in the reference
  std::string_view name;   // as a flag, without dashes
  std::variant<AgentField, SourceField, DestinationField, TlsField, AuthField> field;
  std::string_view help;  // what it is
  std::string_view tune;  // what raising and lowering does, or when to change it
  std::string_view example;
  Form form = Form::kPlain;
  int64_t min = 0;
  int64_t max = INT64_MAX;
  bool file_only = false;              // has no meaning as a flag
  std::string_view default_text = {};  // when the loader computes the default

  Scope scope() const;
};

std::span<const Option> option_table();

// Finds a setting by its flag or key; '-' and '_' are the same, case counts. Null: no such setting.
const Option* find_option(std::string_view name);

std::string flag_of(const Option& option);      // "-batch-bytes"
std::string variable_of(const Option& option);  // "SLUICE_BATCH_BYTES"
std::string key_of(const Option& option);       // "batch_bytes"
std::string_view scope_name(Scope scope);       // "agent", "source", "destination"

}  // namespace sluice
