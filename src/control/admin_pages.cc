// SPDX-License-Identifier: Apache-2.0
#include "control/admin_pages.h"

#include <fmt/format.h>

#include "control/json_text.h"
#include "control/metrics_text.h"
#include "control/process_usage.h"

namespace sluice {

namespace {

constexpr Duration kSurveyWaitMax(500'000'000);
constexpr Duration kSilenceMax(10'000'000'000);
constexpr double kNsToSeconds = 1e-9;

constexpr const char* kIndex =
    "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><title>sluice</title>\n"
    "<body style=\"font-family:sans-serif;margin:3em\"><h1>sluice</h1>\n"
    "<p>This agent ships log files. This port shows how it is doing and changes nothing.</p>\n"
    "<ul><li><a href=\"/metrics\">/metrics</a>: counters in Prometheus text format</li>\n"
    "<li><a href=\"/health\">/health</a>: 200 while lines can be delivered, else 503; and "
    "why</li>\n"
    "<li><a href=\"/audit\">/audit</a>: what became of every byte of every file</li>\n"
    "<li>/explain/PATH: why a file is followed or not, and how far</li></ul>\n"
    "</body></html>\n";

double seconds(Duration duration) {
  return static_cast<double>(duration.value) * kNsToSeconds;
}

std::vector<std::string> reasons_of(const StatusBoard::Reading& reading) {
  std::vector<std::string> reasons = reading.status.unhealthy;
  if (reading.status.phase == AgentPhase::kDraining) {
    reasons.emplace_back("the agent is stopping and delivers what it has read");
  } else if (reading.age == StatusBoard::kNoSurvey ||
             reading.status.phase == AgentPhase::kStarting) {
    reasons.emplace_back("the agent is starting");
  } else if (!reading.fresh && reading.age > kSilenceMax) {
    reasons.push_back(
        fmt::format("the control thread has not answered for {:.0f} s", seconds(reading.age)));
  }
  return reasons;
}

const char* word_for(const StatusBoard::Reading& reading, bool delivers) {
  if (delivers) return reading.status.degraded.empty() ? "ok" : "degraded";
  if (reading.status.phase == AgentPhase::kDraining) return "draining";
  const bool starting =
      reading.age == StatusBoard::kNoSurvey || reading.status.phase == AgentPhase::kStarting;
  return starting ? "starting" : "stalled";
}

AdminPage metrics_page(const AgentMetricsView& view, StatusBoard& board, Clock& clock) {
  MetricsScrape scrape{.view = &view,
                       .board = board.survey(kSurveyWaitMax),
                       .process = read_process_usage(),
                       .now = clock.mono()};
  return {.status = 200, .content_type = kMetricsContentType, .body = metrics_text(scrape)};
}

}  // namespace

AdminPage health_page(const StatusBoard::Reading& reading) {
  std::vector<std::string> reasons = reasons_of(reading);
  const bool delivers = reasons.empty();
  const AgentStatus& status = reading.status;
  reasons.insert(reasons.end(), status.degraded.begin(), status.degraded.end());
  std::string body = fmt::format(
      R"({{"status":"{}","lag_bytes":{},"lag_seconds":{:.3f},"files":{},"reasons":[)",
      word_for(reading, delivers), status.lag.value, seconds(status.lag_age), status.files);
  for (size_t i = 0; i < reasons.size(); ++i) {
    if (i > 0) body += ',';
    append_json_string(body, reasons[i]);
  }
  body += "]}\n";
  return {
      .status = delivers ? 200 : 503, .content_type = "application/json", .body = std::move(body)};
}

AdminPages make_admin_pages(const AgentMetricsView& view, StatusBoard& board, Clock& clock) {
  return [&view, &board, &clock](std::string_view path) -> std::optional<AdminPage> {
    if (path == "/metrics") return metrics_page(view, board, clock);
    if (path == "/health") return health_page(board.survey(kSurveyWaitMax));
    if (path == "/") return AdminPage{200, "text/html; charset=utf-8", kIndex};
    return std::nullopt;
  };
}

}  // namespace sluice
