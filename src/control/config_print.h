// SPDX-License-Identifier: Apache-2.0
// config_print.h — the configuration and its options, written for people.
//
// In:      a finished AgentConfig, or the option table.
// Out:     texts: effective YAML, a summary of one line, --help, the reference of
//          docs/configuration.md.
// Owns:    nothing. Pure.
// Limits:  secrets are three stars; what is printed is otherwise a valid configuration file that
//          means the same.
// Why so:  all four are loops over the option table, so none can forget a setting.
#pragma once

#include <string>

#include "sluice/config.h"

namespace sluice {

std::string config_as_yaml(const AgentConfig& config);

// "1 source (default: /var/log/*.log) to 1 destination (default: http://…, gzip), memory 64MiB, …"
std::string config_summary(const AgentConfig& config);

// What `sluice --help` says about `run` and `check`.
std::string help_text();

// The tables between the two markers of docs/configuration.md.
std::string reference_text();

}  // namespace sluice
