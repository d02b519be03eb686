// SPDX-License-Identifier: Apache-2.0
// generate_test.cc — the generator as a process: files, rotation, rate, ledger.
#include "receive/generate.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <csignal>
#include <filesystem>

#include "child_process.h"
#include "receive/amounts.h"
#include "receive/argument_spelling.h"
#include "receive/line_token.h"
#include "receive/stored_files.h"
#include "receive/verifier.h"
#include "temporary_directory.h"

namespace sluice {
namespace {

using namespace literals;

class GenerateTest : public ::testing::Test {
 protected:
  std::unique_ptr<ChildProcess> start(std::vector<std::string> words) {
    words.insert(words.begin(), {"--out", logs_});
    return std::make_unique<ChildProcess>(generate_main, words, directory_ / "stdout",
                                          directory_ / "stderr");
  }
  int run(std::vector<std::string> words) { return start(std::move(words))->wait(); }
  std::string message() const {
    return file_content(directory_ / "stdout") + file_content(directory_ / "stderr");
  }
  Ledger ledger() const {
    auto read = read_ledger(logs_ + "/ledger.json");
    EXPECT_TRUE(read.ok());
    return read.ok() ? *read : Ledger{};
  }
  // What a perfect shipper of all files would deliver.
  VerifyReport verify() const {
    Verifier verifier;
    EXPECT_TRUE(
        read_stored_lines(logs_, logs_ + "/ledger.json", TornEnd::kIsALine, &verifier).ok());
    const Ledger written = ledger();
    return verifier.report(&written);
  }
  size_t files() const {
    return static_cast<size_t>(std::distance(std::filesystem::directory_iterator(logs_),
                                             std::filesystem::directory_iterator{}));
  }

