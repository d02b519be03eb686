// SPDX-License-Identifier: Apache-2.0
#include "measure/bench_run.h"

#include <gtest/gtest.h>

#include <numeric>

#include "measure/null_sink.h"
#include "measure/private_directory.h"
#include "measure/send_loop.h"

namespace sluice {
namespace {

class BenchRunTest : public testing::Test {
 protected:
  void SetUp() override {
    auto started = NullSink::start(directory_.path(), interrupt_);
    ASSERT_TRUE(std::holds_alternative<NullSink>(started)) << std::get<std::string>(started);
    sink_.emplace(std::move(std::get<NullSink>(started)));
    auto log = write_sample_log({"", LineShape::kNginx, 4 << 20, 1, directory_.path()});
    subject_.log = std::get<SampleLog>(log);
    subject_.loop.file = subject_.log.paths.front();
    subject_.loop.body_lines_max = 10000;
    subject_.wire.endpoint = sink_->url();
    subject_.cpus = 2;
    subject_.memory_of = [](int32_t shards) { return int64_t{shards} << 20; };
    subject_.seconds = 0.5;
  }

  Interrupt interrupt_;
  PrivateDirectory directory_{testing::TempDir()};
  std::optional<NullSink> sink_;
  BenchSubject subject_;
};

TEST_F(BenchRunTest, MeasuresEveryRowAtLeastOnce) {
  double told = 0;
  auto ran = run_bench(subject_, interrupt_, [&](double share) { told = share; });
  ASSERT_TRUE(std::holds_alternative<BenchFigures>(ran)) << std::get<std::string>(ran);
  const auto& figures = std::get<BenchFigures>(ran);
  EXPECT_GE(figures.rounds, 1U);
  EXPECT_GT(told, 0);
  EXPECT_GT(figures.ceiling_mb_per_cpu_s, 0);
  ASSERT_EQ(figures.stages.size(), 5U);
  double shares = 0;
  for (const BenchStage& stage : figures.stages) shares += stage.share;
  EXPECT_NEAR(shares, 1, 1e-9);
  ASSERT_EQ(figures.shards.size(), 2U);
  EXPECT_EQ(figures.shards[1].memory_bytes, 2 << 20);
  for (const auto* rows : {&figures.levels, &figures.batches}) {
    ASSERT_GE(rows->size(), 4U);
    EXPECT_TRUE(rows->front().current);
    for (const BenchRow& row : *rows) {
      EXPECT_GT(row.mb_per_cpu_s, 0) << row.flag;
      EXPECT_GT(row.ratio.median, 0) << row.flag;
      EXPECT_GT(row.requests_per_gb, 0) << row.flag;
    }
  }
}

TEST_F(BenchRunTest, SmallRequestsCostMoreOfThem) {
  auto ran = run_bench(subject_, interrupt_, [](double) {});
  const auto& figures = std::get<BenchFigures>(ran);
  double hundred = 0;
  for (const BenchRow& row : figures.batches)
    if (row.flag == "-batch 100") hundred = row.requests_per_gb;
  EXPECT_NEAR(hundred, 1e9 / (100 * figures.line_bytes), 1e9 / (100 * figures.line_bytes) * 0.1);
}

TEST_F(BenchRunTest, AnInterruptEndsIt) {
  ::kill(::getpid(), SIGTERM);
  EXPECT_EQ(std::get<std::string>(run_bench(subject_, interrupt_, [](double) {})), "interrupted");
}

TEST_F(BenchRunTest, ADestinationThatIsNotThereIsSaid) {
  subject_.wire.endpoint = "http://127.0.0.1:1/ingest";
  const auto ran = run_bench(subject_, interrupt_, [](double) {});
  EXPECT_NE(std::get<std::string>(ran).find("the null destination failed"), std::string::npos);
}

TEST(SendCost, IsALineThroughTwoPoints) {
  const SendCost cost = send_cost(1000, 30e-6, 101'000, 130e-6);
  EXPECT_NEAR(cost.cpu_s_per_byte, 1e-9, 1e-15);
  EXPECT_NEAR(cost.cpu_s_per_request, 29e-6, 1e-12);
  EXPECT_NEAR(cost.of(2, 1e6), 58e-6 + 1e-3, 1e-12);
  EXPECT_GE(send_cost(1000, 30e-6, 2000, 20e-6).cpu_s_per_byte, 0) << "noise is no profit";
}

}  // namespace
}  // namespace sluice
