// SPDX-License-Identifier: Apache-2.0
#include "control/config_tree.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <optional>
#include <string>

namespace sluice {
namespace {

struct Reading {
  std::optional<ConfigNode> root;
  std::string complaints;
};

Reading read(std::string_view text) {
  ProblemList problems;
  Reading reading;
  reading.root = parse_config_tree(text, "f", problems);
  reading.complaints = format_problems(std::move(problems).sorted());
  return reading;
}

TEST(ConfigTree, KnowsLineAndColumnOfKeysAndValues) {
  const Reading reading = read("a: 1\nb:\n  - x\n  - y: z\n");
  ASSERT_TRUE(reading.root);
  const ConfigNode& b = reading.root->items.at(1);
  EXPECT_EQ(b.key, "b");
  EXPECT_EQ(b.key_place, (Place{"f", 2, 1}));
  EXPECT_EQ(b.items.at(0).place, (Place{"f", 3, 5}));
  EXPECT_EQ(b.items.at(1).items.at(0).key_place, (Place{"f", 4, 5}));
  EXPECT_EQ(b.items.at(1).items.at(0).text, "z");
}

TEST(ConfigTree, KeepsKeysThatAreGivenTwice) {
  EXPECT_EQ(read("a: 1\na: 2\n").root.value().items.size(), 2U);
}

TEST(ConfigTree, CopiesWhatAnAliasNames) {
  const Reading reading = read("a: &x [1, 2]\nb: *x\n");
  ASSERT_TRUE(reading.root) << reading.complaints;
  EXPECT_EQ(reading.root->items.at(1).items.size(), 2U);
  EXPECT_EQ(reading.root->items.at(1).key, "b");
}

TEST(ConfigTree, SaysWhereYamlIsBroken) {
  EXPECT_EQ(read("a: [1, 2\nb: 3\n").complaints.substr(0, 12), "f:2:2: error");
  for (const std::string text :
       {"a: b: c\n", "\ta: 1\n", "a: 'x\n", "a: *nothing\n", "{a: 1", "a: \"\\q\"",
        "%YAML 9.9\n---\na: 1\n", "? [a]\n: b\n", "a: 1\n---\nb: 2\n"}) {
    const Reading reading = read(text);
    EXPECT_FALSE(reading.root) << text;
    EXPECT_NE(reading.complaints.find("error"), std::string::npos) << text;
  }
}

TEST(ConfigTree, RefusesAQuoteThatIsNeverClosed) {
  EXPECT_EQ(read("a: 'x\nb: 3\n").complaints, "f:1:4: error: the closing quote is missing\n");
  EXPECT_EQ(read("é: 1\na: \"x\\\"\nb: 3\n").complaints,
            "f:2:4: error: the closing quote is missing\n");
  EXPECT_EQ(read("a: 'it''s'\nb: \"q\\\"\"\nc: '''x'''\n").complaints, "");
}

TEST(ConfigTree, RefusesBytesThatYamlForbids) {
  using namespace std::string_view_literals;
  EXPECT_EQ(read("a: 1\nb: \x04\nc: 3\n").complaints,
            "f:2:4: error: a control character cannot stand here\n");
  EXPECT_EQ(read("a: \0"sv).complaints, "f:1:4: error: a control character cannot stand here\n");
  EXPECT_EQ(read("a: \xFF\n").complaints,
            "f:1:1: error: a configuration file is UTF-8; this one is something else\n");
  EXPECT_EQ(read("\xEF\xBB\xBF"
                 "a: 1\n")
                .complaints,
            "");
}

TEST(ConfigTree, RefusesABombOfAliases) {
  std::string bomb = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n";
  for (int level = 1; level < 30; ++level) {
    bomb += fmt::format("a{0}: &a{0} [", level);
    for (int i = 0; i < 10; ++i) bomb += fmt::format("{}*a{}", i == 0 ? "" : ", ", level - 1);
    bomb += "]\n";
  }
  const Reading reading = read(bomb);
  EXPECT_FALSE(reading.root);
  EXPECT_NE(reading.complaints.find("more than 20000 values"), std::string::npos)
      << reading.complaints;
}

TEST(ConfigTree, RefusesMoreThanTwentyThousandValues) {
  std::string list = "a: [x";
  for (int i = 0; i < 19'000; ++i) list += ",x";
  EXPECT_TRUE(read(list + "]").root);
  for (int i = 0; i < 1'000; ++i) list += ",x";
  EXPECT_FALSE(read(list + "]").root);
}

TEST(ConfigTree, RefusesAnAliasInsideWhatItNames) {
  const Reading reading = read("a: &x [1, *x]\n");
  EXPECT_FALSE(reading.root);
  EXPECT_EQ(reading.complaints, "f:1:11: error: an alias cannot stand inside what it names\n");
}

TEST(ConfigTree, RefusesDepthThatNobodyWrites) {
  for (const size_t depth : {size_t{33}, size_t{3'000}, size_t{500'000}}) {
    const Reading reading = read(std::string(depth, '[') + std::string(depth, ']'));
    EXPECT_FALSE(reading.root) << depth;
    EXPECT_NE(reading.complaints.find("nested too deeply"), std::string::npos)
        << reading.complaints;
  }
}

TEST(ConfigTree, RefusesMoreThanOneMebibyte) {
  const Reading reading = read(std::string((1 << 20) + 1, ' '));
  EXPECT_EQ(reading.complaints, "f:1:1: error: a configuration file may have at most 1 MiB\n");
}

}  // namespace
}  // namespace sluice
