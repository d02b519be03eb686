// SPDX-License-Identifier: Apache-2.0
#include "control/config_check.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <system_error>
#include <utility>

#include "control/config_endpoint.h"
#include "control/config_print.h"
#include "control/config_text.h"

namespace sluice {
namespace {

namespace fs = std::filesystem;

constexpr size_t kEntriesMax = 100'000;

// For the user that the process acts as, which access(2) does not ask.
bool allowed(const char* path, int mode) {
  return ::faccessat(AT_FDCWD, path, mode, AT_EACCESS) == 0;
}

// What logrotate and journals leave behind, by name: nothing is opened here.
bool is_compressed(std::string_view path) {
  constexpr std::array<std::string_view, 4> kEndings = {".gz", ".xz", ".bz2", ".zst"};
  return std::any_of(kEndings.begin(), kEndings.end(),
                     [path](std::string_view ending) { return path.ends_with(ending); });
}

// One pattern compared with the disk.
class Walk {
 public:
  Walk(const PathMatcher& matcher, const Place& place, ProblemList& problems)
      : matcher_(matcher), place_(place), problems_(problems) {}

  // False: not one file matches. An unfinished walk is given the benefit of the doubt.
  bool finds_any() {
    for (const std::string& root : matcher_.roots) look_into(root);
    if (compressed_ > 0) warn_of_compressed();
    return matches_ > 0 || entries_ >= kEntriesMax;
  }

 private:
  void warn(const std::string& path, std::string_view what, int error) {
    problems_.warning(place_, fmt::format("cannot {} '{}': {}; run sluice as a user who may, often "
                                          "one of the group adm",
                                          what, excerpt(path), std::strerror(error)));
  }

  void warn_of_compressed() {
    const std::string others = compressed_ == 1 ? "" : fmt::format(" and {} more", compressed_ - 1);
    problems_.warning(place_,
                      fmt::format("compressed files match ('{}'{}), and their bytes would be "
                                  "sent as if they were lines; leave them out with "
                                  "-exclude \"*{}\"",
                                  excerpt(first_compressed_), others,
                                  fs::path(first_compressed_).extension().native()));
  }

  void look_into(const std::string& directory) {
    if (depth_ > kDepthMax || entries_ >= kEntriesMax) return;
    std::error_code error;
    fs::directory_iterator entry(directory, error);
    // What does not exist yet is covered by "matches no file yet".
    if (error == std::errc::permission_denied) warn(directory, "list", error.value());
    if (error) return;
    ++depth_;
    for (; entry != fs::directory_iterator() && entries_ < kEntriesMax; entry.increment(error)) {
      if (error) break;
      ++entries_;
      look_at(*entry);
    }
    --depth_;
  }

  void look_at(const fs::directory_entry& entry) {
    const std::string& path = entry.path().native();
    std::error_code error;
    const bool link = entry.is_symlink(error);
    if (entry.is_directory(error)) {
      if (matcher_.descends(path, link)) look_into(path);
      return;
    }
    if (!entry.is_regular_file(error) || !matcher_.wants(path)) return;
    ++matches_;
    if (!allowed(path.c_str(), R_OK)) warn(path, "read", errno);
    if (!is_compressed(path)) return;
    if (compressed_++ == 0) first_compressed_ = path;
  }

  static constexpr size_t kDepthMax = 64;

