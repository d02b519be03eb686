// SPDX-License-Identifier: Apache-2.0
// The rows LIN of the catalogue of scenarios that a shard decides by itself: bytes as a writer
// leaves them in a file, and the records that they become. The same rows on the real binary are in
// tests/e2e/test_lines.py.
#include <random>

#include "line_stand.h"

namespace sluice {
namespace {

using namespace literals;
using Strings = std::vector<std::string>;

// Splits a text into pieces at random places and writes one after the other.
void write_in_pieces(LineStand& stand, std::string_view text, std::mt19937& random,
                     size_t piece_max) {
  while (!text.empty()) {
    const size_t size = std::min<size_t>(text.size(), 1 + random() % piece_max);
    stand.write(text.substr(0, size));
    text.remove_prefix(size);
  }
}

TEST(Lines, LIN_1_ALineThatIsWrittenByteByByteIsOneRecord) {
  LineStand stand;
  for (const char byte : std::string_view("one line, slowly\n")) {
    EXPECT_TRUE(stand.records.empty());
    stand.write({&byte, 1});
    stand.pass(300_ms);
  }
  EXPECT_EQ(stand.lines(), Strings{"one line, slowly"});
}

TEST(Lines, LIN_2_ALineWithoutItsNewlineWaitsHoweverLongAndComesOnce) {
  LineStand stand;
  stand.write("first\nsecond, unfinished");
  stand.pass(600_s);
  EXPECT_EQ(stand.lines(), Strings{"first"});
  stand.write("\n");
  EXPECT_EQ(stand.lines(), (Strings{"first", "second, unfinished"}));
  EXPECT_FALSE(stand.records.back().partial);
}

TEST(Lines, LIN_3_AnUnfinishedLastLineOfARotatedFileComesOnceAfterTheGraceAndMarked) {
  LineStand stand;
  stand.write("whole\nunfinished");
  stand.rotate();
  stand.pass(4_s);
  EXPECT_EQ(stand.lines(), Strings{"whole"}) << "its writer may still finish it";
  stand.pass(2_s);
  EXPECT_EQ(stand.lines(), (Strings{"whole", "unfinished"}));
  EXPECT_TRUE(stand.records.back().partial);
  stand.pass(60_s);
  EXPECT_EQ(stand.records.size(), 2U);
  EXPECT_EQ(stand.metrics().partial_lines.get(), 1);
}

TEST(Lines, LIN_3_ALineThatIsFinishedWithinTheGraceAfterRotationIsWhole) {
  LineStand stand;
  stand.write("unfin");
  stand.rotate();
  stand.pass(3_s);
  stand.write("ished\n");
  stand.pass(60_s);
  ASSERT_EQ(stand.lines(), Strings{"unfinished"});
  EXPECT_FALSE(stand.records.back().partial);
}

TEST(Lines, LIN_4_AnUnfinishedLineAtTheStopIsOneWholeRecordAfterTheRestart) {
  LineStand stand;
  stand.write("one\ntwo, unfin");
  stand.restart();
  stand.write("ished\nthree\n");
  EXPECT_EQ(stand.lines(), (Strings{"one", "two, unfinished", "three"}));
}

TEST(Lines, LIN_5_CarriageReturnsAreStrippedOrKeptButNeverHalf) {
  const std::string text = "one\r\n\r\n\r\r\ntwo\rtwo\r\nthree\nfour\r\r\n";
  const Strings stripped = {"one", "", "\r", "two\rtwo", "three", "four\r"};
  const Strings kept = {"one\r", "\r", "\r\r", "two\rtwo\r", "three", "four\r\r"};
  for (const bool strip : {true, false}) {
    // Cut by the writer at every place, so that each newline is once in another read than its CR.
    for (size_t cut = 0; cut <= text.size(); ++cut) {
      LineStand stand({.strip_cr = strip});
      stand.write(text.substr(0, cut));
      stand.write(text.substr(cut));
      ASSERT_EQ(stand.lines(), strip ? stripped : kept) << "cut at " << cut;
    }
  }
}

TEST(Lines, LIN_5_ABlockThatEndsBetweenCarriageReturnAndNewlineLosesNeither) {
  // The first read of 256 KiB ends right behind the carriage return.
  const std::string line(kBlockBytes - 1, 'x');
  LineStand stand({.line_bytes_max = 1 << 20});
  stand.write(line + "\r\nnext\r\n");
  EXPECT_EQ(stand.lines(), (Strings{line, "next"}));
}

TEST(Lines, LIN_6_EmptyLinesAreRecordsAndAMillionOfThemEndsAtTheFilesSize) {
  constexpr size_t kLines = 1'000'000;
  LineStand stand({.soft_limit = 1 << 20});
  stand.write(std::string(kLines, '\n'));
  EXPECT_EQ(stand.records.size(), kLines);
  EXPECT_EQ(stand.acked(), FileOffset(kLines));
  EXPECT_TRUE(std::all_of(stand.records.begin(), stand.records.end(),
                          [](const SeenRecord& record) { return record.line.empty(); }));
  const int64_t reads = stand.reads();
  stand.pass(60_s);
  EXPECT_LE(stand.reads(), reads + 3) << "it rests";
}

TEST(Lines, LIN_7_ALineOfTheBoundIsWholeAndLongerOnesComeInMarkedPiecesThatAreAllOfIt) {
  constexpr size_t kMax = 1'000;
  for (const size_t size : {kMax - 1, kMax, kMax + 1, 10 * kMax, 10 * kMax + 1}) {
    std::string line;
    while (line.size() < size) line += std::to_string(line.size()) + " ";
    line.resize(size);
    LineStand stand({.line_bytes_max = kMax});
    stand.write("before\n" + line + "\nafter\n");
    ASSERT_GE(stand.records.size(), 3U);
    EXPECT_EQ(stand.records.front(), (SeenRecord{.line = "before"}));
    EXPECT_EQ(stand.records.back(), (SeenRecord{.line = "after"}));
    std::string joined;
    for (size_t i = 1; i + 1 < stand.records.size(); ++i) {
      EXPECT_EQ(stand.records[i].partial, size > kMax);
      joined += stand.records[i].line;
    }
    EXPECT_EQ(joined, line);
    EXPECT_EQ(stand.records.size() - 2, (size + kMax - 1) / kMax);
    EXPECT_EQ(stand.metrics().split_lines.get(), size > kMax ? (size - 1) / kMax : 0);
  }
}

TEST(Lines, LIN_7_APieceIsMarkedAfterARestartInTheMiddleOfItsLineToo) {
  const std::string line(2'500, 'y');
  LineStand stand({.line_bytes_max = 1'000});
  stand.write(line.substr(0, 1'200));
  ASSERT_EQ(stand.records.size(), 1U);
  stand.restart();
  stand.write(line.substr(1'200) + "\nafter\n");
  ASSERT_EQ(stand.records.size(), 4U);
  EXPECT_TRUE(stand.records[0].partial && stand.records[1].partial && stand.records[2].partial);
  EXPECT_EQ(stand.records[0].line + stand.records[1].line + stand.records[2].line, line);
  EXPECT_FALSE(stand.records[3].partial);
}

TEST(Lines, LIN_9_NewlinesAtEveryPlaceOfABlocksEdgeCutTheSameLines) {
  for (size_t distance = 0; distance <= 130; ++distance) {
    const std::string first(kBlockBytes - 65 + distance, 'a');
    const std::string second(distance, 'b');
    LineStand stand({.soft_limit = 600'000, .line_bytes_max = 1 << 20});
    stand.write(first + "\n" + second + "\n\nlast\n");
    ASSERT_EQ(stand.lines(), (Strings{first, second, "", "last"})) << distance;
  }
}

TEST(Lines, LIN_10_ANulInALineIsKeptAndSplitsNothing) {
  LineStand stand;
  stand.write(std::string_view("a\0b\0\n\0\nc\n", 9));
  EXPECT_EQ(stand.lines(),
            (Strings{std::string("a\0b\0", 4), std::string("\0", 1), std::string("c")}));
}

TEST(Lines, LIN_11_InvalidUtf8BecomesReplacementsAndItsNeighboursAreIntact) {
  LineStand stand;
  const Strings bad = {"lone \x80", "overlong \xC0\xAF", "surrogate \xED\xA0\x80",
                       "too high \xF4\x90\x80\x80", "cut \xE2\x82"};
  std::string text = "before\n";
  for (const std::string& line : bad) text += line + "\n";
  stand.write(text + "after \xE2\x82\xAC\n");
  const std::string r = "\xEF\xBF\xBD";
  EXPECT_EQ(stand.lines(),
            (Strings{"before", "lone " + r, "overlong " + r + r, "surrogate " + r + r + r,
                     "too high " + r + r + r + r, "cut " + r, "after \xE2\x82\xAC"}));
  EXPECT_EQ(stand.metrics().replaced_sequences.get(), 11);
}

TEST(Lines, LIN_12_ACharacterOfFourBytesOverTheEndOfAReadIsUnchanged) {
  for (size_t shift = 0; shift < 5; ++shift) {
    std::string line(shift, 'x');
    while (line.size() < kBlockBytes + 100) line += "\xF0\x9F\x8C\x8A";
    LineStand stand({.soft_limit = 600'000, .line_bytes_max = 1 << 20});
    stand.write("a\n" + line + "\nb\n");
    ASSERT_EQ(stand.lines(), (Strings{"a", line, "b"}));
    EXPECT_EQ(stand.metrics().replaced_sequences.get(), 0);
  }
}

TEST(Lines, LIN_13_AByteOrderMarkGoesAtTheBeginningAndStaysInTheMiddle) {
  const std::string mark = "\xEF\xBB\xBF";
  LineStand stand;
  stand.write(mark + "first\n" + mark + "second\nthi" + mark + "rd\n");
  EXPECT_EQ(stand.lines(), (Strings{"first", mark + "second", "thi" + mark + "rd"}));
}

TEST(Lines, LIN_13_AByteOrderMarkGoesAgainAfterATruncation) {
  const std::string mark = "\xEF\xBB\xBF";
  LineStand stand;
  stand.write(mark + "first, long enough to be missed\n");
  stand.truncate(mark + "again\n" + mark + "kept\n");
  EXPECT_EQ(stand.lines(), (Strings{"first, long enough to be missed", "again", mark + "kept"}));
}

TEST(Lines, LIN_13_AFileOfAMarkAloneOrOfAPartOfItIsWhatItIs) {
  LineStand stand;
  stand.write("\xEF\xBB");
  stand.write("\xBF");
  stand.write("\n");
  EXPECT_EQ(stand.lines(), Strings{""});
  LineStand short_one;
  short_one.write("\xEF\n\xBB\xBF\n");
  EXPECT_EQ(short_one.records.size(), 2U);
  EXPECT_EQ(short_one.metrics().replaced_sequences.get(), 3);
}

TEST(Lines, LIN_15_QuotesControlsAndSeparatorsComeBackAsTheyWere) {
  std::string line;
  for (int byte = 0; byte < 128; ++byte) {
    if (byte != '\n' && byte != '\r') line += static_cast<char>(byte);
  }
  line += "\\\\\"\" \x1B[31m \xE2\x80\xA8 \xE2\x80\xA9 \\u0041 \\n end";
  for (size_t shift = 0; shift < 70; ++shift) {
    LineStand stand;
    const std::string moved = std::string(shift, '"') + line;
    stand.write(moved + "\n");
    ASSERT_EQ(stand.lines(), Strings{moved});
  }
}

TEST(Lines, AnyWayOfWritingAndRestartingGivesTheSameLinesOnce) {
  std::mt19937 random(11);
  for (int round = 0; round < 30; ++round) {
    Strings expected;
    std::string text;
    for (int i = 0; i < 60; ++i) {
      std::string line;
      for (size_t size = random() % 40; size > 0; --size)
        line +=
            static_cast<char>(random() % 5 == 0 ? "\r\"\\\t"[random() % 4] : 'a' + random() % 26);
      if (!line.empty() && line.back() == '\r') line.back() = '.';
      expected.push_back(line);
      text += line + (random() % 2 == 0 ? "\r\n" : "\n");
    }
    LineStand stand({.soft_limit = 500, .line_bytes_max = 50});
    for (size_t at = 0; at < text.size();) {
      const size_t size = std::min<size_t>(text.size() - at, 1 + random() % 200);
      write_in_pieces(stand, std::string_view(text).substr(at, size), random, 30);
      at += size;
      if (random() % 3 == 0) stand.restart();
    }
    ASSERT_EQ(stand.lines(), expected);
  }
}

}  // namespace
}  // namespace sluice
