// SPDX-License-Identifier: Apache-2.0
#include "flow/discover/glob.h"

#include <fnmatch.h>
#include <gtest/gtest.h>

#include <random>

namespace sluice {
namespace {

struct Row {
  const char* pattern;
  const char* path;
  bool matches;
};

Glob glob(std::string_view pattern) {
  auto compiled = Glob::compile(pattern);
  SLUICE_CHECK(compiled.ok(), "the pattern of a test is well formed");
  return std::move(*compiled);
}

TEST(Glob, MatchesAsAShellDoes) {
  const Row rows[] = {
      {"/var/log/*.log", "/var/log/a.log", true},
      {"/var/log/*.log", "/var/log/.log", false},
      {"/var/log/*.log", "/var/log/.a.log", false},
      {"/var/log/.*.log", "/var/log/.a.log", true},
      {"/var/log/?a", "/var/log/.a", false},
      {"/var/log/[.]a", "/var/log/.a", false},
      {"/var/log/*.log", "/var/log/x/a.log", false},
      {"/var/log/*.log", "/var/log/a.log.1", false},
      {"/var/log/*.log*", "/var/log/a.log.1", true},
      {"/var/log/*/a.log", "/var/log/x/a.log", true},
      {"/var/log/*/a.log", "/var/log/a.log", false},
      {"/l/a?c", "/l/abc", true},
      {"/l/a?c",
       "/l/a\xC3\xA9"
       "c",
       true},  // one character of two bytes
      {"/l/a?c",
       "/l/a\xC3"
       "c",
       true},  // a lone lead byte is a character of its own
      {"/l/a??c",
       "/l/a\xC3\xA9"
       "c",
       false},
      {"/l/[a-c]1", "/l/b1", true},
      {"/l/[a-c]1", "/l/d1", false},
      {"/l/[!a-c]1", "/l/d1", true},
      {"/l/[^a-c]1", "/l/b1", false},
      {"/l/[]x]1", "/l/]1", true},
      {"/l/[a-]1", "/l/-1", true},
      {"/l/[\\]]1", "/l/]1", true},
      {"/l/{a,b}.log", "/l/b.log", true},
      {"/l/{a,b}.log", "/l/c.log", false},
      {"/l/{a,b{1,2}}.log", "/l/b2.log", true},
      {"/l/{a,}x", "/l/x", true},
      {"/{l,m/n}/a", "/m/n/a", true},
      {"/l/\\*.log", "/l/*.log", true},
      {"/l/\\*.log", "/l/a.log", false},
      {"/l/\\{a,b\\}", "/l/{a,b}", true},
      {"/l/**/a.log", "/l/a.log", true},
      {"/l/**/a.log", "/l/x/y/z/a.log", true},
      {"/l/**/a.log", "/l/x/.y/a.log", false},
      {"/l/**", "/l/x/y", true},
      {"/l/**", "/l", false},
      {"/l/**/x/*.log", "/l/x/x/x/b.log", true},
      {"/l/**/x/*.log", "/l/y/b.log", false},
      {"/l//a/./b", "/l/a/b", true},
      {"/l/a**b", "/l/axxb", true},
      {"/l/*a*b*c*", "/l/xxaxxbxxcxx", true},
      {"/l/*a*b*c*", "/l/xxaxxcxxbxx", false},
      {"/a.log", "/a.log", true},
  };
  for (const Row& row : rows)
    EXPECT_EQ(glob(row.pattern).matches(row.path), row.matches) << row.pattern << " " << row.path;
}

TEST(Glob, AgreesWithFnmatchOnRandomPatterns) {
  std::mt19937 random(7);
  const std::string alphabet = "ab.*?";
  const auto word = [&](size_t kinds) {
    std::string text;
    for (auto length = 1 + random() % 7; length > 0; --length)
      text.push_back(alphabet[random() % kinds]);
    return text;
  };
  for (int i = 0; i < 200'000; ++i) {
    const std::string pattern = word(5), name = word(3);
    if (pattern == "**" || pattern == "." || name == ".") continue;  // mean other things here
    const bool expected = fnmatch(pattern.c_str(), name.c_str(), FNM_PATHNAME | FNM_PERIOD) == 0;
    ASSERT_EQ(glob("/l/" + pattern).matches("/l/" + name), expected) << pattern << " " << name;
  }
}

TEST(Glob, ManyStarsDoNotExplode) {
  std::string pattern = "/l/", path = "/l/";
  for (int i = 0; i < 100; ++i) pattern += "a*";
  path += std::string(2'000, 'a');
  EXPECT_FALSE(glob(pattern + "b").matches(path));
}

TEST(Glob, SaysWhichDirectoriesAreWorthAWatch) {
  const Glob plain = glob("/var/log/app-*/x/*.log");
  EXPECT_EQ(plain.roots(), std::vector<std::string>{"/var/log"});
  EXPECT_TRUE(plain.descends("/"));
  EXPECT_TRUE(plain.descends("/var/log"));
  EXPECT_TRUE(plain.descends("/var/log/app-1"));
  EXPECT_TRUE(plain.descends("/var/log/app-1/x"));
  EXPECT_FALSE(plain.descends("/var/log/app-1/x/y"));
  EXPECT_FALSE(plain.descends("/var/log/db"));
  const Glob deep = glob("/srv/**/*.log");
  EXPECT_EQ(deep.roots(), std::vector<std::string>{"/srv"});
  EXPECT_TRUE(deep.descends("/srv/a/b/c"));
  EXPECT_FALSE(deep.descends("/srv/.git"));
  EXPECT_FALSE(deep.descends("/etc"));
  const Glob two = glob("/{a,b/c}/*.log");
  EXPECT_EQ(two.roots(), (std::vector<std::string>{"/a", "/b/c"}));
}

TEST(Glob, DoesNotFollowLinksToDirectoriesUnderTwoStars) {
  const Glob deep = glob("/srv/**/*.log");
  EXPECT_TRUE(deep.descends("/srv/x"));
  EXPECT_FALSE(deep.descends("/srv/x", true));
  EXPECT_TRUE(glob("/srv/*/*.log").descends("/srv/x", true));
}

TEST(Glob, RefusesWhatItCannotMean) {
  for (const char* pattern : {"", "a.log", "/l/[a", "/l/{a,b", "/l/a\\", "/", "/l/[b-a]"}) {
    const auto compiled = Glob::compile(pattern);
    ASSERT_FALSE(compiled.ok()) << pattern;
    EXPECT_EQ(compiled.error().code, Errc::kInvalid);
  }
  EXPECT_FALSE(Glob::compile("/l/{1,2,3,4}{1,2,3,4}{1,2,3,4}{1,2,3,4}{1,2,3,4}").ok());
}

TEST(PathRules, ExclusionsWin) {
  const auto rules = PathRules::compile({"/l/**/*.log", "/m/*"}, {"*.gz", "/l/old/**", "/l/tmp"});
  ASSERT_TRUE(rules.ok());
  EXPECT_TRUE(rules->wants("/l/a.log"));
  EXPECT_TRUE(rules->wants("/m/a"));
  EXPECT_FALSE(rules->wants("/m/a.gz"));
  EXPECT_FALSE(rules->wants("/l/old/a.log"));
  EXPECT_FALSE(rules->descends("/l/tmp"));
  EXPECT_TRUE(rules->descends("/l/new"));
  EXPECT_EQ(rules->roots(), (std::vector<std::string>{"/l", "/m"}));
}

TEST(PathRules, NamesOfExclusionsMayHaveBraces) {
  const auto rules = PathRules::compile({"/l/*", "/l/.*"}, {"*.{gz,zst}"});
  ASSERT_TRUE(rules.ok());
  EXPECT_FALSE(rules->wants("/l/a.zst"));
  EXPECT_FALSE(rules->wants("/l/.a.gz"));
  EXPECT_TRUE(rules->wants("/l/.a"));
}

}  // namespace
}  // namespace sluice
