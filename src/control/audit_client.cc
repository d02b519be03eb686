// SPDX-License-Identifier: Apache-2.0
#include "control/audit_client.h"

#include <fmt/format.h>
#include <httplib.h>

#include "control/config_values.h"

namespace sluice {
namespace {

constexpr time_t kConnectSeconds = 1;
constexpr time_t kAnswerSeconds = 15;

// Who listens on every address is asked on the loopback.
std::string reachable(const std::string& host) {
  if (host.empty() || host == "0.0.0.0") return "127.0.0.1";
  return host == "::" ? "::1" : host;
}

// Every byte that means something in a request line.
std::string escaped(const std::string& path) {
  std::string text;
  for (const char byte : path) {
    const bool plain = (byte >= 'a' && byte <= 'z') || (byte >= 'A' && byte <= 'Z') ||
                       (byte >= '0' && byte <= '9') || byte == '/' || byte == '.' || byte == '-' ||
                       byte == '_';
    if (plain) {
      text += byte;
    } else {
      text += fmt::format("%{:02X}", static_cast<unsigned char>(byte));
    }
  }
  return text;
}

}  // namespace

std::optional<AgentPage> get_agent_page(const ListenAddress& address, const std::string& path,
                                        std::string& problem) {
  httplib::Client client(reachable(address.host), address.port);
  client.set_connection_timeout(kConnectSeconds);
  client.set_read_timeout(kAnswerSeconds);
  client.set_url_encode(false);
  const httplib::Result answer = client.Get(escaped(path));
  if (!answer) {
    problem = "no agent answers on " + format_address(address);
    return std::nullopt;
  }
  return AgentPage{answer->status, answer->body};
}

}  // namespace sluice
