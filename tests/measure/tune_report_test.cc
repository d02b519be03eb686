// SPDX-License-Identifier: Apache-2.0
#include "measure/tune_report.h"

#include <gtest/gtest.h>
#include <simdjson.h>

#include "measure/bench_report.h"
#include "measure/text_table.h"
#include "measure/tune_plot.h"

namespace sluice {
namespace {

TuneFigures two_steps() {
  TuneFigures figures;
  figures.log = "lines of a<b>&\"c\".log";
  figures.destination = "null destination";
  figures.trials = 4;
  figures.seconds = 3;
  TuneStep level;
  level.candidates = {{TuneSettings{}, {{100, 2, 0.2, 20}}}};
  level.candidates.push_back(level.candidates.front());
  level.candidates[1].settings.level = {CompressionLevel::Mode::kFast, 1};
  level.candidates[1].rounds[0] = {300, 1, 0.25, 21};
  level.control = level.candidates[0].rounds;
  level.choice = choose(TuneGoal::kSpeed, TuneFlag::kLevel, level.candidates, level.control);
  TuneStep shards;
  shards.flag = TuneFlag::kShards;  // no time was left
  figures.steps = {level, shards};
  figures.after = level.chosen().settings;
  return figures;
}

size_t count_of(const std::string& text, const std::string& part) {
  size_t count = 0;
  for (size_t at = text.find(part); at != std::string::npos; at = text.find(part, at + 1)) ++count;
  return count;
}

TEST(TuneReport, RecommendsOnlyWhatWasTriedAsFlagsAndAsKeys) {
  const TuneFigures figures = two_steps();
  EXPECT_EQ(recommended_flags(figures), "-level fast");
  EXPECT_EQ(recommended_yaml(figures), "level: fast\n");
  const std::string text = tune_text(figures);
  EXPECT_NE(text.find("Recommended on this host:\n  -level fast\n"), std::string::npos) << text;
  EXPECT_NE(text.find("-shards: not tried"), std::string::npos) << text;
  EXPECT_NE(text.find("3.00 times the MB/s of -level auto"), std::string::npos) << text;
}

TEST(TuneReport, SaysSoWhenNothingShouldChange) {
  TuneFigures figures = two_steps();
  figures.steps[0].choice = {0, 0.03, "kept"};
  figures.after = figures.before;
  EXPECT_NE(tune_text(figures).find("What is set now is right"), std::string::npos);
  figures.steps[0].choice.margin = 0.5;
  EXPECT_NE(tune_text(figures).find("No change is recommended"), std::string::npos);
  EXPECT_NE(tune_text(figures).find("differed from themselves by up to 50 %"), std::string::npos);
}

TEST(TuneReport, JsonParsesAndHoldsTheSame) {
  simdjson::dom::parser parser;
  const simdjson::padded_string text(tune_json(two_steps()));
  const simdjson::dom::element page = parser.parse(text);
  EXPECT_EQ(std::string_view(page["flags"]), "-level fast");
  EXPECT_EQ(std::string_view(page["log"]), "lines of a<b>&\"c\".log");
  EXPECT_TRUE(bool(page["changed"]));
  EXPECT_DOUBLE_EQ(double(page["steps"].at(0)["candidates"].at(1)["speed_ratio"]), 3);
  EXPECT_TRUE(bool(page["steps"].at(0)["candidates"].at(1)["chosen"]));
  EXPECT_EQ(page["steps"].at(1)["candidates"].get_array().size(), 0U);
}

TEST(TunePlot, HasABarPerValueAndMeasureAndOneColourPerMeasure) {
  const std::string svg = tune_svg(two_steps());
  EXPECT_EQ(count_of(svg, "class=\"other\""), 4U);
  EXPECT_EQ(count_of(svg, "class=\"chosen\""), 4U);
  EXPECT_TRUE(svg.starts_with("<svg xmlns=\"http://www.w3.org/2000/svg\""));
  EXPECT_TRUE(svg.ends_with("</svg>\n"));
  EXPECT_NE(svg.find("a&lt;b&gt;&amp;"), std::string::npos) << "names of files are escaped";
}

TEST(TextTable, ColumnsLineUp) {
  TextTable table({"name", "n"});
  table.add({"a", "100"});
  table.add({"längst", "1"});
  EXPECT_EQ(table.text(), "  name      n\n  a       100\n  längst    1\n");
}

BenchFigures bench_figures() {
  BenchFigures figures;
  figures.log = "generated nginx lines";
  figures.flags = "-level auto";
  figures.cpus = 2;
  figures.rounds = 3;
  figures.ceiling_mb_per_cpu_s = 712.3;
  figures.stages = {{"read", 0.1, 0.1}, {"compress", 0.9, 0.9}};
  figures.levels = {{"-level auto", true, 700, {1, 1, 1}, 0.2, 3000},
                    {"-level 6", false, 100, {0.14, 0.13, 0.15}, 0.15, 3000}};
  figures.batches = {{"-batch 100", false, 300, {0.4, 0.4, 0.4}, 0.3, 50000}};
  figures.shards = {{1, 700, {1, 1, 1}, 30 << 20}, {64, 700, {1, 1, 1}, 0}};
  return figures;
}

TEST(BenchReport, TellsCeilingStagesLevelsBatchesAndShards) {
  const std::string text = bench_text(bench_figures());
  for (const char* part :
       {"712 MB/s", "90.0 %", "0.14 (0.13 to 0.15)", "-batch 100", "30.0 MiB", "more than -memory"})
    EXPECT_NE(text.find(part), std::string::npos) << part << "\n" << text;
}

TEST(BenchReport, JsonParsesAndHoldsTheSame) {
  simdjson::dom::parser parser;
  const simdjson::padded_string text(bench_json(bench_figures()));
  const simdjson::dom::element page = parser.parse(text);
  EXPECT_DOUBLE_EQ(double(page["ceiling"]["raw_mb_per_cpu_second"]), 712.3);
  EXPECT_DOUBLE_EQ(double(page["levels"].at(1)["ratio"]["median"]), 0.14);
  EXPECT_EQ(int64_t(page["shards"].at(1)["shards"]), 64);
}

}  // namespace
}  // namespace sluice
