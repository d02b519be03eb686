// SPDX-License-Identifier: Apache-2.0
#include "control/command_line.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "config_fixture.h"

namespace sluice {
namespace {

using Paths = std::vector<std::string>;

// What a person would see for these arguments.
std::string complaints(std::initializer_list<std::string> arguments) {
  ConfigMachine machine;
  return format_problems(machine.load(arguments).problems);
}

TEST(CommandLine, TakesOneAndTwoDashesAndBothWaysToGiveAValue) {
  for (const auto& arguments : {std::vector<std::string>{"-workers", "7"},
                                {"--workers", "7"},
                                {"-workers=7"},
                                {"--workers=7"}}) {
    ConfigMachine machine;
    std::vector<std::string> texts = arguments;
    std::vector<char*> args;
    for (std::string& text : texts) args.push_back(text.data());
    const ConfigOutcome outcome = load_config(args, machine.environment);
    ASSERT_TRUE(outcome.ok()) << format_problems(outcome.problems);
    EXPECT_EQ(outcome.config.destinations[0].workers, 7);
  }
}

TEST(CommandLine, AddsUpRepeatedPatternsAndCommaLists) {
  ConfigMachine machine;
  const ConfigOutcome outcome =
      machine.load({"-paths", "/a/*.log,/b/**/*.log", "--paths=/c/{x,y}.log", "-paths", "/d\\,e"});
  ASSERT_TRUE(outcome.ok()) << format_problems(outcome.problems);
  EXPECT_EQ(outcome.config.sources[0].paths,
            (Paths{"/a/*.log", "/b/**/*.log", "/c/{x,y}.log", "/d,e"}));
}

TEST(CommandLine, LetsTheLastOfARepeatedScalarWin) {
  ConfigMachine machine;
  EXPECT_EQ(machine.load({"-batch", "1", "-batch", "2"}).config.destinations[0].batch, Lines(2));
}

TEST(CommandLine, ReadsLabelsAndHeaders) {
  ConfigMachine machine;
  const ConfigOutcome outcome =
      machine.load({"-labels", "app=shop, env=prod", "-labels=tier=1", "-headers",
                    "Authorization: Bearer a=b,c", "-headers", "X-Scope-OrgID=7"});
  ASSERT_TRUE(outcome.ok()) << format_problems(outcome.problems);
  EXPECT_EQ(outcome.config.sources[0].labels.size(), 3U);
  EXPECT_EQ(outcome.config.sources[0].labels.at("env"), "prod");
  const auto& headers = outcome.config.destinations[0].headers;
  EXPECT_EQ(headers.at("Authorization").reveal(), "Bearer a=b,c");
  EXPECT_EQ(headers.at("X-Scope-OrgID").reveal(), "7");
}

TEST(CommandLine, TreatsTrueOrFalseAsASwitch) {
  ConfigMachine machine;
  EXPECT_TRUE(machine.load({"-pin"}).config.pin);
  EXPECT_FALSE(machine.load({"-pin=false"}).config.pin);
  EXPECT_TRUE(machine.load({"-pin", "-batch", "3"}).config.pin);
}

TEST(CommandLine, NamesTheNearestFlagAndGoesOn) {
  EXPECT_EQ(complaints({"-bacth", "3", "-wrokers", "2", "-wait=soon"}),
            "command line: error: unknown flag '-bacth'; did you mean '-batch'?\n"
            "command line: error: unknown flag '-wrokers'; did you mean '-workers'?\n"
            "command line: error: 'soon' is not valid for -wait: expected a duration like 500ms, "
            "2s or 1m30s\n");
  EXPECT_EQ(complaints({"--xyzzy"}),
            "command line: error: unknown flag '--xyzzy'; see sluice --help\n");
}

TEST(CommandLine, TellsAPatternThatTheShellHasExpanded) {
  EXPECT_EQ(complaints({"-paths", "/var/log/a.log", "/var/log/b.log"}),
            "command line: error: unexpected '/var/log/b.log'; put the pattern in quotes, so that "
            "the shell leaves it to sluice\n");
}

TEST(CommandLine, SaysWhichFlagLacksItsValue) {
  EXPECT_EQ(complaints({"-batch"}), "command line: error: -batch needs a value\n");
  EXPECT_EQ(complaints({"-paths", "-endpoint", "http://h/"}),
            "command line: error: -paths needs a value\n");
  EXPECT_EQ(complaints({"-batch="}), "command line: error: -batch has an empty value\n");
  EXPECT_EQ(complaints({"-c"}), "command line: error: -c needs a value\n");
}

TEST(CommandLine, SendsKeysOfTheFileToTheFile) {
  EXPECT_NE(complaints({"-destinations", "main"}).find("is a key of the configuration file"),
            std::string::npos);
}

TEST(CommandLine, NeverShowsAHeader) {
  EXPECT_EQ(complaints({"-headers", "s3cret"}).find("s3cret"), std::string::npos);
  EXPECT_EQ(complaints({"-headers", "Authorization: s3c\nret"}).find("s3c"), std::string::npos);
}

TEST(CommandLine, AsksForHelpAndVersionWhateverElseIsWrong) {
  ConfigMachine machine;
  for (const std::string flag : {"-h", "-help", "--help"})
    EXPECT_EQ(machine.load({"-bacth", flag}).intent, Intent::kHelp) << flag;
  for (const std::string flag : {"-V", "-version", "--version"})
    EXPECT_EQ(machine.load({flag}).intent, Intent::kVersion) << flag;
  EXPECT_EQ(machine.load({}).intent, Intent::kRun);
}

}  // namespace
}  // namespace sluice