  const PathMatcher& matcher_;
  const Place& place_;
  ProblemList& problems_;
  size_t entries_ = 0;
  size_t matches_ = 0;
  size_t compressed_ = 0;
  std::string first_compressed_;
  size_t depth_ = 0;
};

void check_sources(const AgentConfig& config, const CheckTools& tools, ProblemList& problems) {
  if (!tools.matcher) return;
  for (const SourceConfig& source : config.sources) {
    const Place place{fmt::format("source '{}'", source.name), 0, 0};
    for (const std::string& pattern : source.paths) {
      const std::optional<PathMatcher> matcher = tools.matcher({pattern}, source.exclude);
      if (matcher && !Walk(*matcher, place, problems).finds_any())
        problems.warning(place, fmt::format("'{}' matches no file yet; files may appear later",
                                            excerpt(pattern)));
    }
  }
}

void check_state(const AgentConfig& config, ProblemList& problems) {
  // What is missing will be created, so the nearest directory that exists decides.
  fs::path directory = config.state_dir;
  std::error_code error;
  while (directory.has_relative_path() && !fs::exists(directory, error))
    directory = directory.parent_path();
  const Place place{"state", 0, 0};
  if (!fs::is_directory(directory, error)) {
    problems.warning(place, fmt::format("'{}' is not a directory; choose another with -state DIR",
                                        excerpt(directory.native())));
  } else if (!allowed(directory.c_str(), W_OK | X_OK)) {
    problems.warning(place, fmt::format("cannot write to '{}': {}; choose another directory with "
                                        "-state DIR, or give this user the right to",
                                        excerpt(directory.native()), std::strerror(errno)));
  }
}

// In the sight of others: neither TLS nor this very machine.
bool is_exposed(std::string_view endpoint) {
  const std::string_view host = endpoint.substr(endpoint.find("://") + 3);
  const bool loopback =
      host.starts_with("127.") || host.starts_with("localhost") || host.starts_with("[::1]");
  return !is_tls(endpoint) && !loopback;
}

void check_tls(const AgentConfig& config, ProblemList& problems) {
  for (const DestinationConfig& destination : config.destinations) {
    const TlsConfig& tls = destination.tls;
    const Place place{fmt::format("destination '{}'", destination.name), 0, 0};
    for (const std::string* file : {&tls.ca_file, &tls.cert_file, &tls.key_file})
      if (!file->empty() && !allowed(file->c_str(), R_OK))
        problems.warning(place, fmt::format("cannot read '{}': {}; requests will fail until it "
                                            "can be read",
                                            excerpt(*file), std::strerror(errno)));
    const std::vector<std::string>& urls = destination.endpoints;
    if (std::any_of(urls.begin(), urls.end(), is_exposed) &&
        (!destination.auth.bearer.empty() || !destination.auth.username.empty()))
      problems.warning(
          place,
          "the credentials go in clear text over http://, where anybody on the way can "
          "read them; use https://");
    if (!tls.verify && std::any_of(urls.begin(), urls.end(), is_tls))
      problems.warning(place,
                       "tls_verify is off: anybody on the way can read and change the lines");
  }
}

// Takes --print out of the arguments; it is the one flag that `run` has not.
bool take_print(std::vector<char*>& args) {
  const auto is_print = [](const char* argument) {
    return std::string_view(argument) == "--print" || std::string_view(argument) == "-print";
  };
  return std::erase_if(args, is_print) > 0;
}

void write(std::FILE* stream, const std::string& text) {
  std::fwrite(text.data(), 1, text.size(), stream);
}

}  // namespace

std::vector<ConfigProblem> check_machine(const AgentConfig& config, const CheckTools& tools) {
  ProblemList problems;
  check_sources(config, tools, problems);
  check_state(config, problems);
  check_tls(config, problems);
  return std::move(problems).sorted();
}

int check_main(std::span<char* const> args, const Environment& environment, const CheckTools& tools,
               std::FILE* out, std::FILE* errors) {
  std::vector<char*> rest(args.begin(), args.end());
  const bool print = take_print(rest);
  const ConfigOutcome outcome = load_config(rest, environment, tools.rules);
  if (outcome.intent == Intent::kHelp) {
    write(out, help_text());
    return 0;
  }
  if (outcome.intent == Intent::kVersion) {
    write(out, "sluice " SLUICE_VERSION "\n");
    return 0;
  }
  write(errors, format_problems(outcome.problems));
  if (!outcome.ok()) {
    const auto count = std::count_if(
        outcome.problems.begin(), outcome.problems.end(),
        [](const ConfigProblem& problem) { return problem.severity == ProblemSeverity::kError; });
    write(errors,
          fmt::format("configuration is wrong: {} error{}\n", count, count == 1 ? "" : "s"));
    return kExitConfiguration;
  }
  write(errors, format_problems(check_machine(outcome.config, tools)));
  write(out, print ? config_as_yaml(outcome.config)
                   : fmt::format("configuration is valid: {}\n", config_summary(outcome.config)));
  return 0;
}

}  // namespace sluice
