// SPDX-License-Identifier: Apache-2.0
// metrics_text_test.cc — the scrape as a strict reader sees it, and the documentation beside it.
#include "control/metrics_text.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <cstring>
#include <fstream>
#include <iterator>
#include <map>
#include <regex>
#include <set>
#include <sstream>
#include <string>
#include <vector>

namespace sluice {
namespace {

// A reader of text format 0.0.4 that forgives nothing. Answers "" or what is wrong.
class StrictReader {
 public:
  std::map<std::string, double> series;
  std::map<std::string, std::string> types;
  std::map<std::string, std::string> helps;

  std::string read(const std::string& text) {
    if (text.empty() || text.back() != '\n') return "no newline at the end";
    std::istringstream lines(text);
    for (std::string line; std::getline(lines, line);) {
      const std::string wrong = line.starts_with("#") ? comment(line) : sample(line);
      if (!wrong.empty()) return wrong + ": " + line;
    }
    return "";
  }

 private:
  std::string comment(const std::string& line) {
    static const std::regex kForm("# (HELP|TYPE) ([a-zA-Z_:][a-zA-Z0-9_:]*) (.+)");
    std::smatch m;
    if (!std::regex_match(line, m, kForm)) return "neither HELP nor TYPE";
    if (m[1] == "HELP") {
      if (!helps.emplace(m[2], m[3]).second) return "second HELP";
      family_ = m[2];
      return "";
    }
    if (m[2] != family_) return "TYPE of another family than the HELP before it";
    if (m[3] != "counter" && m[3] != "gauge" && m[3] != "summary") return "unknown type";
    if ((m[3] == "counter") != family_.ends_with("_total")) return "counters end with _total";
    return types.emplace(m[2], m[3]).second ? "" : "second TYPE";
  }

  std::string sample(const std::string& line) {
    size_t at = 0;
    while (at < line.size() && (std::isalnum(line[at]) != 0 || line[at] == '_')) ++at;
    const std::string name = line.substr(0, at);
    if (name != family_ && !(types[family_] == "summary" &&
                             (name == family_ + "_sum" || name == family_ + "_count"))) {
      return "not of the family above";
    }
    if (at < line.size() && line[at] == '{') {
      if (const std::string wrong = labels(line, at); !wrong.empty()) return wrong;
    }
    const std::string key = line.substr(0, at);
    if (at >= line.size() || line[at] != ' ') return "no space before the value";
    char* end = nullptr;
    const double value = std::strtod(line.c_str() + at + 1, &end);
    if (end == line.c_str() + at + 1 || *end != '\0') return "no number";
    return series.emplace(key, value).second ? "" : "series twice";
  }

  static std::string labels(const std::string& line, size_t& at) {
    std::set<std::string> names;
    for (++at;; ++at) {
      const size_t equals = line.find("=\"", at);
      if (equals == std::string::npos) return "label without value";
      const std::string name = line.substr(at, equals - at);
      if (!std::regex_match(name, std::regex("[a-zA-Z_][a-zA-Z0-9_]*"))) return "label name";
      if (!names.insert(name).second) return "label twice";
      for (at = equals + 2; at < line.size() && line[at] != '"'; ++at) {
        if (line[at] != '\\') continue;
        ++at;
        if (at >= line.size() || !std::strchr("\\\"n", line[at])) return "bad escape";
      }
      if (at + 1 >= line.size()) return "open label value";
      ++at;
      if (line[at] == '}') break;
      if (line[at] != ',') return "no comma between labels";
    }
    ++at;
    return "";
  }

  std::string family_;
};

struct SmallAgent {
  ShardMetrics shards[2];
  LaneMetrics lane;
  LaneGauge gauge;
  StewardMetrics steward;
  AgentMetricsView view;

