// SPDX-License-Identifier: Apache-2.0
// config_fuzz.cc — any bytes as a configuration file.
//
// In:      bytes from libFuzzer.
// Out:     nothing, or an abort: the loader must end, without an exception, with a configuration or
//          a problem; a valid one must print as a file that is valid again and prints the same.
// Why so:  the file comes from people and from templates, and yaml-cpp has a record of surprises.
#include <cstddef>
#include <cstdint>
#include <string>

#include "control/config_load.h"
#include "control/config_print.h"
#include "sluice/check.h"

namespace sluice {
namespace {

ConfigOutcome load_text(const std::string& text) {
  Environment environment;
  environment.variables = {{"HOME", "/home/ann"}, {"A", "value"}};
  environment.working_directory = "/srv";
  environment.host_name = "web-1";
  environment.read_file = [&text](const std::string& path, Bytes most) -> Result<std::string> {
    if (path != "f") return Error::from_errno("open", ENOENT);
    if (text.size() > static_cast<size_t>(most.value))
      return Error{Errc::kExhausted, 0, "it is too large"};
    return text;
  };
  std::string flag = "-c", file = "f";
  char* args[] = {flag.data(), file.data()};
  return load_config(args, environment);
}

bool has_secrets(const AgentConfig& config) {
  for (const DestinationConfig& destination : config.destinations)
    if (!destination.headers.empty()) return true;
  return false;
}

void try_one(const std::string& text) {
  const ConfigOutcome first = load_text(text);
  SLUICE_CHECK(first.ok() || !format_problems(first.problems).empty(), "a failure has a reason");
  SLUICE_CHECK(!first.config.sources.empty() && !first.config.destinations.empty(),
               "there is always a source and a destination");
  if (!first.ok()) return;
  const std::string printed = config_as_yaml(first.config);
  if (has_secrets(first.config)) return;  // three stars are not what was read
  const ConfigOutcome second = load_text(printed);
  SLUICE_CHECK(second.ok(), "a printed configuration is valid");
  SLUICE_CHECK(config_as_yaml(second.config) == printed, "it means the same");
}

}  // namespace
}  // namespace sluice

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* bytes, size_t size) {
  sluice::try_one(std::string(reinterpret_cast<const char*>(bytes), size));
  return 0;
}
