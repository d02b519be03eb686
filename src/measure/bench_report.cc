// SPDX-License-Identifier: Apache-2.0
#include "measure/bench_report.h"

#include <fmt/format.h>

#include "control/config_values.h"
#include "control/json_text.h"
#include "measure/text_table.h"

namespace sluice {
namespace {

std::string three_digits(double value) {
  if (value >= 100) return fmt::format("{:.0f}", value);
  if (value >= 10) return fmt::format("{:.1f}", value);
  if (value >= 0.1) return fmt::format("{:.2f}", value);
  return fmt::format("{:.3f}", value);
}

std::string with_spread(const Spread& ratio) {
  return fmt::format("{:.2f} ({:.2f} to {:.2f})", ratio.median, ratio.least, ratio.greatest);
}

std::string rows_text(const std::vector<BenchRow>& rows) {
  TextTable table({"flags", "raw MB per CPU s", "times as fast", "wire bytes per raw byte",
                   "requests per raw GB"});
  for (const BenchRow& row : rows)
    table.add(
        {row.flag, three_digits(row.mb_per_cpu_s), row.current ? "now" : with_spread(row.ratio),
         fmt::format("{:.3f}", row.wire_per_raw), fmt::format("{:.0f}", row.requests_per_gb)});
  return table.text();
}

std::string stages_text(const BenchFigures& figures) {
  TextTable table({"stage", "CPU s per raw GB", "share"});
  for (const BenchStage& stage : figures.stages)
    table.add(
        {stage.name, three_digits(stage.cpu_s_per_gb), fmt::format("{:.1f} %", stage.share * 100)});
  return table.text();
}

std::string shards_text(const BenchFigures& figures) {
  TextTable table({"flag", "raw MB/s", "times one shard", "memory planned"});
  for (const BenchShards& row : figures.shards)
    table.add({fmt::format("-shards {}", row.shards), three_digits(row.mb_per_s),
               with_spread(row.ratio),
               row.memory_bytes > 0
                   ? fmt::format("{:.1f} MiB", static_cast<double>(row.memory_bytes) / 1048576)
                   : "more than -memory"});
  return table.text();
}

std::string quoted(const std::string& text) {
  std::string out;
  append_json_string(out, text);
  return out;
}

std::string ratio_json(const Spread& ratio) {
  return fmt::format("{{\"median\":{:.4f},\"least\":{:.4f},\"greatest\":{:.4f}}}", ratio.median,
                     ratio.least, ratio.greatest);
}

template <class Row, class Write>
std::string list_json(const std::vector<Row>& rows, Write write) {
  std::string out = "[";
  for (const Row& row : rows) out += (out.size() > 1 ? ",\n    " : "\n    ") + write(row);
  return out + "]";
}

std::string row_json(const BenchRow& row) {
  return fmt::format(
      "{{\"flags\":{},\"current\":{},\"raw_mb_per_cpu_second\":{:.2f},\"ratio\":{},"
      "\"wire_per_raw\":{:.4f},\"requests_per_raw_gb\":{:.1f}}}",
      quoted(row.flag), row.current, row.mb_per_cpu_s, ratio_json(row.ratio), row.wire_per_raw,
      row.requests_per_gb);
}

}  // namespace

std::string bench_text(const BenchFigures& figures) {
  std::string out = fmt::format(
      "sluice bench: {}, {:.0f} bytes a line, {} usable {}, {}; {} {} in {:.1f} s\n", figures.log,
      figures.line_bytes, figures.cpus, figures.cpus == 1 ? "CPU" : "CPUs", figures.simd,
      figures.rounds, figures.rounds == 1 ? "round" : "rounds", figures.seconds);
  if (!figures.warning.empty()) out += "note: " + figures.warning + "\n";
  out += fmt::format(
      "\nCeiling of one core with {} (read, find lines, encode, compress; no network):\n"
      "  {} MB/s of raw log, {} lines/s\n",
      figures.flags, three_digits(figures.ceiling_mb_per_cpu_s),
      three_digits(figures.ceiling_lines_per_cpu_s));
  out += "\nWhere the time of a core goes\n" + stages_text(figures);
  out += fmt::format(
      "  Sending: {} us of CPU per request and {} s per GB on the wire, in clear text.\n",
      three_digits(figures.send_us_per_request), three_digits(figures.send_cpu_s_per_wire_gb));
  out += "\nAnother codec or level, sending included\n" + rows_text(figures.levels);
  out += "\nLarger or smaller requests, sending included\n" + rows_text(figures.batches);
  out += "\nMore shards (threads), without sending\n" + shards_text(figures);
  return out;
}

std::string bench_json(const BenchFigures& figures) {
  std::string out = fmt::format(
      "{{\n  \"version\": {},\n  \"log\": {},\n  \"line_bytes\": {:.1f},\n  \"flags\": {},\n"
      "  \"simd\": {},\n  \"cpus\": {},\n  \"rounds\": {},\n  \"seconds\": {:.2f},\n"
      "  \"ceiling\": {{\"raw_mb_per_cpu_second\":{:.2f},\"lines_per_cpu_second\":{:.0f}}},\n"
      "  \"send\": {{\"cpu_us_per_request\":{:.2f},\"cpu_seconds_per_wire_gb\":{:.4f}}},\n",
      quoted(SLUICE_VERSION), quoted(figures.log), figures.line_bytes, quoted(figures.flags),
      quoted(figures.simd), figures.cpus, figures.rounds, figures.seconds,
      figures.ceiling_mb_per_cpu_s, figures.ceiling_lines_per_cpu_s, figures.send_us_per_request,
      figures.send_cpu_s_per_wire_gb);
  out += "  \"stages\": " + list_json(figures.stages, [](const BenchStage& stage) {
           return fmt::format("{{\"stage\":{},\"cpu_seconds_per_raw_gb\":{:.5f},\"share\":{:.4f}}}",
                              quoted(stage.name), stage.cpu_s_per_gb, stage.share);
         });
  out += ",\n  \"levels\": " + list_json(figures.levels, row_json);
  out += ",\n  \"batches\": " + list_json(figures.batches, row_json);
  out += ",\n  \"shards\": " + list_json(figures.shards, [](const BenchShards& row) {
           return fmt::format(
               "{{\"shards\":{},\"raw_mb_per_second\":{:.2f},\"ratio\":{},\"memory_bytes\":{}}}",
               row.shards, row.mb_per_s, ratio_json(row.ratio), row.memory_bytes);
         });
  return out + "\n}\n";
}

}  // namespace sluice
