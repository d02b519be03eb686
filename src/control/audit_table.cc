// SPDX-License-Identifier: Apache-2.0
#include "control/audit_table.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <ctime>
#include <vector>

#include "control/audit_words.h"
#include "control/json_text.h"

namespace sluice {
namespace {

using Cells = std::vector<std::string>;

std::string heading(std::string_view name) {
  std::string text;
  for (const char letter : name) {
    const bool small = letter >= 'a' && letter <= 'z';
    text += letter == '_' ? ' ' : small ? static_cast<char>(letter - 'a' + 'A') : letter;
  }
  return text;
}

bool several_destinations(const AuditReport& report) {
  return std::any_of(report.lines.begin(), report.lines.end(), [&](const AuditLine& line) {
    return line.destination != report.lines.front().destination;
  });
}

std::string generation_text(const AuditLine& line) {
  if (line.generations <= 1) return std::to_string(line.generation);
  return fmt::format("{}-{}", line.generation + 1 - line.generations, line.generation);
}

std::string file_text(const AuditLine& line) {
  std::string text;
  append_terminal_safe(text, line.path);
  if (!line.present_name.empty()) {
    text += " (now ";
    append_terminal_safe(text, line.present_name);
    text += ")";
  }
  for (size_t i = 0; i < kMissedReasons; ++i) {
    if (line.missed[i] > Bytes(0)) {
      text += fmt::format(" [{} bytes {}]", line.missed[i].value,
                          name_of(static_cast<MissedReason>(i)));
    }
  }
  if (!line.error.empty()) {
    text += ": ";
    append_terminal_safe(text, line.error);
  }
  return text;
}

Cells head_cells(bool destinations) {
  Cells cells = {"STATE", "GEN"};
  for (const AuditColumn& column : audit_columns()) cells.push_back(heading(column.name));
  if (destinations) cells.emplace_back("DESTINATION");
  cells.emplace_back("FILE");
  return cells;
}

Cells cells_of(const AuditLine& line, bool destinations) {
  Cells cells = {std::string(name_of(line.state)), generation_text(line)};
  for (const AuditColumn& column : audit_columns())
    cells.push_back(std::to_string(bytes_of(line, column).value));
  if (destinations) cells.push_back(line.destination);
  cells.push_back(file_text(line));
  return cells;
}

Cells sum_cells(const AuditSummary& summary, bool destinations) {
  Cells cells = {"total", ""};
  for (const AuditColumn& column : audit_columns())
    cells.push_back(std::to_string(bytes_of(summary.sums, column).value));
  if (destinations) cells.emplace_back("");
  cells.push_back(fmt::format("{} file{}", summary.files, summary.files == 1 ? "" : "s"));
  return cells;
}

// Words to the left, numbers to the right; the last column as it is.
void append_row(std::string& out, const Cells& cells, const std::vector<size_t>& widths) {
  const size_t numbers_end = 2 + audit_columns().size();
  for (size_t i = 0; i + 1 < cells.size(); ++i) {
    const bool is_number = i > 0 && i < numbers_end;
    out += is_number ? fmt::format("{:>{}}  ", cells[i], widths[i])
                     : fmt::format("{:<{}}  ", cells[i], widths[i]);
  }
  out += cells.back() + "\n";
}

}  // namespace

std::string time_text(WallTime time) {
  const std::time_t seconds = time.value / 1'000'000'000;
  std::tm utc{};
  ::gmtime_r(&seconds, &utc);
  std::array<char, 32> text{};
  std::strftime(text.data(), text.size(), "%Y-%m-%dT%H:%M:%SZ", &utc);
  return text.data();
}

std::string audit_table(const AuditReport& report, const AuditSummary& summary) {
  const bool destinations = several_destinations(report);
  std::vector<Cells> rows = {head_cells(destinations)};
  for (const AuditLine& line : report.lines) rows.push_back(cells_of(line, destinations));
  rows.push_back(sum_cells(summary, destinations));
  std::vector<size_t> widths(rows.front().size(), 0);
  for (const Cells& row : rows) {
    for (size_t i = 0; i < row.size(); ++i) widths[i] = std::max(widths[i], row[i].size());
  }
  std::string out;
  for (const Cells& row : rows) append_row(out, row, widths);
  if (!report.exact)
    out += "a shard did not answer in time: bytes of its files that are in flight show as unread\n";
  return out + verdict_sentence(summary) + "\n";
}

}  // namespace sluice
