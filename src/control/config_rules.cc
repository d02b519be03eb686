// SPDX-License-Identifier: Apache-2.0
#include "control/config_rules.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <set>
#include <utility>

#include "control/config_endpoint.h"
#include "control/config_text.h"
#include "control/config_values.h"
#include "control/nearest.h"

namespace sluice {
namespace {

using PlacedSource = Placed<SourceConfig>;
using PlacedDestination = Placed<DestinationConfig>;

constexpr int32_t kGzipLevelMax = 12;

// A file may be named relative to where the agent was started; from here on names are absolute, so
// that they mean the same in records, checkpoints and messages.
std::string absolute(std::string path, const Environment& environment) {
  if (path.empty() || path.front() == '/') return path;
  if (path == "~" || path.starts_with("~/")) {
    const std::string* home = environment.variable("HOME");
    return home == nullptr ? path : *home + path.substr(1);
  }
  if (environment.working_directory.empty()) return path;
  while (path.starts_with("./")) path.erase(0, 2);
  const bool at_root = environment.working_directory == "/";
  return (at_root ? "" : environment.working_directory) + "/" + path;
}

// A directory's name is no pattern, whatever letters it has.
std::string absolute_pattern(const std::string& pattern, const Environment& environment) {
  Environment escaped;
  escaped.variables = environment.variables;
  for (const char letter : environment.working_directory) {
    if (std::string_view("*?[]{}\\").find(letter) != std::string_view::npos)
      escaped.working_directory += '\\';
    escaped.working_directory += letter;
  }
  return absolute(pattern, escaped);
}

void finish_patterns(PlacedSource& source, const Environment& environment, const ConfigRules& rules,
                     ProblemList& problems) {
  const auto check = [&](const std::string& pattern, std::string_view option) {
    if (!rules.pattern) return;
    if (const std::optional<std::string> why = rules.pattern(pattern))
      problems.error(source.of(option), fmt::format("'{}' is not a valid pattern for '{}': {}",
                                                    excerpt(pattern), option, *why));
  };
  for (std::string& pattern : source.record.paths) {
    pattern = absolute_pattern(pattern, environment);
    check(pattern, "paths");
  }
  for (std::string& pattern : source.record.exclude) {
    if (pattern.find('/') != std::string::npos) pattern = absolute_pattern(pattern, environment);
    check(pattern, "exclude");
  }
}

void finish_paths(Assembly& assembly, const Environment& environment, const ConfigRules& rules,
                  ProblemList& problems) {
  for (PlacedSource& source : assembly.sources)
    finish_patterns(source, environment, rules, problems);
  for (PlacedDestination& destination : assembly.destinations) {
    TlsConfig& tls = destination.record.tls;
    for (std::string* file : {&tls.ca_file, &tls.cert_file, &tls.key_file})
      *file = absolute(*file, environment);
  }
  std::string& state = assembly.agent.record.state_dir;
  state = absolute(state, environment);
}

void finish_agent(Placed<AgentConfig>& agent, const Environment& environment,
                  ProblemList& problems) {
  AgentConfig& config = agent.record;
  if (config.host.empty())
    config.host = is_utf8(environment.host_name) && !environment.host_name.empty()
                      ? environment.host_name
                      : "localhost";
  if (!config.state_dir.empty()) return;
  const std::string* const state_home = environment.variable("XDG_STATE_HOME");
  const std::string* const home = environment.variable("HOME");
  if (environment.is_root)
    config.state_dir = "/var/lib/sluice";
  else if (state_home != nullptr && state_home->starts_with('/'))
    config.state_dir = *state_home + "/sluice";
  else if (home != nullptr && home->starts_with('/'))
    config.state_dir = *home + "/.local/state/sluice";
  else
    problems.error(agent.place,
                   "no home directory to keep the state in; say where with -state DIR");
}

template <class Record>
std::set<std::string> unique_names(const std::vector<Placed<Record>>& records, Scope scope,
                                   ProblemList& problems) {
  std::map<std::string, Place> seen;
  std::set<std::string> names;
  for (const Placed<Record>& placed : records) {
    const auto [first, fresh] = seen.emplace(placed.record.name, placed.place);
    names.insert(placed.record.name);
    if (!fresh)
      problems.error(placed.place,
                     fmt::format("{} '{}' exists already, at {}:{}:{}; give one another name",
                                 scope_name(scope), placed.record.name, first->second.origin,
                                 first->second.line, first->second.column));
  }
  return names;
}

void finish_routes(Assembly& assembly, ProblemList& problems) {
  unique_names(assembly.sources, Scope::kSource, problems);
  const std::set<std::string> names =
      unique_names(assembly.destinations, Scope::kDestination, problems);
  const std::vector<std::string_view> known(names.begin(), names.end());
  std::set<std::string> used;
  for (PlacedSource& source : assembly.sources) {
    std::vector<std::string>& wanted = source.record.destinations;
    if (wanted.empty()) wanted.assign(names.begin(), names.end());
    std::set<std::string> seen;
    for (const std::string& name : wanted) {
      const Place& place = source.of("destinations");
      if (!seen.insert(name).second)
        problems.error(place, fmt::format("source '{}' names destination '{}' twice",
                                          source.record.name, name));
      if (names.contains(name)) continue;
      const std::string_view near = nearest(name, known);
      problems.error(place, fmt::format("source '{}' names the unknown destination '{}'; {}",
                                        source.record.name, name,
                                        near.empty() ? "define it under 'destinations'"
                                                     : fmt::format("did you mean '{}'?", near)));
    }
    used.insert(seen.begin(), seen.end());
  }
  for (const PlacedDestination& destination : assembly.destinations)
    if (!used.contains(destination.record.name))
      problems.warning(destination.place,
                       fmt::format("no source names destination '{}'; it will get nothing",
                                   destination.record.name));
}

// The user and password of a URL become a header, unless the user gave that header.
void finish_endpoints(PlacedDestination& destination, ProblemList& problems) {
  std::string authorization;
  std::set<std::string> seen;
  for (std::string& url : destination.record.endpoints) {
    Parsed<Endpoint> endpoint = parse_endpoint(url);
    if (!endpoint.ok()) return;  // reported where it was read
    url = endpoint.value->url;
    if (!seen.insert(url).second)
      problems.error(destination.of("endpoint"),
                     fmt::format("destination '{}' has the endpoint '{}' twice; leave one out",
                                 destination.record.name, excerpt(url)));
    const std::string& own = endpoint.value->authorization;
    if (!own.empty() && !authorization.empty() && own != authorization)
      problems.error(destination.of("endpoint"),
                     fmt::format("the endpoints of destination '{}' have different users, and "
                                 "a destination has one; give it once, as username and password",
                                 destination.record.name));
    if (!own.empty()) authorization = own;
  }
  std::map<std::string, Secret>& headers = destination.record.headers;
  const bool given = std::any_of(headers.begin(), headers.end(), [](const auto& header) {
    return edit_distance(header.first, "Authorization") == 0;
  });
  if (!authorization.empty() && !given) headers.emplace("Authorization", Secret(authorization));
}

// Container runtimes write UTF-8 whatever the container says.
void check_form(const PlacedSource& placed, ProblemList& problems) {
  const SourceConfig& it = placed.record;
  if (it.format == LineFormat::kText || it.encoding == TextEncoding::kUtf8) return;
  problems.error(placed.of(placed.sets("encoding") ? "encoding" : "format"),
                 fmt::format("source '{}' is of container logs, which are always utf-8; leave "
                             "encoding out, or set format to text",
                             it.name));
}

void check_times(const PlacedDestination& placed, ProblemList& problems) {
  const DestinationConfig& it = placed.record;
  if (it.retry_min_delay > it.retry_max_delay)
    problems.error(
        placed.of(placed.sets("retry-max-delay") ? "retry-max-delay" : "retry-min-delay"),
        fmt::format("the longest retry pause ({}) is shorter than the first ({}) in destination "
                    "'{}'; raise retry_max_delay or lower retry_min_delay",
                    format_duration(it.retry_max_delay), format_duration(it.retry_min_delay),
                    it.name));
  if (it.connect_timeout > it.request_timeout && placed.sets("connect-timeout"))
    problems.error(
        placed.of("connect-timeout"),
        fmt::format("connect_timeout ({}) is longer than request_timeout ({}), of which "
                    "it is a part; lower it",
                    format_duration(it.connect_timeout), format_duration(it.request_timeout)));
}

void check_transport(const PlacedDestination& placed, ProblemList& problems) {
  const DestinationConfig& it = placed.record;
  const bool cert = !it.tls.cert_file.empty(), key = !it.tls.key_file.empty();
  if (cert != key)
    problems.error(placed.of(cert ? "tls-cert" : "tls-key"),
                   fmt::format("tls_cert and tls_key go together; {} is missing in destination "
                               "'{}'",
                               cert ? "tls_key" : "tls_cert", it.name));
  const bool clear =
      placed.sets("endpoint") && std::all_of(it.endpoints.begin(), it.endpoints.end(),
                                             [](const auto& url) { return !is_tls(url); });
  const bool other = !it.tls.ca_file.empty() || !it.tls.pin.empty() || !it.tls.server_name.empty();
  if (clear && (cert || key || other))
    problems.warning(placed.of("endpoint"),
                     fmt::format("destination '{}' has TLS settings and an http:// endpoint, "
                                 "which uses no TLS; did you mean https://?",
                                 it.name));
  if (placed.sets("spool") && it.spool != SpoolMode::kOff && it.overflow == Overflow::kDropOldest)
    problems.error(placed.of("overflow"),
                   fmt::format("destination '{}' drops its oldest lines and spools them; use "
                               "'spool-full: drop-oldest' and leave out 'overflow'",
                               it.name));
  const bool fixed = it.level.mode == CompressionLevel::Mode::kFixed;
  if (fixed && it.compression == Compression::kGzip && it.level.fixed > kGzipLevelMax)
    problems.error(placed.of("level"),
                   fmt::format("gzip has levels 1 to 12, {} is out of range; lower it or use zstd",
                               it.level.fixed));
  if (it.queue > Lines(0) && it.batch > Lines(0) && it.queue < it.batch)
    problems.warning(placed.of("queue"),
                     fmt::format("the queue ({} lines) is smaller than one batch ({} lines), so "
                                 "requests never fill; raise queue or lower batch",
                                 it.queue.value, it.batch.value));
}

bool has_authorization_header(const DestinationConfig& destination) {
  return std::any_of(
      destination.headers.begin(), destination.headers.end(),
      [](const auto& header) { return edit_distance(header.first, "Authorization") == 0; });
}

// After finish_endpoints(), which makes a header of what the URL says.
void check_credentials(const PlacedDestination& placed, ProblemList& problems) {
  const DestinationConfig& it = placed.record;
  const Authentication& auth = it.auth;
  const bool bearer = !auth.bearer.empty(), basic = !auth.username.empty();
  if (!auth.password.empty() && !basic)
    problems.error(
        placed.of("password"),
        fmt::format("destination '{}' has a password and no username; give one", it.name));
  if (auth.username.find(':') != std::string::npos)
    problems.error(placed.of("username"),
                   "a user of basic authentication has no ':' in its name; the rest is the "
                   "password");
  if (bearer + basic + has_authorization_header(it) > 1)
    problems.error(placed.of(bearer ? "bearer" : "username"),
                   fmt::format("destination '{}' has more than one of bearer, username, an "
                               "Authorization header and user:password@ in its endpoint, and a "
                               "request has one Authorization; keep one",
                               it.name));
  if (const std::string problem = header_problem(auth.sign_header, ""); !problem.empty())
    problems.error(placed.of("sign-header"), fmt::format("'{}' is not valid for sign_header: {}",
                                                         excerpt(auth.sign_header), problem));
}

bool is_pin(std::string_view pin) {
  constexpr std::string_view kPrefix = "sha256//";
  constexpr size_t kDigestLetters = 44;  // 32 bytes in base64, with one '='
  if (!pin.starts_with(kPrefix)) return false;
  pin.remove_prefix(kPrefix.size());
  return pin.size() == kDigestLetters && pin.back() == '=' &&
         std::all_of(pin.begin(), pin.end() - 1, [](char c) {
           return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
                  c == '+' || c == '/';
         });
}

// A list that libcurl does not understand pins nothing, silently or for ever.
void check_pins(const PlacedDestination& placed, ProblemList& problems) {
  for (std::string_view rest = placed.record.tls.pin; !rest.empty();) {
    const size_t end = std::min(rest.find(';'), rest.size());
    if (!is_pin(rest.substr(0, end)))
      problems.error(placed.of("tls-pin"),
                     fmt::format("'{}' is not valid for tls_pin: expected sha256// and 44 letters "
                                 "of base64, several with ';' between",
                                 excerpt(rest.substr(0, end))));
    rest.remove_prefix(std::min(end + 1, rest.size()));
  }
}

void check_server_name(const PlacedDestination& placed, ProblemList& problems) {
  const std::string& name = placed.record.tls.server_name;
  const bool good = std::all_of(name.begin(), name.end(), [](char c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '.' ||
           c == '-';
  });
  if (!good || name.size() > 253)
    problems.error(
        placed.of("tls-server-name"),
        fmt::format("'{}' is not valid for tls_server_name: expected the name of a host, "
                    "without scheme, port or path",
                    excerpt(name)));
}

// What libcurl would take for the name of a host, or not at all, is said here.
void check_proxy(const PlacedDestination& placed, ProblemList& problems) {
  const DestinationConfig& it = placed.record;
  const std::string& proxy = it.proxy;
  const bool none = proxy.empty() || proxy == "off";
  if (!none) {
    constexpr std::array<std::string_view, 4> kSchemes = {"http://", "https://", "socks5://",
                                                          "socks5h://"};
    const auto scheme = std::find_if(kSchemes.begin(), kSchemes.end(), [&](std::string_view each) {
      return proxy.starts_with(each);
    });
    const bool good = scheme != kSchemes.end() && proxy.size() > scheme->size() &&
                      proxy.find_first_of(" \t\r\n", 0) == std::string::npos;
    if (!good)
      problems.error(placed.of("proxy"),
                     fmt::format("'{}' is not valid for proxy: expected http://, https://, "
                                 "socks5:// or socks5h:// and HOST:PORT, or off",
                                 proxy.find('@') == std::string::npos ? excerpt(proxy) : "..."));
    else if (proxy.find('@') != std::string::npos)
      problems.error(placed.of("proxy"),
                     fmt::format("the proxy of destination '{}' holds credentials, and it is "
                                 "shown; put them into proxy_username and proxy_password",
                                 it.name));
  }
  const bool user = !it.auth.proxy_username.empty();
  if (!it.auth.proxy_password.empty() && !user)
    problems.error(placed.of("proxy-password"),
                   fmt::format("destination '{}' has a proxy_password and no proxy_username; give "
                               "one",
                               it.name));
  if (user && none)
    problems.error(placed.of("proxy-username"),
                   fmt::format("destination '{}' has credentials for a proxy and no proxy; set "
                               "proxy (one of the environment has its own)",
                               it.name));
}

// Stands in where no plan is asked: the bodies in flight, and one longest line while it is
// assembled and encoded.
std::optional<std::string> bodies_that_do_not_fit(const AgentConfig& config) {
  Bytes needed, longest;
  for (const DestinationConfig& destination : config.destinations)
    needed += destination.batch_bytes * destination.planned_workers();
  for (const SourceConfig& source : config.sources) longest = std::max(longest, source.max_line);
  needed += longest * 2;
  if (needed <= config.memory) return std::nullopt;
  constexpr int64_t kMiB = 1 << 20;
  return fmt::format(
      "memory ({}) is too small: {} workers' bodies and the longest line need {}MiB; raise memory, "
      "or lower workers, batch_bytes or max_line",
      format_bytes(config.memory), config.destinations.size() == 1 ? "the" : "all",
      (needed.value + kMiB - 1) / kMiB);
}

}  // namespace

AgentConfig assembled(Assembly assembly, const Environment& environment, const ConfigRules& rules,
                      ProblemList& problems) {
  finish_agent(assembly.agent, environment, problems);
  finish_paths(assembly, environment, rules, problems);
  finish_routes(assembly, problems);
  for (const PlacedSource& source : assembly.sources) check_form(source, problems);
  for (PlacedDestination& destination : assembly.destinations) {
    finish_endpoints(destination, problems);
    check_times(destination, problems);
    check_transport(destination, problems);
    check_credentials(destination, problems);
    check_pins(destination, problems);
    check_server_name(destination, problems);
    check_proxy(destination, problems);
  }
  AgentConfig config = assembly.agent.record;
  for (PlacedSource& source : assembly.sources) config.sources.push_back(source.record);
  for (PlacedDestination& destination : assembly.destinations)
    config.destinations.push_back(destination.record);
  const std::optional<std::string> too_small =
      rules.memory ? rules.memory(config) : bodies_that_do_not_fit(config);
  if (too_small) problems.error(assembly.agent.of("memory"), *too_small);
  return config;
}

}  // namespace sluice
