// SPDX-License-Identifier: Apache-2.0
#include "control/config_check.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>

#include "config_fixture.h"
#include "control/config_print.h"

namespace sluice {
namespace {

namespace fs = std::filesystem;

// A real directory that goes away with the test.
class Directory {
 public:
  Directory() {
    std::string name = (fs::temp_directory_path() / "sluice-check-XXXXXX").string();
    path = ::mkdtemp(name.data());
  }
  ~Directory() { fs::remove_all(path); }
  Directory(const Directory&) = delete;
  Directory& operator=(const Directory&) = delete;

  std::string write(const std::string& name, const std::string& text) const {
    fs::create_directories((path / name).parent_path());
    std::ofstream(path / name) << text;
    return (path / name).string();
  }

  fs::path path;
};

struct Shown {
  int code = 0;
  std::string out;
  std::string errors;
};

std::string content(std::FILE* file) {
  std::string text;
  std::rewind(file);
  for (int letter = std::fgetc(file); letter != EOF; letter = std::fgetc(file))
    text += static_cast<char>(letter);
  std::fclose(file);
  return text;
}

Shown check(std::vector<std::string> arguments, const CheckTools& tools = {}) {
  std::vector<char*> args;
  for (std::string& argument : arguments) args.push_back(argument.data());
  Environment environment = Environment::of_process();
  std::FILE *out = std::tmpfile(), *errors = std::tmpfile();
  Shown run;
  run.code = check_main(args, environment, tools, out, errors);
  run.out = content(out);
  run.errors = content(errors);
  return run;
}

// Patterns that mean "ends with this", enough to walk a real tree.
CheckTools tools_for(const std::string& root) {
  CheckTools tools;
  tools.matcher = [root](const std::vector<std::string>& paths, const std::vector<std::string>&) {
    const std::string ending = fs::path(paths.at(0)).extension();
    return std::optional<PathMatcher>(
        PathMatcher{[ending](std::string_view path) { return path.ends_with(ending); },
                    [](std::string_view, bool link) { return !link; },
                    {root}});
  };
  return tools;
}

TEST(Check, SummarisesAValidConfiguration) {
  Directory directory;
  const std::string state = (directory.path / "state").string();
  const Shown run = check({"-state", state, "-endpoint", "http://h:1/i", "-paths", "/a/*.log"});
  EXPECT_EQ(run.code, 0);
  EXPECT_EQ(run.errors, "");
  EXPECT_EQ(run.out,
            "configuration is valid: 1 source (default: 1 pattern) to 1 destination "
            "(default: http://h:1/i, json, gzip), memory 64MiB, state " +
                state + ", admin 127.0.0.1:9686\n");
  EXPECT_FALSE(fs::exists(state)) << "check creates nothing";
}

TEST(Check, ShowsEveryErrorAndExitsWith78) {
  Directory directory;
  const std::string file = directory.write("s.yaml", "batch: x\nwait: 1\n");
  const Shown run = check({"-c", file});
  EXPECT_EQ(run.code, 78);
  EXPECT_EQ(run.out, "");
  EXPECT_NE(run.errors.find(file + ":1:8: error: "), std::string::npos) << run.errors;
  EXPECT_NE(run.errors.find(file + ":2:7: error: "), std::string::npos) << run.errors;
  EXPECT_NE(run.errors.find("configuration is wrong: 2 errors\n"), std::string::npos);
}

TEST(Check, WarnsOfPatternsThatMatchNothingYet) {
  Directory directory;
  directory.write("logs/deep/a.log", "x\n");
  const std::string state = directory.path.string();
  const CheckTools tools = tools_for(directory.path.string());
  EXPECT_EQ(check({"-state", state, "-paths", "/a/*.log"}, tools).errors, "");
  const Shown run = check({"-state", state, "-paths", "/a/*.log,/a/*.txt"}, tools);
  EXPECT_EQ(run.code, 0);
  EXPECT_EQ(run.errors,
            "source 'default': warning: '/a/*.txt' matches no file yet; files may "
            "appear later\n");
}

TEST(Check, WarnsOnceOfCompressedFilesThatAPatternMatches) {
  Directory directory;
  for (const char* name : {"a.log.2.gz", "a.log.3.gz", "b.log.1.gz"}) directory.write(name, "x");
  const std::string state = directory.path.string();
  const std::string errors =
      check({"-state", state, "-paths", "/a/*.gz"}, tools_for(directory.path.string())).errors;
  EXPECT_NE(errors.find(".gz' and 2 more), "), std::string::npos) << errors;
  EXPECT_NE(errors.find("-exclude \"*.gz\""), std::string::npos) << errors;
  EXPECT_EQ(std::count(errors.begin(), errors.end(), '\n'), 1) << errors;
}

TEST(Check, WarnsOfWhatThisUserCannotReadOrWrite) {
  if (::geteuid() == 0 && ::seteuid(65534) != 0) FAIL() << "cannot become an ordinary user";
  {
    Directory directory;
    fs::permissions(directory.path, fs::perms::owner_all);
    const std::string log = directory.write("a.log", "x\n");
    fs::permissions(log, fs::perms::none);
    directory.write("closed/b.log", "x\n");
    fs::permissions(directory.path / "closed", fs::perms::none);
    directory.write("state/x", "");
    fs::permissions(directory.path / "state", fs::perms::owner_read);
    const Shown run = check({"-state", (directory.path / "state").string(), "-paths", "/a/*.log"},
                            tools_for(directory.path.string()));
    EXPECT_EQ(run.code, 0);
    EXPECT_NE(run.errors.find("cannot read '"), std::string::npos) << run.errors;
    EXPECT_NE(run.errors.find("cannot list '"), std::string::npos) << run.errors;
    EXPECT_NE(run.errors.find("state: warning: cannot write to '"), std::string::npos)
        << run.errors;
    for (const char* name : {"closed", "state"})
      fs::permissions(directory.path / name, fs::perms::owner_all);
  }
  EXPECT_EQ(::seteuid(::getuid()), 0);
}

TEST(Check, PrintsAConfigurationThatReadsBackAsTheSame) {
  ConfigMachine machine;
  const ConfigOutcome first = machine.load(
      {"-paths", "/a b/*.log,/c/{x,y}.log", "-labels", "app=\"q\",n=1", "-rate-bytes",
       "10MB/s burst 20MB", "-level", "6", "-admin", "off", "-wait", "90s", "-from", "end"});
  ASSERT_TRUE(first.ok()) << format_problems(first.problems);
  const std::string printed = config_as_yaml(first.config);
  const ConfigOutcome second = machine.load_yaml(printed);
  EXPECT_EQ(format_problems(second.problems), "") << printed;
  EXPECT_EQ(config_as_yaml(second.config), printed);
  EXPECT_EQ(second.config.sources[0].labels, first.config.sources[0].labels);
  EXPECT_EQ(second.config.sources[0].paths, first.config.sources[0].paths);
}

TEST(Check, PrintsNoSecret) {
  Directory directory;
  const Shown run = check({"--print", "-state", directory.path.string(), "-headers",
                           "Authorization: s3cret", "-endpoint", "http://ann:s3cret@h/"});
  EXPECT_EQ(run.code, 0);
  EXPECT_NE(run.out.find("headers: {Authorization: \"***\"}"), std::string::npos) << run.out;
  EXPECT_EQ((run.out + run.errors).find("s3cret"), std::string::npos);
}

TEST(Check, HelpsWhenAsked) {
  const Shown run = check({"--help"});
  EXPECT_EQ(run.code, 0);
  EXPECT_NE(run.out.find("-paths"), std::string::npos);
}

TEST(Files, ThatAreNotRegularAreRefusedAtOnce) {
  Directory directory;
  EXPECT_FALSE(read_regular_file(directory.path.string(), Bytes(10)).ok());
  EXPECT_FALSE(read_regular_file("/dev/zero", Bytes(10)).ok());
  const std::string file = directory.write("f", "12345");
  EXPECT_EQ(read_regular_file(file, Bytes(5)).value(), "12345");
  EXPECT_EQ(read_regular_file(file, Bytes(4)).error().code, Errc::kExhausted);
}

TEST(Secrets, PrintAsThreeStars) {
  std::ostringstream out;
  out << Secret("s3cret");
  EXPECT_EQ(out.str(), "***");
  EXPECT_EQ(::testing::PrintToString(Secret("s3cret")), "***");
}

}  // namespace
}  // namespace sluice
