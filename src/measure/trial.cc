// SPDX-License-Identifier: Apache-2.0
#include "measure/trial.h"

#include <arpa/inet.h>
#include <fmt/format.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <filesystem>
#include <optional>

#include "control/audit_client.h"
#include "measure/private_directory.h"
#include "measure/raw_loop.h"

namespace sluice {
namespace {

constexpr double kStartSecondsMax = 20;
// How long the agent may finish its requests to a service, and then itself.
constexpr Duration kDrainPatience{1'000'000'000};
constexpr Duration kStopPatience{2'000'000'000};
// A service that has not taken one request after so long is not measured, but broken.
constexpr double kFirstAckSecondsMax = 15;
constexpr double kLooksPerWindow = 8;
constexpr double kLookSecondsMin = 0.005;
// Of the window, before measuring begins: connections, first touches of memory.
constexpr double kWarmShare = 0.2;
// A log that was read to its end in less than this share of the window is measured from the start.
constexpr double kShareMin = 0.3;

Duration duration_of(double seconds) {
  return Duration(static_cast<int64_t>(seconds * 1e9));
}

// A port that was free a moment ago.
uint16_t free_port() {
  const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd < 0) return 0;
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  const bool bound = ::bind(fd, reinterpret_cast<const sockaddr*>(&address), size) == 0 &&
                     ::getsockname(fd, reinterpret_cast<sockaddr*>(&address), &size) == 0;
  ::close(fd);
  return bound ? ntohs(address.sin_port) : uint16_t{0};
}

// How far the agent is at a moment.
struct Look {
  double at = 0;
  double cpu = 0;
  double acked = 0;
  double sent_raw = 0;
  double sent_body = 0;
};

class Trial {
 public:
  Trial(const TrialSubject& subject, const AgentConfig& config, Child agent, std::string log_file,
        Interrupt& interrupt)
      : subject_(subject),
        admin_(*config.admin),
        agent_(std::move(agent)),
        log_file_(std::move(log_file)),
        interrupt_(interrupt),
        step_(std::max(kLookSecondsMin, subject.window_seconds / kLooksPerWindow)) {}

  std::variant<TrialFigures, std::string> run() {
    const std::optional<Look> begun =
        wait_for(kStartSecondsMax, kLookSecondsMin, [](const Look&) { return true; });
    if (!begun) return failure("the agent of a trial did not start");
    const double warm = begun->at + subject_.window_seconds * kWarmShare;
    const auto is_warm = [&](const Look& look) {
      return is_done(look) || (look.acked > 0 && look.at >= warm);
    };
    const std::optional<Look> first = wait_for(kFirstAckSecondsMax, step_, is_warm);
    if (!first) return failure("the destination took nothing");
    const double end = first->at + subject_.window_seconds;
    const auto is_over = [&](const Look& look) { return is_done(look) || look.at >= end; };
    const std::optional<Look> last =
        is_over(*first) ? first
                        : wait_for(subject_.window_seconds + kFirstAckSecondsMax, step_, is_over);
    if (!last) return failure("the agent of a trial ended");
    const int64_t resident = agent_.peak_resident_bytes();
    if (subject_.real) agent_.stop(kStopPatience, interrupt_);
    const bool short_run = last->at - first->at < subject_.window_seconds * kShareMin;
    return figures(short_run ? *begun : *first, *last, resident);
  }

 private:
  bool is_done(const Look& look) const {
    return look.acked >= static_cast<double>(subject_.log.bytes);
  }

  template <class Enough>
  std::optional<Look> wait_for(double seconds_max, double step, Enough enough) {
    const double end = seconds_of_wall() + seconds_max;
    while (seconds_of_wall() < end && agent_.lives()) {
      const std::optional<Look> look = look_now();
      if (look && enough(*look)) return look;
      if (interrupt_.pause(duration_of(step))) break;
    }
    return std::nullopt;
  }

  std::optional<Look> look_now() {
    std::string problem;
    const auto page = get_agent_page(admin_, "/metrics", problem);
    if (!page || page->status != 200) return std::nullopt;
    Look look;
    look.at = seconds_of_wall();
    look.cpu = agent_.cpu_seconds();
    look.acked = metric_sum(page->body, "sluice_source_acked_bytes_total");
    look.sent_raw = metric_sum(page->body, "sluice_component_sent_raw_bytes_total");
    look.sent_body = metric_sum(page->body, "sluice_component_sent_body_bytes_total");
    return look;
  }

  std::variant<TrialFigures, std::string> figures(const Look& first, const Look& last,
                                                  int64_t resident) {
    const double bytes = last.acked - first.acked;
    if (bytes <= 0 || last.sent_raw <= 0) return failure("the destination takes no more");
    TrialFigures figures;
    figures.mb_per_s = bytes / 1e6 / (last.at - first.at);
    figures.cpu_s_per_gb = (last.cpu - first.cpu) / bytes * 1e9;
    figures.wire_per_raw = last.sent_body / last.sent_raw;
    figures.rss_mib = static_cast<double>(resident) / 1048576;
    return figures;
  }

  std::string failure(const char* what) const {
    if (interrupt_.came()) return "interrupted";
    const std::string words = last_line_of(log_file_);
    return words.empty() ? what : fmt::format("{}: {}", what, words);
  }

  const TrialSubject& subject_;
  const ListenAddress admin_;
  Child agent_;
  const std::string log_file_;
  Interrupt& interrupt_;
  const double step_;
};

}  // namespace

AgentConfig trial_config(const TrialSubject& subject, const TuneSettings& settings,
                         const std::string& state_dir, uint16_t admin_port) {
  AgentConfig config = subject.config;
  config.sources.resize(1);
  config.destinations.resize(1);
  SourceConfig& source = config.sources.front();
  DestinationConfig& destination = config.destinations.front();
  source.paths = subject.log.paths;
  source.exclude.clear();
  source.from = StartFrom::kBeginning;
  source.destinations = {destination.name};
  if (!subject.sampled) {
    source.format = LineFormat::kText;
    source.encoding = TextEncoding::kUtf8;
  }
  destination.endpoints = subject.endpoints;
  if (!subject.real) {
    // The null destination is no secret keeper, and the user's limits are not what is measured.
    destination.headers.clear();
    destination.auth = {};
    destination.tls = {};
    destination.http_version = HttpVersion::kAuto;
    destination.rate_bytes = destination.rate_lines = destination.rate_requests = {};
  }
  destination.level = settings.level;
  destination.batch_bytes = settings.batch_bytes;
  destination.workers = settings.workers;
  config.shards = settings.shards;
  config.state_dir = state_dir;
  config.shutdown_timeout = kDrainPatience;
  config.admin = ListenAddress{"127.0.0.1", admin_port};
  config.log_level = LogLevel::kWarning;
  config.log_format = LogFormat::kText;
  config.progress = ProgressMode::kOff;
  return config;
}

std::variant<TrialFigures, std::string> run_trial(const TrialSubject& subject,
                                                  const TuneSettings& settings,
                                                  Interrupt& interrupt) {
  const PrivateDirectory state(subject.directory);
  if (state.path().empty()) return "cannot make a directory in " + subject.directory;
  const std::string log_file = state.path() + ".log";
  const AgentConfig config = trial_config(subject, settings, state.path(), free_port());
  Result<Child> agent =
      Child::start([&] { return subject.run_agent(config); }, log_file, interrupt);
  if (!agent) return agent.error().message();
  return Trial(subject, config, std::move(agent).value(), log_file, interrupt).run();
}

double metric_sum(std::string_view page, std::string_view name) {
  double sum = 0;
  while (!page.empty()) {
    const std::string_view line = page.substr(0, page.find('\n'));
    page.remove_prefix(std::min(line.size() + 1, page.size()));
    if (!line.starts_with(name) || line.size() <= name.size()) continue;
    if (line[name.size()] != '{' && line[name.size()] != ' ') continue;
    const std::string_view number = line.substr(line.rfind(' ') + 1);
    double value = 0;
    const auto [end, error] = std::from_chars(number.data(), number.data() + number.size(), value);
    if (error == std::errc() && end == number.data() + number.size()) sum += value;
  }
  return sum;
}

}  // namespace sluice
