// SPDX-License-Identifier: Apache-2.0
// audit_client.h — asks a running agent for one page of its admin port.
//
// In:      the address as the agent's configuration has it.
// Out:     the page, or why there is none: nobody listens, somebody else does, no answer.
// Owns:    nothing after the call.
// Thread:  one; blocks.
// Limits:  1 s to connect, 15 s for the page.
// Why so:  the commands look at the port that is there for people anyway: no second socket that
//          could be left open, forgotten or misconfigured.
#pragma once

#include <optional>
#include <string>

#include "sluice/config.h"

namespace sluice {

struct AgentPage {
  int status = 0;
  std::string body;
};

// Nothing: nobody answers; `problem` gets the reason. `path` may hold any bytes.
std::optional<AgentPage> get_agent_page(const ListenAddress& address, const std::string& path,
                                        std::string& problem);

}  // namespace sluice
