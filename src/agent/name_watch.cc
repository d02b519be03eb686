// SPDX-License-Identifier: Apache-2.0
#include "agent/name_watch.h"

#include "flow/checkpoint/destination_names.h"

namespace sluice {
namespace {

std::string listed(const std::vector<std::string>& names) {
  std::string text;
  for (const std::string& name : names) text += (text.empty() ? "'" : ", '") + name + "'";
  return text;
}

}  // namespace

NameWatch::NameWatch(Store& store, const AgentConfig& config, EventLog& log)
    : store_(store), log_(log) {
  for (const DestinationConfig& destination : config.destinations)
    configured_.push_back(destination.name);
}

Result<StoredState> NameWatch::load() {
  Result<StoredState> loaded = store_.load();
  if (!loaded) return loaded;
  const DestinationNames names = compare_names(loaded->rows, configured_);
  if (!names.look_renamed()) return loaded;
  const std::string gone = listed(names.gone);
  const std::string fresh = listed(names.fresh);
  log_.event(Severity::kWarning, "agent.destination_names",
             "positions go by the name of a destination: " + fresh +
                 " has none, so every followed file is sent there from its beginning; if it is " +
                 gone +
                 " under a new name, which nobody has now, all that was delivered is sent again: "
                 "stop, and give it the old name back");
  return loaded;
}

Result<void> NameWatch::commit(std::span<const CheckpointRow> upserts,
                               std::span<const int64_t> erased_rows) {
  return store_.commit(upserts, erased_rows);
}

}  // namespace sluice
