// SPDX-License-Identifier: Apache-2.0
#include "control/progress_line.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <span>
#include <vector>

namespace sluice {

namespace {

// Three digits and the power of 1,000 that they belong to.
std::string scaled(double value, std::span<const char* const> units) {
  size_t unit = 0;
  value = std::max(value, 0.0);
  while (value >= 999.5 && unit + 1 < units.size()) {
    value /= 1000;
    ++unit;
  }
  if (unit == 0) return fmt::format("{:.0f}{}", value, units[0]);
  const int decimals = value >= 99.95 ? 0 : value >= 9.995 ? 1 : 2;
  return fmt::format("{:.{}f}{}", value, decimals, units[unit]);
}

double per_second(int64_t from, int64_t to, Duration passed) {
  if (passed <= Duration(0) || to <= from) return 0;
  return static_cast<double>(to - from) * 1e9 / static_cast<double>(passed.value);
}

std::string word_for(AgentPhase phase) {
  switch (phase) {
    case AgentPhase::kStarting:
      return "starting";
    case AgentPhase::kDraining:
      return "draining";
    case AgentPhase::kRunning:
      break;
  }
  return "";
}

struct Part {
  std::string text;
  int rank;  // the highest is left out first
};

std::string joined(const std::vector<Part>& parts) {
  std::string line;
  for (const Part& part : parts) {
    if (part.text.empty()) continue;
    if (!line.empty()) line += "  ";
    line += part.text;
  }
  return line;
}

}  // namespace

std::string bytes_text(double bytes) {
  static constexpr std::array<const char*, 6> kUnits = {" B", " kB", " MB", " GB", " TB", " PB"};
  return scaled(bytes, kUnits);
}

std::string count_text(double count) {
  static constexpr std::array<const char*, 5> kUnits = {"", "k", "M", "G", "T"};
  return scaled(count, kUnits);
}

ProgressSample progress_sample(const AgentMetricsView& view, const AgentStatus& status,
                               MonoTime now) {
  ProgressSample sample;
  sample.at = now;
  sample.phase = status.phase;
  sample.lag_bytes = status.lag.value;
  sample.files = status.files;
  for (const LaneView& lane : view.lanes) {
    const LaneMetrics& metrics = *lane.metrics;
    sample.acked_raw_bytes += metrics.delivered_raw_bytes.get();
    sample.acked_lines += metrics.delivered_lines.get();
    sample.acked_body_bytes += metrics.delivered_body_bytes.get();
    sample.in_flight += metrics.in_flight.get();
    for (const size_t failed : {0U, 3U, 4U, 5U}) sample.errors += metrics.statuses[failed].get();
  }
  for (const ShardView& shard : view.shards) sample.errors += shard.metrics->read_errors.get();
  if (view.steward != nullptr) sample.errors += view.steward->checkpoint_errors.get();
  return sample;
}

std::string format_progress(const ProgressSample& previous, const ProgressSample& now,
                            size_t width) {
  const Duration passed = now.at - previous.at;
  const double raw_rate = per_second(previous.acked_raw_bytes, now.acked_raw_bytes, passed);
  const double line_rate = per_second(previous.acked_lines, now.acked_lines, passed);
  std::vector<Part> parts = {
      {word_for(now.phase), 3},
      {bytes_text(raw_rate) + "/s", 0},
      {count_text(line_rate) + " lines/s", 4},
      {"lag " + bytes_text(static_cast<double>(now.lag_bytes)), 1},
      {count_text(static_cast<double>(now.files)) + (now.files == 1 ? " file" : " files"), 5},
      {count_text(static_cast<double>(now.in_flight)) + " in flight", 6},
      {count_text(static_cast<double>(now.errors)) + (now.errors == 1 ? " error" : " errors"), 2},
  };
  if (now.acked_raw_bytes > 0) {
    const double ratio =
        static_cast<double>(now.acked_body_bytes) / static_cast<double>(now.acked_raw_bytes);
    parts.push_back({fmt::format("wire {:.0f}%", ratio * 100), 7});
  }
  std::string line = joined(parts);
  for (int rank = 7; rank >= 0 && line.size() > width; --rank) {
    for (Part& part : parts) {
      if (part.rank == rank) part.text.clear();
    }
    line = joined(parts);
  }
  return line;
}

}  // namespace sluice
