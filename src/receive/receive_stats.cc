// SPDX-License-Identifier: Apache-2.0
#include "receive/receive_stats.h"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>

namespace sluice {

std::string ReceiveStats::json(double uptime_seconds) const {
  std::string text;
  auto to = std::back_inserter(text);
  fmt::format_to(to,
                 "{{\"uptime_seconds\":{:.3f},\"requests\":{},\"lines\":{},\"bytes_wire\":{},"
                 "\"bytes_decoded\":{},\"bytes_lines\":{},\"duplicates\":{},\"bad_bodies\":{},"
                 "\"store_failures\":{},\"faults_injected\":{},\"outages\":{},\"connections\":{},"
                 "\"connections_total\":{},\"status\":{{",
                 uptime_seconds, requests, lines, bytes_wire, bytes_decoded, bytes_lines,
                 duplicates, bad_bodies, store_failures, faults_injected, outages, connections,
                 connections_total);
  const char* comma = "";
  for (const auto& [status, count] : answers) {
    fmt::format_to(to, "{}\"{}\":{}", comma, status, count);
    comma = ",";
  }
  text += "}}\n";
  return text;
}

std::string ReceiveStats::text(double uptime_seconds) const {
  std::string text = fmt::format(
      "requests   {} on {} connections, {} duplicate, {} bad, {} failed, {} faults injected\n"
      "received   {} lines, {:.1f} MB raw, {:.1f} MB decoded, {:.1f} MB on the wire in {:.1f} s\n",
      requests, connections_total, duplicates, bad_bodies, store_failures, faults_injected, lines,
      static_cast<double>(bytes_lines) / 1e6, static_cast<double>(bytes_decoded) / 1e6,
      static_cast<double>(bytes_wire) / 1e6, uptime_seconds);
  text += "answers   ";
  for (const auto& [status, count] : answers) {
    fmt::format_to(std::back_inserter(text), " {} x {}", count, status);
  }
  text += answers.empty() ? " none\n" : "\n";
  return text;
}

std::string ReceiveStats::progress_text() const {
  return fmt::format("{} lines, {} requests, {:.1f} MB raw, {:.1f} MB on the wire", lines, requests,
                     static_cast<double>(bytes_lines) / 1e6, static_cast<double>(bytes_wire) / 1e6);
}

}  // namespace sluice
