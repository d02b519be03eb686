// SPDX-License-Identifier: Apache-2.0
#include "control/metrics_text.h"

#include <fmt/format.h>

#include "control/json_text.h"

namespace sluice {

namespace {

std::string_view name_of(MetricType type) {
  switch (type) {
    case MetricType::kCounter:
      return "counter";
    case MetricType::kGauge:
      return "gauge";
    case MetricType::kSummary:
      return "summary";
  }
  return "untyped";
}

// Backslash, quote and newline are escaped in label values, nothing else; the rest must be UTF-8.
std::string label_value(std::string_view text) {
  std::string clean;
  append_utf8(clean, text);
  std::string out;
  for (const char byte : clean) {
    if (byte == '\\') {
      out += "\\\\";
    } else if (byte == '"') {
      out += "\\\"";
    } else if (byte == '\n') {
      out += "\\n";
    } else {
      out += byte;
    }
  }
  return out;
}

std::string component_labels(std::string_view id, std::string_view kind, std::string_view type) {
  return fmt::format(R"(component_id="{}",component_kind="{}",component_type="{}")",
                     label_value(id), kind, label_value(type));
}

// Writes the samples of one row: one per shard, per lane, or one.
class SampleWriter {
 public:
  SampleWriter(std::string& out, const MetricsScrape& scrape, const MetricRow& row)
      : out_(out), scrape_(scrape), view_(*scrape.view), row_(row) {}

  void operator()(ShardCounter counter) const {
    for (const ShardView& shard : view_.shards) {
      sample(component_labels(shard.name, "source", "file"), (shard.metrics->*counter).get());
    }
  }
  void operator()(LaneCounter counter) const {
    for (const LaneView& lane : view_.lanes)
      sample(labels_of(lane), (lane.metrics->*counter).get());
  }
  void operator()(LaneStatus status) const {
    for (const LaneView& lane : view_.lanes) {
      sample(labels_of(lane), lane.metrics->statuses[status.status_class].get());
    }
  }
  void operator()(LaneGaugeLevel level) const {
    for (const LaneView& lane : view_.lanes) {
      sample(labels_of(lane), (lane.gauge->*level).load(std::memory_order_relaxed));
    }
  }
  void operator()(LaneGaugeLimit limit) const {
    for (const LaneView& lane : view_.lanes) sample(labels_of(lane), lane.gauge->*limit);
  }
  void operator()(StewardCounter counter) const {
    if (view_.steward != nullptr) sample("", (view_.steward->*counter).get());
  }
  void operator()(AgentNumber number) const { line("", fmt::format("{}", number(scrape_))); }
  void operator()(const AgentText& text) const {
    line(fmt::format(R"({}="{}")", text.label, label_value(text.text(scrape_))), "1");
  }

 private:
  static std::string labels_of(const LaneView& lane) {
    return component_labels(lane.destination, "sink", lane.type);
  }

  void sample(const std::string& labels, int64_t value) const {
    line(labels, row_.scale == 1.0 ? fmt::format("{}", value)
                                   : fmt::format("{}", static_cast<double>(value) * row_.scale));
  }

  void line(const std::string& labels, const std::string& value) const {
    const std::string_view comma = labels.empty() || row_.labels.empty() ? "" : ",";
    const std::string all = fmt::format("{}{}{}", labels, comma, row_.labels);
    out_ += fmt::format("{}{}{}", kMetricPrefix, row_.family, row_.suffix);
    if (!all.empty()) out_ += fmt::format("{{{}}}", all);
    out_ += fmt::format(" {}\n", value);
  }

  std::string& out_;
  const MetricsScrape& scrape_;
  const AgentMetricsView& view_;
  const MetricRow& row_;
};

// Which labels a row's samples have, for the documentation.
std::string label_names(const MetricRow& row) {
  const bool of_component = std::holds_alternative<ShardCounter>(row.source) ||
                            std::holds_alternative<LaneCounter>(row.source) ||
                            std::holds_alternative<LaneStatus>(row.source) ||
                            std::holds_alternative<LaneGaugeLevel>(row.source) ||
                            std::holds_alternative<LaneGaugeLimit>(row.source);
  const bool of_shard = std::holds_alternative<ShardCounter>(row.source);
  std::string names = of_shard ? "shard" : of_component ? "destination" : "";
  if (const auto* text = std::get_if<AgentText>(&row.source)) names = text->label;
  if (!row.labels.empty()) {
    names += fmt::format("{}`{}`", names.empty() ? "" : ", ", row.labels);
  }
  return names;
}

}  // namespace

std::string metrics_text(const MetricsScrape& scrape) {
  std::string out;
  for (const MetricRow& row : metric_rows()) {
    if (!row.help.empty()) {
      out += fmt::format("# HELP {0}{1} {2}\n# TYPE {0}{1} {3}\n", kMetricPrefix, row.family,
                         row.help, name_of(row.type));
    }
    std::visit(SampleWriter(out, scrape, row), row.source);
  }
  return out;
}

std::string metrics_reference() {
  std::string out = "| series | type | labels | meaning |\n|---|---|---|---|\n";
  for (const MetricRow& row : metric_rows()) {
    out += fmt::format("| `{}{}{}` | {} | {} | {} |\n", kMetricPrefix, row.family, row.suffix,
                       name_of(row.type), label_names(row), row.help);
  }
  return out;
}

}  // namespace sluice
