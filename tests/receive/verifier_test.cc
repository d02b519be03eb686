// SPDX-License-Identifier: Apache-2.0
#include "receive/verifier.h"

#include <gtest/gtest.h>

#include <simdjson.h>

#include "receive/generated_stream.h"
#include "receive/stored_files.h"
#include "temporary_directory.h"

namespace sluice {
namespace {

constexpr int64_t kStamp = 1'790'000'000'000'000'000;

class VerifierTest : public ::testing::Test {
 protected:
  // The next `count` lines of the stream.
  std::vector<std::string> write(int count) {
    std::vector<std::string> lines;
    std::string buffer(script_.longest_line() + 1, '\0');
    for (int i = 0; i < count; ++i) {
      const size_t length = stream_.write_line(buffer.data(), kStamp);
      lines.push_back(buffer.substr(0, length - 1));
    }
    return lines;
  }
  void take(const std::vector<std::string>& lines) {
    for (const std::string& line : lines) verifier_.take(line, WallTime(kStamp + 5'000'000));
  }
  VerifyReport report() {
    Ledger ledger;
    ledger.streams.push_back(stream_.ledger());
    return verifier_.report(&ledger);
  }

  const LineScript script_{LineShape::kNginx, 1};
  GeneratedStream stream_{script_, LedgerStream{3, "s", 0, 0, 0, {}}};
  Verifier verifier_;
};

TEST_F(VerifierTest, AllLinesOnceIsComplete) {
  take(write(1000));
  const VerifyReport verdict = report();
  EXPECT_TRUE(verdict.is_complete());
  EXPECT_EQ(verdict.unique, 1000u);
  EXPECT_EQ(verdict.duplicate + verdict.missing + verdict.damaged + verdict.ghost, 0u);
  EXPECT_EQ(verdict.bytes, stream_.ledger().bytes);
  EXPECT_NEAR(static_cast<double>(verdict.latency_p99.value), 5e6, 1e5);
}

TEST_F(VerifierTest, AMissingLineIsNamedEvenAtTheEnd) {
  auto lines = write(1000);
  lines.pop_back();
  lines.erase(lines.begin() + 42);
  take(lines);
  const VerifyReport verdict = report();
  EXPECT_FALSE(verdict.is_complete());
  EXPECT_EQ(verdict.missing, 2u);
  EXPECT_EQ(verdict.streams.at(0).missing_first, (std::vector<uint64_t>{42, 999}));
  // Without a ledger only the gap can be known.
  EXPECT_EQ(verifier_.report(nullptr).missing, 1u);
}

TEST_F(VerifierTest, ADuplicateDoesNotHideALoss) {
  auto lines = write(100);
  lines[7] = lines[8];
  take(lines);
  const VerifyReport verdict = report();
  EXPECT_EQ(verdict.duplicate, 1u);
  EXPECT_EQ(verdict.missing, 1u);
  EXPECT_FALSE(verdict.is_complete());
}

TEST_F(VerifierTest, DuplicatesAloneAreStillComplete) {
  const auto lines = write(100);
  take(lines);
  take(lines);
  EXPECT_TRUE(report().is_complete());
  EXPECT_EQ(report().duplicate, 100u);
}

TEST_F(VerifierTest, ATornLineIsDamagedAndMissing) {
  auto lines = write(10);
  lines[3].resize(20);
  lines.push_back("not from the generator");
  take(lines);
  const VerifyReport verdict = report();
  EXPECT_EQ(verdict.damaged, 2u);
  EXPECT_EQ(verdict.without_token, 2u);
  EXPECT_EQ(verdict.missing, 1u);
  EXPECT_EQ(verdict.damaged_samples.at(1), "not from the generator");
}

TEST_F(VerifierTest, LinesThatTheLedgerDoesNotKnowAreGhosts) {
  take(write(10));
  Ledger ledger;
  ledger.streams.push_back(stream_.ledger());
  take(write(5));
  const VerifyReport verdict = verifier_.report(&ledger);
  EXPECT_EQ(verdict.unique, 10u);
  EXPECT_EQ(verdict.ghost, 5u);
  EXPECT_FALSE(verdict.is_complete());
}

TEST_F(VerifierTest, RacedLinesMayBeLost) {
  auto lines = write(10);
  stream_.note_raced(4, 6);
  lines.erase(lines.begin() + 5);
  take(lines);
  const VerifyReport verdict = report();
  EXPECT_EQ(verdict.missing, 0u);
  EXPECT_EQ(verdict.missing_raced, 1u);
  EXPECT_TRUE(verdict.is_complete());
}

TEST_F(VerifierTest, AStreamThatNeverArrivedIsMissing) {
  write(10);
  EXPECT_EQ(report().missing, 10u);
}

TEST_F(VerifierTest, TheJsonReportIsJsonWhateverTheDamagedLineHolds) {
  take(write(3));
  take({"broken \xff \x01 \" \\ line"});
  simdjson::dom::parser parser;
  simdjson::dom::element document;
  ASSERT_EQ(parser.parse(report().json()).get(document), simdjson::SUCCESS) << report().json();
  EXPECT_EQ(uint64_t{document["damaged"]}, 1u);
  EXPECT_EQ(bool{document["complete"]}, false);
}

TEST_F(VerifierTest, StoredFilesAreReadWithLinesAcrossBlocks) {
  const TemporaryDirectory directory;
  std::filesystem::create_directories(directory / "host");
  std::string content;
  for (const std::string& line : write(20'000)) content += line + "\n";
  ASSERT_GT(content.size(), 2u << 20);
  write_file(directory / "host/file", content);
  write_file(directory / ".keys", "not a line");
  write_file(directory / "ledger.json", "not a line either");
  ASSERT_TRUE(
      read_stored_lines(directory.path(), directory / "ledger.json", TornEnd::kIsALine, &verifier_)
          .ok());
  EXPECT_TRUE(report().is_complete());
  EXPECT_FALSE(read_stored_lines(directory / "absent", "", TornEnd::kIsALine, &verifier_).ok());
}

TEST(SequenceSet, KnowsEachNumberOnce) {
  SequenceSet set;
  EXPECT_TRUE(set.insert(0));
  EXPECT_TRUE(set.insert(32'767));
  EXPECT_TRUE(set.insert(32'768));
  EXPECT_FALSE(set.insert(32'767));
  EXPECT_EQ(set.count(), 3u);
  EXPECT_EQ(set.end(), 32'769u);
  EXPECT_FALSE(set.contains(1));
  EXPECT_FALSE(set.contains(1'000'000));
  EXPECT_EQ(set.absent(0, 32'769, 2), (std::vector<uint64_t>{1, 2}));
}

TEST(LatencyHistogram, PercentilesAreWithinTwoPercent) {
  LatencyHistogram histogram;
  for (int i = 1; i <= 100'000; ++i) histogram.add(Duration(i * 1000));
  EXPECT_NEAR(static_cast<double>(histogram.percentile(0.5).value), 50e6, 1e6);
  EXPECT_NEAR(static_cast<double>(histogram.percentile(0.99).value), 99e6, 2e6);
  EXPECT_EQ(histogram.percentile(1).value, 100'000'000);
  EXPECT_EQ(histogram.max().value, 100'000'000);
}

TEST(LatencyHistogram, TakesZeroNegativeAndHugeValues) {
  LatencyHistogram histogram;
  EXPECT_EQ(histogram.percentile(0.5).value, 0);
  histogram.add(Duration(-5));
  histogram.add(Duration(0));
  EXPECT_EQ(histogram.percentile(0.99).value, 0);
  histogram.add(Duration(INT64_MAX));
  EXPECT_GT(histogram.percentile(1).value, 4'000'000'000'000);
}

TEST(Ledger, SurvivesWritingAndReading) {
  const TemporaryDirectory directory;
  Ledger ledger;
  ledger.shape = "nginx";
  ledger.seed = 9;
  ledger.streams.push_back(LedgerStream{1, "/a \"b\".log", 10, 100, 0xfedcba9876543210, {{1, 2}}});
  ledger.streams.push_back(LedgerStream{2, "c", 0, 0, 0, {}});
  ASSERT_TRUE(write_ledger(ledger, directory / "l.json").ok());
  auto read = read_ledger(directory / "l.json");
  ASSERT_TRUE(read.ok()) << read.error().message();
  EXPECT_EQ(ledger_text(*read), ledger_text(ledger));
  EXPECT_EQ(read->streams[0].hash_sum, 0xfedcba9876543210);
  EXPECT_EQ(read->streams[0].raced.at(0).second, 2u);
}

TEST(Ledger, RefusesOtherVersionsAndDamage) {
  EXPECT_FALSE(parse_ledger("").ok());
  EXPECT_FALSE(parse_ledger("{\"version\":1}").ok());
  EXPECT_EQ(parse_ledger("{\"version\":2,\"shape\":\"x\",\"seed\":1,\"streams\":[]}").error().code,
            Errc::kUnsupported);
  EXPECT_TRUE(parse_ledger("{\"version\":1,\"shape\":\"x\",\"seed\":1,\"streams\":[]}").ok());
}

}  // namespace
}  // namespace sluice