  TemporaryDirectory directory_;
  const std::string logs_ = directory_ / "logs";
};

TEST_F(GenerateTest, EveryShapeStopsAtItsBoundAndMatchesItsLedger) {
  for (const char* shape : {"nginx", "json", "short", "java", "long", "utf8"}) {
    std::filesystem::remove_all(logs_);
    ASSERT_EQ(run({"--shape", shape, "--bytes", "3MiB", "--files", "3"}), 0) << message();
    const VerifyReport report = verify();
    EXPECT_TRUE(report.is_complete()) << report.text();
    EXPECT_EQ(report.duplicate, 0u);
    EXPECT_GE(report.bytes, 3u << 20);
    EXPECT_LT(report.bytes, 4u << 20);
    EXPECT_EQ(report.streams.size(), 3u);
  }
}

TEST_F(GenerateTest, StopsAtExactlyTheLinesAsked) {
  ASSERT_EQ(run({"--lines", "1234", "--files", "2"}), 0);
  EXPECT_EQ(ledger().lines(), 1234u);
  EXPECT_EQ(verify().unique, 1234u);
}

// Thousands of files that stay empty are no trial of thousands of files.
TEST_F(GenerateTest, EveryFileGetsItsShare) {
  for (const char* bound : {"--lines=300", "--bytes=100KiB"}) {
    EXPECT_EQ(run({"--files", "100", bound, "--shape", "nginx"}), 0);
    for (const auto& entry : std::filesystem::directory_iterator(logs_)) {
      EXPECT_GT(entry.file_size(), 0u) << entry.path();
    }
    std::filesystem::remove_all(logs_);
  }
}

TEST_F(GenerateTest, ASecondRunContinuesTheFilesAndTheLedger) {
  ASSERT_EQ(run({"--lines", "100", "--files", "2"}), 0);
  ASSERT_EQ(run({"--lines", "50"}), 0);
  EXPECT_EQ(ledger().lines(), 150u);
  EXPECT_TRUE(verify().is_complete()) << verify().text();
}

TEST_F(GenerateTest, WillNotWriteIntoFilesWithoutALedger) {
  std::filesystem::create_directories(logs_);
  write_file(logs_ + "/stream-0000.log", "precious\n");
  EXPECT_EQ(run({"--lines", "10"}), 1);
  EXPECT_NE(message().find("choose another --out"), std::string::npos) << message();
  EXPECT_EQ(file_content(logs_ + "/stream-0000.log"), "precious\n");
}

TEST_F(GenerateTest, RenamesAndKeepsAsManyAsAsked) {
  ASSERT_EQ(run({"--bytes", "10MB", "--rotate", "rename", "--rotate-bytes", "1MiB"}), 0);
  EXPECT_GE(files(), 9u);
  EXPECT_TRUE(verify().is_complete()) << verify().text();
  std::filesystem::remove_all(logs_);
  ASSERT_EQ(run({"--bytes", "10MB", "--rotate", "rename", "--rotate-bytes", "1MiB", "--keep", "2"}),
            0);
  EXPECT_EQ(files(), 4u);  // the file, .1, .2 and the ledger
}

TEST_F(GenerateTest, CopyTruncateLosesNothingThatWasWrittenBeforeTheCopy) {
  ASSERT_EQ(run({"--bytes", "5MB", "--rotate", "copytruncate", "--rotate-bytes", "1MiB", "--settle",
                 "1ms"}),
            0);
  EXPECT_GE(files(), 5u);
  EXPECT_TRUE(verify().is_complete()) << verify().text();
  EXPECT_EQ(verify().missing_raced, 0u);
}

TEST_F(GenerateTest, RacedLinesAreLostAndTheLedgerSaysWhich) {
  ASSERT_EQ(run({"--bytes", "5MB", "--rotate", "copytruncate", "--rotate-bytes", "1MiB", "--race"}),
            0);
  const VerifyReport report = verify();
  EXPECT_GE(report.missing_raced, 8u);
  EXPECT_EQ(report.missing, 0u) << report.text();
}

TEST_F(GenerateTest, AStackTraceIsNotCutByARotation) {
  ASSERT_EQ(
      run({"--shape", "java", "--bytes", "5MB", "--rotate", "rename", "--rotate-bytes", "200KB"}),
      0);
  for (const auto& entry : std::filesystem::directory_iterator(logs_)) {
    const std::string content = file_content(entry.path().string());
    EXPECT_NE(content.substr(0, 1), "\t") << entry.path();
    EXPECT_NE(content.substr(0, 4), "Caus") << entry.path();
  }
}

TEST_F(GenerateTest, ASecondRunContinuesAlsoFilesThatGotNoLineYet) {
  ASSERT_EQ(run({"--files", "4", "--lines", "3"}), 0);
  ASSERT_EQ(file_content(logs_ + "/stream-0003.log"), "");
  EXPECT_EQ(run({"--files", "4", "--bytes", "2MiB"}), 0) << message();
  EXPECT_NE(file_content(logs_ + "/stream-0003.log"), "");
  EXPECT_TRUE(verify().is_complete()) << verify().text();
}

TEST_F(GenerateTest, LiveModeWritesEvenlyAndStampsTheTimeOfWriting) {
  ASSERT_EQ(run({"--rate", "500lines/s", "--duration", "1s", "--files", "2"}), 0);
  EXPECT_NEAR(static_cast<double>(ledger().lines()), 500, 60);
  std::istringstream lines(file_content(logs_ + "/stream-0000.log"));
  std::vector<int64_t> stamps;
  for (std::string line; std::getline(lines, line);) {
    stamps.push_back(read_token(line).token.stamp_ns);
  }
  ASSERT_GT(stamps.size(), 200u);
  EXPECT_TRUE(std::is_sorted(stamps.begin(), stamps.end()));
  const int64_t half = stamps[stamps.size() / 2] - stamps.front();
  EXPECT_NEAR(static_cast<double>(half), 0.5e9, 0.2e9);
}

TEST_F(GenerateTest, ARateInBytesIsKept) {
  ASSERT_EQ(run({"--rate", "20MB/s", "--duration", "500ms"}), 0);
  EXPECT_NEAR(static_cast<double>(ledger().bytes()), 10e6, 1e6);
  EXPECT_TRUE(verify().is_complete());
}

TEST_F(GenerateTest, ASignalEndsTheRunWithAWholeLedger) {
  auto generator = start({"--rate", "2000lines/s", "--duration", "1h"});
  ASSERT_TRUE(eventually([&] { return file_content(logs_ + "/stream-0000.log").size() > 10'000; }));
  generator->signal(SIGTERM);
  EXPECT_EQ(generator->wait(), 0);
  EXPECT_TRUE(verify().is_complete()) << verify().text();
}

TEST_F(GenerateTest, BadFlagsExitWith78AndNameWhatWasExpected) {
  EXPECT_EQ(run({"--shape", "apache", "--lines", "1"}), 78);
  EXPECT_NE(message().find("none of nginx, json"), std::string::npos) << message();
  EXPECT_EQ(run({}), 78);
  EXPECT_NE(message().find("--bytes, --lines or --duration"), std::string::npos) << message();
  EXPECT_EQ(run({"--lines", "1", "--rotate", "rename"}), 78);
  EXPECT_EQ(run({"--rate", "fast", "--lines", "1"}), 78);
  EXPECT_NE(message().find("10MB/s or 1000lines/s"), std::string::npos) << message();
  EXPECT_EQ(run({"-help"}), 0);
}

TEST(Amounts, AreReadAsPeopleWriteThem) {
  EXPECT_EQ(read_bytes_text("64KiB"), 64_KiB);
  EXPECT_EQ(read_bytes_text("10MB"), Bytes(10'000'000));
  EXPECT_EQ(read_bytes_text("1.5 GiB"), Bytes(3'221'225'472 / 2));
  EXPECT_EQ(read_bytes_text("4096"), 4_KiB);
  EXPECT_EQ(read_bytes_text("lots"), std::nullopt);
  EXPECT_EQ(read_bytes_text("-1"), std::nullopt);
  EXPECT_EQ(read_bytes_text(""), std::nullopt);
  EXPECT_EQ(read_duration_text("500ms"), 500_ms);
  EXPECT_EQ(read_duration_text("2m"), 120_s);
  EXPECT_EQ(read_duration_text("2"), std::nullopt);
  EXPECT_EQ(read_write_rate_text("1000lines/s")->per_second, 1000);
  EXPECT_EQ(read_write_rate_text("10MB/s")->per_second, 1e7);
  EXPECT_FALSE(read_write_rate_text("10MB").has_value());
  EXPECT_FALSE(read_write_rate_text("0lines/s").has_value());
}

TEST(ArgumentSpelling, LongFlagsMayHaveOneDash) {
  std::string words[] = {"-listen", "x:0", "-h", "--out", "-5", "-fault=a", "--", "-raw"};
  std::vector<char*> args;
  for (std::string& word : words) args.push_back(word.data());
  auto read = reversed_two_dash_words(args);
  std::reverse(read.begin(), read.end());
  EXPECT_EQ(read, (std::vector<std::string>{"--listen", "x:0", "-h", "--out", "-5", "--fault=a",
                                            "--", "-raw"}));
}

}  // namespace
}  // namespace sluice
