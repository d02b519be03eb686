// SPDX-License-Identifier: Apache-2.0
// name_watch.h — a checkpoint store that warns when a destination was given another name.
//
// In:      the store, the names of the configured destinations, the agent's log.
// Out:     what the store says, and one warning before anything of it is acted upon.
// Owns:    nothing. REQUIRES: store and log outlive it.
// Thread:  the steward's.
// Fails:   as the store does.
// Why so:  only at this door all rows pass by before the first file is opened.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "sluice/config.h"
#include "sluice/event_log.h"
#include "sluice/store.h"

namespace sluice {

class NameWatch final : public Store {
 public:
  NameWatch(Store& store, const AgentConfig& config, EventLog& log);

  Result<StoredState> load() override;
  Result<void> commit(std::span<const CheckpointRow> upserts,
                      std::span<const int64_t> erased_rows) override;

 private:
  Store& store_;
  std::vector<std::string> configured_;
  EventLog& log_;
};

}  // namespace sluice
