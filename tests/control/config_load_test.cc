// SPDX-License-Identifier: Apache-2.0
#include "control/config_load.h"

#include <gtest/gtest.h>

#include <string>

#include "config_fixture.h"

namespace sluice {
namespace {

using Paths = std::vector<std::string>;

TEST(ConfigLoad, WithoutAnythingFollowsVarLogToTheReceiver) {
  ConfigMachine machine;
  const ConfigOutcome outcome = machine.load({});
  ASSERT_TRUE(outcome.ok()) << format_problems(outcome.problems);
  EXPECT_TRUE(outcome.problems.empty());
  ASSERT_EQ(outcome.config.sources.size(), 1U);
  ASSERT_EQ(outcome.config.destinations.size(), 1U);
  EXPECT_EQ(outcome.config.sources[0].paths, Paths{"/var/log/*.log"});
  EXPECT_EQ(outcome.config.sources[0].destinations, Paths{"default"});
  EXPECT_EQ(outcome.config.destinations[0].endpoints.at(0), "http://127.0.0.1:8080/ingest");
  EXPECT_EQ(outcome.config.host, "web-1");
  EXPECT_EQ(outcome.config.state_dir, "/home/ann/.local/state/sluice");
}

TEST(ConfigLoad, TakesTheFlagsThatPeopleKnow) {
  ConfigMachine machine;
  const ConfigOutcome outcome =
      machine.load({"-paths", "/var/log/myapp/*.log", "-endpoint", "http://host:8080/ingest",
                    "-batch", "100", "-workers", "4"});
  ASSERT_TRUE(outcome.ok()) << format_problems(outcome.problems);
  EXPECT_EQ(outcome.config.sources[0].paths, Paths{"/var/log/myapp/*.log"});
  EXPECT_EQ(outcome.config.destinations[0].endpoints.at(0), "http://host:8080/ingest");
  EXPECT_EQ(outcome.config.destinations[0].batch, Lines(100));
  EXPECT_EQ(outcome.config.destinations[0].workers, 4);
}

TEST(ConfigLoad, ReadsEveryKindOfSettingFromOneFile) {
  ConfigMachine machine;
  const ConfigOutcome outcome = machine.load_yaml(R"(
memory: 128MiB
admin: off
log_format: json
sources:
  nginx:
    paths: [/var/log/nginx/*.log, "/srv/**/access.log"]
    exclude: ["*.gz"]
    from: end
    labels: {app: shop, env: prod}
    max_line: 256KiB
    carriage_return: keep
    destinations: [main]
  apps:
    paths: /srv/apps/*.log,/srv/more/*.log
destinations:
  main:
    endpoint: https://logs.example.com/ingest
    compression: zstd
    level: 3
    batch: 5k
    batch_bytes: 1MiB
    wait: 1s
    rate_bytes: 10MB/s burst 20MB
    headers:
      Authorization: Bearer t0ken
    tls_verify: false
    order: file
    overflow: drop-oldest
    with_id: true
    http_version: 1.1
  archive:
    endpoint: http://10.0.0.2/logs
    framing: ndjson
)");
  ASSERT_TRUE(outcome.ok()) << format_problems(outcome.problems);
  const AgentConfig& config = outcome.config;
  EXPECT_EQ(config.memory, Bytes(128 << 20));
  EXPECT_FALSE(config.admin.has_value());
  EXPECT_EQ(config.log_format, LogFormat::kJson);
  ASSERT_EQ(config.sources.size(), 2U);
  const SourceConfig& nginx = config.sources[0];
  EXPECT_EQ(nginx.name, "nginx");
  EXPECT_EQ(nginx.paths, (Paths{"/var/log/nginx/*.log", "/srv/**/access.log"}));
  EXPECT_EQ(nginx.exclude, Paths{"*.gz"});
  EXPECT_EQ(nginx.from, StartFrom::kEnd);
  EXPECT_EQ(nginx.labels, (std::map<std::string, std::string>{{"app", "shop"}, {"env", "prod"}}));
  EXPECT_EQ(nginx.max_line, Bytes(256 << 10));
  EXPECT_EQ(nginx.carriage_return, CarriageReturn::kKeep);
  EXPECT_EQ(nginx.destinations, Paths{"main"});
  EXPECT_EQ(config.sources[1].paths, (Paths{"/srv/apps/*.log", "/srv/more/*.log"}));
  EXPECT_EQ(config.sources[1].destinations, (Paths{"archive", "main"}));
  ASSERT_EQ(config.destinations.size(), 2U);
  const DestinationConfig& main = config.destinations[0];
  EXPECT_EQ(main.compression, Compression::kZstd);
  EXPECT_EQ(main.level.fixed, 3);
  EXPECT_EQ(main.batch, Lines(5000));
  EXPECT_EQ(main.batch_bytes, Bytes(1 << 20));
  EXPECT_EQ(main.wait, Duration(1'000'000'000));
  EXPECT_EQ(main.rate_bytes, (RateLimit{10'000'000, 20'000'000}));
  EXPECT_EQ(main.headers.at("Authorization").reveal(), "Bearer t0ken");
  EXPECT_FALSE(main.tls.verify);
  EXPECT_EQ(main.order, DeliveryOrder::kFile);
  EXPECT_EQ(main.overflow, Overflow::kDropOldest);
  EXPECT_TRUE(main.with_id);
  EXPECT_EQ(main.http_version, HttpVersion::kHttp1);
  EXPECT_EQ(config.destinations[1].framing, Framing::kNdjson);
}

}  // namespace
}  // namespace sluice
