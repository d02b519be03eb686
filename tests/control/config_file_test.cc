// SPDX-License-Identifier: Apache-2.0
#include "control/config_file.h"

#include <gtest/gtest.h>

#include <string>

#include "config_fixture.h"

namespace sluice {
namespace {

std::string complaints(const std::string& text) {
  ConfigMachine machine;
  return machine.complaints(text);
}

TEST(ConfigFile, NamesPlaceAndNearestKeyOfAnUnknownKey) {
  EXPECT_EQ(complaints("memory: 64MiB\n"
                       "destinations:\n"
                       "  main:\n"
                       "    endpiont: http://h/\n"),
            "sluice.yaml:4:5: error: unknown key 'endpiont' in destination 'main'; did you mean "
            "'endpoint'?\n");
  EXPECT_EQ(complaints("destinatons: {}\n"),
            "sluice.yaml:1:1: error: unknown key 'destinatons'; did you mean 'destinations'?\n");
}

TEST(ConfigFile, ListsTheKeysWhenNoneIsNear) {
  const std::string text = complaints("sources: {a: {colour: red}}\n");
  EXPECT_NE(text.find("sluice.yaml:1:15: error: unknown key 'colour' in source 'a'; expected one "
                      "of paths, exclude, from"),
            std::string::npos)
      << text;
}

TEST(ConfigFile, ReportsEveryErrorAtOnceInTheOrderOfPlaces) {
  EXPECT_EQ(
      complaints("batch: many\n"
                 "wait: 30\n"
                 "sources:\n"
                 "  a:\n"
                 "    paths: []\n"
                 "    form: end\n"
                 "memory: 1\n"),
      "sluice.yaml:1:8: error: 'many' is not valid for 'batch': expected a number like 100 or "
      "10k\n"
      "sluice.yaml:2:7: error: '30' is not valid for 'wait': expected a duration like 500ms, "
      "2s or 1m30s; a unit is missing: ns, us, ms, s, m, h or d\n"
      "sluice.yaml:5:5: error: 'paths' is empty; give at least one, or leave the setting out\n"
      "sluice.yaml:6:5: error: unknown key 'form' in source 'a'; did you mean 'from'?\n"
      "sluice.yaml:7:9: error: '1' is not valid for 'memory': the least is 8MiB\n");
}

TEST(ConfigFile, TakesNoZeroWhereAutoOrANumberIsMeant) {
  EXPECT_EQ(complaints("workers: 0\nshards: 0.5\n"),
            "sluice.yaml:1:10: error: '0' is not valid for 'workers': expected auto or a number "
            "from 1 to 256\n"
            "sluice.yaml:2:9: error: '0.5' is not valid for 'shards': expected auto or a number "
            "from 1 to 256\n");
  EXPECT_EQ(complaints("workers: 257\n"),
            "sluice.yaml:1:10: error: '257' is not valid for 'workers': the most is 256\n");
  EXPECT_EQ(complaints("workers: Auto\nshards: 1\n"), "");
}

TEST(ConfigFile, FindsKeysGivenTwiceInAnySpelling) {
  EXPECT_EQ(complaints("batch: 1\nbatch: 2\n"), "sluice.yaml:2:1: error: 'batch' is given twice\n");
  EXPECT_EQ(complaints("batch_bytes: 1MiB\nbatch-bytes: 2MiB\n"),
            "sluice.yaml:2:1: error: 'batch-bytes' is given twice\n");
  EXPECT_EQ(complaints("labels: {a: 1, a: 2}\n"),
            "sluice.yaml:1:16: error: 'a' is given twice in 'labels'\n");
}

TEST(ConfigFile, SendsAKeyToWhereItBelongs) {
  EXPECT_EQ(complaints("sources: {a: {batch: 1}}\n"),
            "sluice.yaml:1:15: error: 'batch' belongs in a destination, not in source 'a'\n");
  EXPECT_EQ(complaints("destinations: {a: {memory: 64MiB}}\n"),
            "sluice.yaml:1:20: error: 'memory' belongs at the top of the file, not in destination "
            "'a'\n");
}

TEST(ConfigFile, RefusesWrongShapesWithWhatWasExpected) {
  EXPECT_EQ(complaints("batch: [1, 2]\n"),
            "sluice.yaml:1:1: error: 'batch' takes one value (number), not a list\n");
  EXPECT_EQ(complaints("memory: {a: 1}\n"),
            "sluice.yaml:1:1: error: 'memory' takes one value (size), not a map\n");
  EXPECT_EQ(complaints("paths: {a: 1}\n"),
            "sluice.yaml:1:1: error: 'paths' takes a list, not a map\n");
  EXPECT_EQ(complaints("paths: [[a]]\n"),
            "sluice.yaml:1:9: error: expected a text in 'paths', found a list\n");
  EXPECT_EQ(complaints("labels: [a, b]\n"),
            "sluice.yaml:1:1: error: 'labels' takes a map of names and values\n");
  EXPECT_EQ(
      complaints("workers:\n"),
      "sluice.yaml:1:1: error: 'workers' has no value; write one (auto | number), or remove the "
      "line\n");
  EXPECT_EQ(complaints("- a\n- b\n"),
            "sluice.yaml:1:1: error: expected 'key: value' lines at the top of the file\n");
}

TEST(ConfigFile, RefusesBlocksWithoutANameOrContent) {
  EXPECT_EQ(complaints("destinations:\n  endpoint: http://h/\n"),
            "sluice.yaml:2:3: error: expected the name of a destination, found its setting "
            "'endpoint'; write 'destinations: {main: {endpoint: ...}}'\n");
  EXPECT_EQ(complaints("sources: []\n"),
            "sluice.yaml:1:1: error: 'sources' is empty; add one, or leave the key out\n");
  EXPECT_EQ(complaints("sources: /var/log/*.log\n"),
            "sluice.yaml:1:1: error: expected a map or a list of sources, as in 'sources: {main: "
            "{...}}'\n");
  EXPECT_EQ(complaints("sources: {'a b': {from: end}}\n"),
            "sluice.yaml:1:11: error: 'a b' is not valid for the name of a source: expected a name "
            "of letters, digits and . _ - (at most 64)\n");
}

TEST(ConfigFile, TakesListsOfBlocksWithNames) {
  ConfigMachine machine;
  const ConfigOutcome outcome = machine.load_yaml(
      "sources:\n"
      "  - name: nginx\n"
      "    paths: [/a]\n"
      "  - paths: [/b]\n");
  ASSERT_TRUE(outcome.ok()) << format_problems(outcome.problems);
  EXPECT_EQ(outcome.config.sources[0].name, "nginx");
  EXPECT_EQ(outcome.config.sources[1].name, "source-2");
}

TEST(ConfigFile, ReplacesReferencesInValues) {
  ConfigMachine machine;
  machine.environment.variables["TOKEN"] = "t0ken";
  machine.environment.variables["LOGS"] = "/data";
  machine.file("/run/secret", "k3y\n");
  const ConfigOutcome outcome = machine.load_yaml(
      "paths: [\"${LOGS}/*.log\"]\n"
      "headers: {Authorization: 'Bearer ${TOKEN}', X-Key: '${file:/run/secret}'}\n"
      "labels: {price: '$${LOGS} $5', zone: '${ZONE:-eu}'}\n");
  ASSERT_TRUE(outcome.ok()) << format_problems(outcome.problems);
  EXPECT_EQ(outcome.config.sources[0].paths[0], "/data/*.log");
  EXPECT_EQ(outcome.config.destinations[0].headers.at("Authorization").reveal(), "Bearer t0ken");
  EXPECT_EQ(outcome.config.destinations[0].headers.at("X-Key").reveal(), "k3y");
  EXPECT_EQ(outcome.config.sources[0].labels.at("price"), "${LOGS} $5");
  EXPECT_EQ(outcome.config.sources[0].labels.at("zone"), "eu");
}

TEST(ConfigFile, RefusesReferencesThatLeadNowhere) {
  EXPECT_EQ(complaints("host: ${NAME}\n"),
            "sluice.yaml:1:7: error: the environment variable NAME is not set; set it, or write "
            "${NAME:-default}\n");
  EXPECT_EQ(complaints("host: ${NAME:?name this machine}\n"),
            "sluice.yaml:1:7: error: NAME: name this machine\n");
  EXPECT_EQ(complaints("host: '${file:/nowhere}'\n"),
            "sluice.yaml:1:7: error: cannot read '/nowhere': open: No such file or directory\n");
  EXPECT_EQ(complaints("host: 'a${NAME'\n"),
            "sluice.yaml:1:7: error: the '}' after '${' is missing\n");
  for (const std::string reference : {"${}", "${1A}", "${A B}", "${A:x}", "${A=x}"})
    EXPECT_NE(complaints("host: '" + reference + "'\n").find("is none of ${NAME}"),
              std::string::npos)
        << reference;
}

TEST(ConfigFile, DoesNotLookTwiceAtWhatAReferenceBrought) {
  ConfigMachine machine;
  machine.environment.variables["A"] = "${B}";
  machine.environment.variables["B"] = "b\nbatch: 1";
  EXPECT_EQ(machine.load_yaml("host: ${A}\n").config.host, "${B}");
  // A line break that comes in stays inside the value, where it is refused.
  const ConfigOutcome outcome = machine.load_yaml("host: ${B}\n");
  EXPECT_EQ(outcome.config.destinations[0].batch, DestinationConfig{}.batch);
  EXPECT_FALSE(outcome.ok());
}

TEST(ConfigFile, NeverQuotesWhatAReferenceBrought) {
  ConfigMachine machine;
  machine.environment.variables["TOKEN"] = "s3cret";
  const std::string text = machine.complaints(
      "batch: ${TOKEN}\n"
      "paths: '${TOKEN}'\n"
      "framing: ${TOKEN}\n"
      "endpoint: ftp://ann:s3cret@h/\n"
      "headers: {A: \"s3cret\\nx\", 'B C': s3cret}\n");
  EXPECT_EQ(text.find("s3cret"), std::string::npos) << text;
  EXPECT_NE(text.find("'${TOKEN}' is not valid for 'batch'"), std::string::npos) << text;
}

TEST(ConfigFile, SaysWhyAFileCannotBeRead) {
  ConfigMachine machine;
  EXPECT_EQ(format_problems(machine.load({"-c", "gone.yaml"}).problems),
            "gone.yaml: error: cannot read this configuration file: open: No such file or "
            "directory\n");
  machine.file("large.yaml", std::string((1 << 20) + 1, '#'));
  EXPECT_EQ(format_problems(machine.load({"-c", "large.yaml"}).problems),
            "large.yaml: error: a configuration file may have at most 1 MiB\n");
}

TEST(ConfigFile, TakesAnEmptyFileAsAllDefaults) {
  EXPECT_EQ(complaints(""), "");
  EXPECT_EQ(complaints("# nothing\n"), "");
  EXPECT_EQ(complaints("---\n"), "");
}

}  // namespace
}  // namespace sluice
