// SPDX-License-Identifier: Apache-2.0
#include "control/option_table.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>
#include <set>
#include <sstream>
#include <string>

#include "config_fixture.h"
#include "control/config_print.h"
#include "control/config_settings.h"

namespace sluice {
namespace {

const std::string kPage = SLUICE_SOURCE_DIR "/docs/configuration.md";

std::string read_page() {
  std::ifstream page(kPage);
  std::stringstream text;
  text << page.rdbuf();
  return text.str();
}

TEST(OptionTable, NamesEverySettingOfTheIssueAsAFlag) {
  for (const std::string name : {"paths",
                                 "exclude",
                                 "endpoint",
                                 "batch",
                                 "batch-bytes",
                                 "wait",
                                 "workers",
                                 "queue",
                                 "overflow",
                                 "shards",
                                 "pin",
                                 "memory",
                                 "compression",
                                 "level",
                                 "rate-bytes",
                                 "rate-lines",
                                 "rate-requests",
                                 "retry-max-delay",
                                 "from",
                                 "order",
                                 "state",
                                 "io",
                                 "shutdown-timeout",
                                 "admin",
                                 "log-level",
                                 "log-format",
                                 "max-line",
                                 "framing",
                                 "tls-ca",
                                 "headers",
                                 "labels",
                                 "with-offset",
                                 "with-id",
                                 "progress",
                                 "host",
                                 "http-version",
                                 "request-timeout",
                                 "connect-timeout",
                                 "retry-min-delay",
                                 "checkpoint-interval",
                                 "reconcile-interval"}) {
    const Option* option = find_option(name);
    ASSERT_NE(option, nullptr) << name;
    EXPECT_FALSE(option->file_only) << name;
  }
}

TEST(OptionTable, SpellsOneNameInThreeWays) {
  const Option* option = find_option("batch-bytes");
  ASSERT_NE(option, nullptr);
  EXPECT_EQ(find_option("batch_bytes"), option);
  EXPECT_EQ(flag_of(*option), "-batch-bytes");
  EXPECT_EQ(variable_of(*option), "SLUICE_BATCH_BYTES");
  EXPECT_EQ(key_of(*option), "batch_bytes");
  EXPECT_EQ(find_option("Batch-bytes"), nullptr);
}

TEST(OptionTable, HasNoNameTwiceAndExplainsEach) {
  std::set<std::string> names;
  for (const Option& option : option_table()) {
    EXPECT_TRUE(names.insert(key_of(option)).second) << option.name;
    EXPECT_FALSE(option.help.empty()) << option.name;
    EXPECT_FALSE(option.tune.empty()) << option.name;
    EXPECT_FALSE(option.example.empty()) << option.name;
    EXPECT_FALSE(type_text(option).empty()) << option.name;
  }
}

TEST(OptionTable, GivesExamplesAndDefaultsThatTheLoaderTakes) {
  for (const Option& option : option_table()) {
    if (option.file_only) continue;
    ConfigMachine machine;
    for (const char* name : {"token", "password", "sign-key", "proxy"}) {
      machine.file("/run/secrets/" + std::string(name), "s3cret\n");
    }
    machine.environment.variables["TOKEN"] = "s3cret";
    const ConfigOutcome example =
        machine.load({flag_of(option) + "=" + std::string(option.example)});
    // The example of tls-cert needs the one of tls-key, password that of username, and credentials
    // for a proxy need one: tried below.
    EXPECT_TRUE(example.ok() || option.name.starts_with("tls-") || option.name == "password" ||
                option.name.starts_with("proxy-"))
        << format_problems(example.problems);
    const std::string by_default = default_text(option);
    if (by_default.empty() || !option.default_text.empty()) continue;
    const ConfigOutcome outcome = machine.load({flag_of(option) + "=" + by_default});
    EXPECT_TRUE(outcome.ok()) << format_problems(outcome.problems);
    EXPECT_EQ(config_as_yaml(outcome.config), config_as_yaml(machine.load({}).config))
        << option.name;
  }
  ConfigMachine machine;
  EXPECT_TRUE(
      machine.load({"-tls-cert=/a", "-tls-key=/b", "-tls-ca=/c", "-tls-verify=false"}).ok());
  EXPECT_TRUE(machine.load({"-username=ann", "-password=abc"}).ok());
}

TEST(OptionTable, IsTheReferenceOfTheDocumentation) {
  const std::string begin = "renews it) -->\n", end = "<!-- reference: end -->";
  std::string page = read_page();
  const size_t from = page.find(begin), to = page.find(end);
  ASSERT_NE(from, std::string::npos);
  ASSERT_NE(to, std::string::npos);
  const size_t text = from + begin.size();
  const std::string want = "\n" + reference_text() + "\n";
  if (std::getenv("UPDATE_DOCS") != nullptr) {
    page.replace(text, to - text, want);
    std::ofstream(kPage) << page;
    return;
  }
  EXPECT_EQ(page.substr(text, to - text), want) << "run UPDATE_DOCS=1 control_test to renew it";
}

TEST(OptionTable, IsWhatHelpShows) {
  const std::string help = help_text();
  for (const Option& option : option_table()) {
    if (option.file_only) continue;
    EXPECT_NE(help.find("\n  " + flag_of(option) + (is_switch(option) ? "[" : " <")),
              std::string::npos)
        << option.name;
  }
  std::istringstream lines(help);
  for (std::string line; std::getline(lines, line);) EXPECT_LE(line.size(), 100U) << line;
}

TEST(Documentation, ShowsFilesThatLoadWithoutAProblem) {
  const std::string page = read_page(), fence = "```yaml\n";
  int files = 0;
  for (size_t at = page.find(fence); at != std::string::npos; at = page.find(fence, at + 1)) {
    const size_t begin = at + fence.size();
    ConfigMachine machine;
    for (const char* name : {"token", "password", "key", "sign-key", "proxy"}) {
      machine.file("/run/secrets/" + std::string(name), "s3cret\n");
    }
    const std::string text = page.substr(begin, page.find("```", begin) - begin);
    EXPECT_EQ(machine.complaints(text), "") << text;
    ++files;
  }
  EXPECT_EQ(files, 6);
}

TEST(Documentation, ExplainsTheWorkedExampleTruly) {
  const std::string page = read_page(), fence = "```yaml\n";
  const size_t begin = page.find(fence) + fence.size();
  ConfigMachine machine;
  const AgentConfig config =
      machine.load_yaml(page.substr(begin, page.find("```", begin) - begin)).config;
  EXPECT_EQ(config.sources[0].destinations, std::vector<std::string>{"main"});
  EXPECT_EQ(config.sources[1].destinations, (std::vector<std::string>{"archive", "main"}));
  EXPECT_EQ(config.destinations[0].compression, Compression::kZstd);
  EXPECT_EQ(config.destinations[1].compression, Compression::kGzip);
}

}  // namespace
}  // namespace sluice
