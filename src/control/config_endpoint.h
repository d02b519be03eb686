// SPDX-License-Identifier: Apache-2.0
// config_endpoint.h — reads the URL of a destination.
//
// In:      what the user wrote.
// Out:     the URL without user and password, and those as the value of an Authorization header; or
//          what is wrong with it, with the remedy.
// Thread:  pure.
// Limits:  http and https only, 2,048 bytes. file:// and the rest are refused although the HTTP
//          library knows them: a log agent has no business there.
// Why so:  the endpoint is written into logs and metrics by many parts. It cannot show a password
//          that it does not hold.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "control/config_values.h"

namespace sluice {

struct Endpoint {
  std::string url;
  std::string authorization;  // "Basic …", or empty
};

Parsed<Endpoint> parse_endpoint(std::string_view text);

// The URL with its user and password as three stars, for messages about a wrong one.
std::string endpoint_for_show(std::string_view text);

// Of what was read: all in one line.
std::string endpoints_for_show(const std::vector<std::string>& urls);
bool is_tls(std::string_view url);

}  // namespace sluice
