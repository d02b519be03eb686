// SPDX-License-Identifier: Apache-2.0
#include "measure/trial.h"

#include <gtest/gtest.h>

#include <cstdio>

#include "measure/private_directory.h"
#include "measure/tune_run.h"

namespace sluice {
namespace {

TrialSubject subject() {
  TrialSubject made;
  made.config.sources.resize(2);
  made.config.sources[0].paths = {"/var/log/*.log"};
  made.config.sources[0].exclude = {"*"};
  made.config.sources[0].from = StartFrom::kEnd;
  made.config.sources[0].format = LineFormat::kCri;
  made.config.destinations.resize(2);
  made.config.destinations[0].name = "main";
  made.config.destinations[0].headers["Authorization"] = Secret("Bearer x");
  made.config.destinations[0].auth.bearer = Secret("y");
  made.config.destinations[0].rate_bytes = {1000, 1000};
  made.config.state_dir = "/var/lib/sluice";
  made.log.paths = {"/tmp/x/sample-0.log"};
  made.endpoints = {"http://127.0.0.1:1/ingest"};
  return made;
}

TEST(TrialConfig, NeverTouchesTheStateOrTheFilesOfTheUser) {
  const AgentConfig config = trial_config(subject(), TuneSettings{}, "/tmp/x/state", 1234);
  ASSERT_EQ(config.sources.size(), 1U);
  EXPECT_EQ(config.sources[0].paths, (std::vector<std::string>{"/tmp/x/sample-0.log"}));
  EXPECT_TRUE(config.sources[0].exclude.empty());
  EXPECT_EQ(config.sources[0].from, StartFrom::kBeginning);
  EXPECT_EQ(config.sources[0].format, LineFormat::kText);
  EXPECT_EQ(config.sources[0].destinations, (std::vector<std::string>{"main"}));
  EXPECT_EQ(config.state_dir, "/tmp/x/state");
  EXPECT_EQ(config.admin->port, 1234);
}

TEST(TrialConfig, TheNullDestinationGetsNoSecretsAndNoLimits) {
  const AgentConfig config = trial_config(subject(), TuneSettings{}, "/s", 1);
  ASSERT_EQ(config.destinations.size(), 1U);
  EXPECT_TRUE(config.destinations[0].headers.empty());
  EXPECT_TRUE(config.destinations[0].auth.bearer.empty());
  EXPECT_FALSE(config.destinations[0].rate_bytes.on());
  EXPECT_EQ(config.destinations[0].endpoints,
            (std::vector<std::string>{"http://127.0.0.1:1/ingest"}));
}

TEST(TrialConfig, ARealDestinationIsSpokenToAsTheUserSaid) {
  TrialSubject real = subject();
  real.real = true;
  real.sampled = true;
  const AgentConfig config = trial_config(real, TuneSettings{}, "/s", 1);
  EXPECT_EQ(config.destinations[0].headers.size(), 1U);
  EXPECT_TRUE(config.destinations[0].rate_bytes.on());
  EXPECT_EQ(config.sources[0].format, LineFormat::kCri) << "the sample is in the source's format";
}

TEST(TrialConfig, HasTheFlagsThatAreTried) {
  TuneSettings settings;
  settings.level = {CompressionLevel::Mode::kFixed, 6};
  settings.shards = 3;
  settings.batch_bytes = Bytes(1 << 20);
  settings.workers = 7;
  const AgentConfig config = trial_config(subject(), settings, "/s", 1);
  EXPECT_EQ(config.destinations[0].level, settings.level);
  EXPECT_EQ(config.shards, 3);
  EXPECT_EQ(config.destinations[0].batch_bytes, Bytes(1 << 20));
  EXPECT_EQ(config.destinations[0].workers, 7);
}

TEST(MetricSum, AddsUpLabelsAndLeavesLongerNamesAlone) {
  const std::string page =
      "# TYPE a_total counter\n"
      "a_total{x=\"1\"} 5\n"
      "a_total{x=\"2 3\"} 1e3\n"
      "a_total_more 7\n"
      "b 2.5\n";
  EXPECT_DOUBLE_EQ(metric_sum(page, "a_total"), 1005);
  EXPECT_DOUBLE_EQ(metric_sum(page, "b"), 2.5);
  EXPECT_DOUBLE_EQ(metric_sum(page, "c"), 0);
}

TEST(TuneTime, TheWindowFollowsTheTimeThereIs) {
  EXPECT_DOUBLE_EQ(trial_window(10, false), 0.15);
  EXPECT_DOUBLE_EQ(trial_window(10, true), 1) << "a service answers after a round trip";
  EXPECT_NEAR(trial_window(120, false), 1.1, 1e-9);
  EXPECT_DOUBLE_EQ(trial_window(3600, false), 2);
}

TEST(TuneTime, TheLogIsAsLongAsTheFastestHostReadsAndNoLongerThanAllowed) {
  EXPECT_EQ(trial_log_bytes(0.15, 2, 1 << 30), 300'000'000U);
  EXPECT_EQ(trial_log_bytes(1, 8, 64 << 20), 64U << 20);
  EXPECT_EQ(trial_log_bytes(0.001, 1, 1 << 30), 16U << 20);
}

TEST(Trial, AnAgentThatCannotStartIsSaidWithItsLastWords) {
  TrialSubject broken = subject();
  const PrivateDirectory directory(testing::TempDir());
  broken.directory = directory.path();
  broken.run_agent = [](const AgentConfig&) {
    std::fputs("the disk is full\n", stderr);
    return 1;
  };
  Interrupt interrupt;
  const auto ran = run_trial(broken, TuneSettings{}, interrupt);
  EXPECT_EQ(std::get<std::string>(ran), "the agent of a trial did not start: the disk is full");
}

}  // namespace
}  // namespace sluice
