// SPDX-License-Identifier: Apache-2.0
#include "control/config_environment.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <climits>
#include <string_view>

#include "control/nearest.h"

extern char** environ;

namespace sluice {
namespace {

constexpr std::string_view kPrefix = "SLUICE_";
// Read by other parts, so never a misspelling.
constexpr std::array<std::string_view, 1> kOtherVariables = {"SLUICE_CONFIG"};

struct Descriptor {
  int fd;
  explicit Descriptor(int open_fd) : fd(open_fd) {}
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  ~Descriptor() {
    if (fd >= 0) ::close(fd);
  }
};

std::map<std::string, std::string> variables_of_process() {
  std::map<std::string, std::string> variables;
  for (char** entry = environ; entry != nullptr && *entry != nullptr; ++entry) {
    const std::string_view text = *entry;
    const size_t at = text.find('=');
    if (at != std::string_view::npos)
      variables.emplace(std::string(text.substr(0, at)), std::string(text.substr(at + 1)));
  }
  return variables;
}

}  // namespace

Result<std::string> read_regular_file(const std::string& path, Bytes most) {
  // O_NONBLOCK: opening a pipe that nobody writes must not hang the start.
  const Descriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  if (file.fd < 0) return Error::from_errno("open");
  struct stat state {};
  if (::fstat(file.fd, &state) != 0) return Error::from_errno("fstat");
  if (S_ISDIR(state.st_mode)) return Error::from_errno("open", EISDIR);
  if (!S_ISREG(state.st_mode)) return Error{Errc::kInvalid, 0, "it is not a regular file"};
  std::string bytes;
  std::array<char, 4096> piece;
  while (bytes.size() <= static_cast<size_t>(most.value)) {
    const ssize_t got = ::read(file.fd, piece.data(), piece.size());
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return Error::from_errno("read");
    if (got == 0) return bytes;
    bytes.append(piece.data(), static_cast<size_t>(got));
  }
  return Error{Errc::kExhausted, 0, "it is too large"};
}

Environment Environment::of_process() {
  Environment environment;
  environment.variables = variables_of_process();
  std::array<char, PATH_MAX> directory{};
  if (::getcwd(directory.data(), directory.size()) != nullptr)
    environment.working_directory = directory.data();
  std::array<char, HOST_NAME_MAX + 1> host{};
  if (::gethostname(host.data(), host.size() - 1) == 0) environment.host_name = host.data();
  environment.is_root = ::geteuid() == 0;
  environment.read_file = read_regular_file;
  return environment;
}

const std::string* Environment::variable(const std::string& name) const {
  const auto found = variables.find(name);
  return found == variables.end() || found->second.empty() ? nullptr : &found->second;
}

std::vector<RawSetting> settings_from_environment(const Environment& environment,
                                                  ProblemList& problems) {
  const Place place{"environment", 0, 0};
  std::vector<RawSetting> settings;
  std::vector<std::string> known(kOtherVariables.begin(), kOtherVariables.end());
  for (const Option& option : option_table()) {
    if (option.file_only) continue;
    const std::string name = variable_of(option);
    known.push_back(name);
    if (const std::string* text = environment.variable(name))
      settings.push_back(setting_from_text(option, name, *text, place, problems));
  }
  const std::vector<std::string_view> names(known.begin(), known.end());
  for (const auto& [name, value] : environment.variables) {
    // Only what is nearly one of ours: orchestrators set SLUICE_SERVICE_HOST and the like.
    if (!name.starts_with(kPrefix) || value.empty()) continue;
    const std::string_view near = nearest(name, names);
    if (!near.empty() && near != name && edit_distance(name, near) <= 2)
      problems.warning(place, fmt::format("{} is not a setting; did you mean {}?", name, near));
  }
  return settings;
}

}  // namespace sluice