  explicit SmallAgent(const std::string& destination = "default") {
    view.shards = {{"shard-0", &shards[0]}, {"shard-1", &shards[1]}};
    view.lanes = {{destination, "http", &lane, &gauge}};
    view.steward = &steward;
    view.version = "1.2.3";
    view.io_backend = "uring";
    view.memory_limit = Bytes(64 << 20);
    view.started = MonoTime(5'000'000'000);
  }

  MetricsScrape scrape() const {
    MetricsScrape scrape{.view = &view, .board = {}, .process = {}, .now = MonoTime(6'500'000'000)};
    scrape.board.status.phase = AgentPhase::kRunning;
    scrape.board.fresh = true;
    scrape.process = {.cpu_seconds = 0.25, .resident_bytes = 1 << 20, .open_descriptors = 7};
    return scrape;
  }
};

constexpr const char* kLane =
    R"({component_id="default",component_kind="sink",component_type="http")";

TEST(MetricsText, IsReadByAStrictReader) {
  const SmallAgent agent;
  StrictReader reader;
  EXPECT_EQ(reader.read(metrics_text(agent.scrape())), "");
  EXPECT_GT(reader.series.size(), 80U);
  for (const auto& [family, type] : reader.types) {
    EXPECT_TRUE(family.starts_with("sluice_")) << family;
    EXPECT_TRUE(reader.helps.contains(family)) << family;
  }
}

TEST(MetricsText, TheReaderWouldNoticeMistakes) {
  const std::string head = "# HELP a_total x\n# TYPE a_total counter\n";
  for (const std::string& bad :
       {std::string("a 1"), head + "b_total 1\n", head + "a_total\n", head + "a_total{x=\"1} 1\n",
        head + "a_total{x=\"\\q\"} 1\n", head + "a_total 1\na_total 1\n", head + head,
        head + "a_total{x=\"1\",x=\"2\"} 1\n", std::string("# HELP a x\n# TYPE a counter\n")}) {
    EXPECT_NE(StrictReader().read(bad), "") << bad;
  }
  EXPECT_EQ(StrictReader().read(head + "a_total{x=\"\\\\\\\"\\n\"} 1\n"), "");
}

TEST(MetricsText, ShowsEachCounterUnderItsName) {
  SmallAgent agent;
  agent.shards[0].read_bytes.set(10);
  agent.shards[1].read_bytes.set(20);
  agent.lane.delivered_lines.set(30);
  agent.lane.delivered_encoded_bytes.set(40);
  agent.lane.wire_body_bytes.set(50);
  agent.lane.dropped_lines.set(60);
  agent.lane.statuses[2].set(70);
  agent.lane.statuses[0].set(80);
  agent.lane.answer_ns_sum.set(1'500'000'000);
  agent.lane.answers.set(3);
  agent.gauge.held_bytes = 90;
  agent.gauge.bytes_max = 100;
  agent.steward.lag_bytes.set(110);
  agent.steward.lag_ns.set(2'250'000'000);
  StrictReader reader;
  ASSERT_EQ(reader.read(metrics_text(agent.scrape())), "");
  const auto value = [&](const std::string& key) {
    EXPECT_TRUE(reader.series.contains("sluice_" + key)) << key;
    return reader.series["sluice_" + key];
  };
  const std::string lane = kLane;
  const std::string shard_1 =
      R"({component_id="shard-1",component_kind="source",component_type="file"})";
  EXPECT_EQ(value("component_received_bytes_total" + shard_1), 20);
  EXPECT_EQ(value("component_sent_events_total" + lane + "}"), 30);
  EXPECT_EQ(value("component_sent_bytes_total" + lane + "}"), 40);
  EXPECT_EQ(value("component_sent_network_bytes_total" + lane + "}"), 50);
  EXPECT_EQ(value("component_discarded_events_total" + lane + R"(,intentional="true"})"), 60);
  EXPECT_EQ(value("http_client_responses_total" + lane + R"(,status="2xx"})"), 70);
  EXPECT_EQ(value("http_client_errors_total" + lane + R"(,error_kind="transport"})"), 80);
  EXPECT_EQ(value("http_client_rtt_seconds_sum" + lane + "}"), 1.5);
  EXPECT_EQ(value("http_client_rtt_seconds_count" + lane + "}"), 3);
  EXPECT_EQ(value("buffer_size_bytes" + lane + "}"), 90);
  EXPECT_EQ(value("buffer_max_size_bytes" + lane + "}"), 100);
  EXPECT_EQ(value("source_lag_bytes"), 110);
  EXPECT_EQ(value("source_lag_time_seconds"), 2.25);
  EXPECT_EQ(value(R"(io_backend{backend="uring"})"), 1);
  EXPECT_EQ(value(R"(phase{phase="running"})"), 1);
  EXPECT_EQ(value("uptime_seconds"), 1.5);
  EXPECT_EQ(value("process_cpu_seconds_total"), 0.25);
}

TEST(MetricsText, EscapesAnyNameOfADestination) {
  const SmallAgent agent("a\\b\"c\nd\xff\xc3\xa9");
  StrictReader reader;
  const std::string text = metrics_text(agent.scrape());
  EXPECT_EQ(reader.read(text), "");
  EXPECT_NE(text.find("component_id=\"a\\\\b\\\"c\\nd\xef\xbf\xbd\xc3\xa9\""), std::string::npos);
}

TEST(MetricsText, IsWholeBeforeThereAreShardsOrDestinations) {
  const AgentMetricsView empty;
  StrictReader reader;
  EXPECT_EQ(reader.read(metrics_text({.view = &empty, .board = {}, .process = {}, .now = {}})), "");
}

// Which of the counters that make up a struct no row exports.
template <class Struct>
std::set<size_t> unexported(const Struct& object) {
  std::set<size_t> missing;
  for (size_t slot = 0; slot < sizeof(Struct) / sizeof(Counter); ++slot) missing.insert(slot);
  const auto seen = [&](const Counter& counter) {
    missing.erase(static_cast<size_t>(&counter - reinterpret_cast<const Counter*>(&object)));
  };
  for (const MetricRow& row : metric_rows()) {
    if (const auto* member = std::get_if<Counter Struct::*>(&row.source)) seen(object.**member);
    if constexpr (std::is_same_v<Struct, LaneMetrics>) {
      const auto* status = std::get_if<LaneStatus>(&row.source);
      if (status != nullptr) seen(object.statuses[status->status_class]);
    }
  }
  return missing;
}

// A counter that nobody exports is a counter that nobody sees. Behind the last one there is
// padding up to a cache line; 1xx answers are never final.
TEST(MetricsText, ExportsEveryCounterOfEveryStruct) {
  const auto expect_only_padding = [](std::set<size_t> missing, size_t slots) {
    for (size_t slot = slots; slot-- > 0 && missing.erase(slot) > 0;) {
      EXPECT_LT(slots - slot, 64 / sizeof(Counter));
    }
    EXPECT_TRUE(missing.empty()) << "slot " << *missing.begin();
  };
  const SmallAgent agent;
  expect_only_padding(unexported(agent.shards[0]), sizeof(ShardMetrics) / sizeof(Counter));
  expect_only_padding(unexported(agent.steward), sizeof(StewardMetrics) / sizeof(Counter));
  std::set<size_t> lane = unexported(agent.lane);
  const size_t status_1xx =
      static_cast<size_t>(&agent.lane.statuses[1] - reinterpret_cast<const Counter*>(&agent.lane));
  EXPECT_EQ(lane.erase(status_1xx), 1U);
  expect_only_padding(lane, sizeof(LaneMetrics) / sizeof(Counter));
}

// docs/metrics.md between its two marks is this very table. To write it anew:
// SLUICE_WRITE_DOCS=1 control_test --gtest_filter='MetricsReference.*'
TEST(MetricsReference, IsWhatTheDocumentationSays) {
  const std::string path = std::string(SLUICE_SOURCE_DIR) + "/docs/metrics.md";
  std::ifstream in(path);
  std::string page{std::istreambuf_iterator<char>(in), {}};
  const std::string begin = "<!-- series: begin -->\n";
  const std::string end = "<!-- series: end -->";
  const size_t from = page.find(begin);
  const size_t to = page.find(end);
  ASSERT_NE(from, std::string::npos) << path;
  ASSERT_NE(to, std::string::npos) << path;
  const size_t start = from + begin.size();
  if (std::getenv("SLUICE_WRITE_DOCS") != nullptr) {
    page.replace(start, to - start, metrics_reference());
    std::ofstream(path) << page;
    return;
  }
  EXPECT_EQ(page.substr(start, to - start), metrics_reference());
}

}  // namespace
}  // namespace sluice
