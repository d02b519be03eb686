// SPDX-License-Identifier: Apache-2.0
// The rows LIN-14 and LIN-16: files in other encodings, and logs of container runtimes.
#include <random>

#include "line_stand.h"

namespace sluice {
namespace {

using namespace literals;
using Strings = std::vector<std::string>;

constexpr LineForm kUtf16Le{LineFormat::kText, TextEncoding::kUtf16Le};
constexpr LineForm kUtf16Be{LineFormat::kText, TextEncoding::kUtf16Be};
constexpr LineForm kLatin1{LineFormat::kText, TextEncoding::kLatin1};
constexpr LineForm kCri{LineFormat::kCri, TextEncoding::kUtf8};
constexpr LineForm kDocker{LineFormat::kDocker, TextEncoding::kUtf8};

std::string wide(std::u16string_view text, LineForm form) {
  std::string bytes;
  for (const char16_t unit : text) {
    const char low = static_cast<char>(unit & 0xFF), high = static_cast<char>(unit >> 8);
    const bool little = form.encoding == TextEncoding::kUtf16Le;
    bytes += little ? low : high;
    bytes += little ? high : low;
  }
  return bytes;
}

std::string cri(const std::string& stream, const std::string& tag, const std::string& text) {
  return "2026-11-22T20:17:43.123456789Z " + stream + " " + tag + " " + text + "\n";
}

std::string docker(const std::string& stream, const std::string& escaped) {
  return R"({"log":")" + escaped + R"(","stream":")" + stream +
         R"(","time":"2026-11-22T20:17:43.123456789Z"})" + "\n";
}

class WideLines : public testing::TestWithParam<LineForm> {
 protected:
  std::string bytes(std::u16string_view text) const { return wide(text, GetParam()); }
};
INSTANTIATE_TEST_SUITE_P(Lines, WideLines, testing::Values(kUtf16Le, kUtf16Be));

TEST_P(WideLines, LIN_14_Utf16ThatIsConfiguredComesAsUtf8WhereverItIsCut) {
  // U+0A0A and U+0A00 hold the byte of a newline, U+000D and U+0D0A that of a carriage return.
  const std::u16string text =
      u"\uFEFFfirst\r\n\n\u0A0A\u0A00\u000B\u0D0A \u65E5\u672C \U0001F30A\r\nquote \" \\ \u0007\n";
  const std::string all = bytes(text);
  const Strings expected = {"first", "", "\u0A0A\u0A00\u000B\u0D0A \u65E5\u672C \U0001F30A",
                            "quote \" \\ \a"};
  for (size_t cut = 0; cut <= all.size(); ++cut) {
    LineStand stand({.form = GetParam()});
    stand.write(all.substr(0, cut));
    stand.restart();
    stand.write(all.substr(cut));
    ASSERT_EQ(stand.records.size(), 4U) << cut;
    ASSERT_EQ(stand.lines(), expected) << cut;
    ASSERT_EQ(stand.acked(), FileOffset(static_cast<int64_t>(all.size())));
    ASSERT_EQ(stand.metrics().replaced_sequences.get(), 0);
  }
}

TEST_P(WideLines, LIN_14_SurrogatesWithoutTheirOtherHalfAreReplacedAndCounted) {
  const char16_t text[] = {u'a', 0xD83D, u'b', 0xDF0A, u'c', 0xD83D, u'\n', u'o', u'k', u'\n'};
  LineStand stand({.form = GetParam()});
  stand.write(bytes({text, std::size(text)}));
  EXPECT_EQ(stand.lines(), (Strings{"a\uFFFDb\uFFFDc\uFFFD", "ok"}));
  EXPECT_EQ(stand.metrics().replaced_sequences.get(), 3);
}

TEST_P(WideLines, LIN_14_LongLinesAreSplitBetweenCharactersAndMarked) {
  std::u16string line;
  std::string expected;
  for (int i = 0; i < 60; ++i) {
    line += i % 3 == 0 ? u"x" : u"\U0001F30A";
    expected += i % 3 == 0 ? "x" : "\U0001F30A";
  }
  for (size_t max = 8; max < 30; ++max) {
    LineStand stand({.line_bytes_max = max, .form = GetParam()});
    stand.write(bytes(line + u"\nok\n"));
    std::string joined;
    for (size_t i = 0; i + 1 < stand.records.size(); ++i) {
      EXPECT_TRUE(stand.records[i].partial);
      joined += stand.records[i].line;
    }
    ASSERT_EQ(joined, expected) << max;
    ASSERT_EQ(stand.records.back(), (SeenRecord{.line = "ok"}));
    ASSERT_EQ(stand.metrics().replaced_sequences.get(), 0);
  }
}

TEST_P(WideLines, LIN_14_ALineOfExactlyTheBoundIsWhole) {
  for (const size_t units : {9U, 10U, 11U}) {
    LineStand stand({.line_bytes_max = 20, .form = GetParam()});
    stand.write(bytes(std::u16string(units, u'x') + u"\nok\n"));
    EXPECT_EQ(stand.records.front().partial, units > 10);
    EXPECT_EQ(stand.records.size(), units > 10 ? 3U : 2U);
  }
}

TEST_P(WideLines, LIN_14_AnUnfinishedLastLineComesMarkedAfterRotation) {
  LineStand stand({.form = GetParam()});
  stand.write(bytes(u"whole\nunfinished") + "z");
  stand.rotate();
  stand.pass(6_s);
  stand.pass(6_s);
  EXPECT_EQ(stand.lines(), (Strings{"whole", "unfinished\uFFFD"}));
  EXPECT_TRUE(stand.records.back().partial);
}

TEST_P(WideLines, LIN_14_AMarkIsRemovedAgainAfterATruncation) {
  LineStand stand({.form = GetParam()});
  stand.write(bytes(u"\uFEFFlong enough to be missed\n"));
  stand.truncate(bytes(u"\uFEFFagain\n\uFEFFkept\n"));
  EXPECT_EQ(stand.lines(), (Strings{"long enough to be missed", "again", "\uFEFFkept"}));
}

TEST(Lines, LIN_14_AFileBegunBehindHalfANewlineBeginsWithAWholeLine) {
  // `from: end` looks for the last newline by its byte.
  const std::string text = wide(u"old\nnew\n", kUtf16Le);
  LineStand stand({.form = kUtf16Le});
  stand.write("");
  LineStand late({.form = kUtf16Le});
  late.truncate(wide(u"old\n", kUtf16Le));
  late.records.clear();
  late.start_at(FileOffset(7));
  late.write(wide(u"new\nnewer\n", kUtf16Le));
  EXPECT_EQ(late.records, (std::vector<SeenRecord>{{.line = "new"}, {.line = "newer"}}));
}

TEST(Lines, LIN_14_Utf16ThatIsNotConfiguredIsValidJsonAndCounted) {
  LineStand stand;
  stand.write("\xFF\xFE" + wide(u"abc\ndef\n", kUtf16Le) + "plain\n");
  ASSERT_GE(stand.records.size(), 3U);
  EXPECT_EQ(stand.metrics().replaced_sequences.get(), 2);
  EXPECT_TRUE(stand.records.back().line.ends_with("plain"));
}

TEST(Lines, LIN_14_Latin1ComesAsUtf8) {
  LineStand stand({.form = kLatin1});
  stand.write("caf\xE9 \xA4\r\n\xFF\n");
  EXPECT_EQ(stand.lines(), (Strings{"caf\u00E9 \u00A4", "\u00FF"}));
  EXPECT_EQ(stand.metrics().replaced_sequences.get(), 0);
}

TEST(Lines, LIN_16_CriPartsAreJoinedWhereverTheFileIsCutAndTheAgentRestarted) {
  const std::string text = cri("stdout", "F", "plain") + cri("stdout", "P", "one \xF0\x9F") +
                           cri("stdout", "P", "\x8C\x8A, two") + cri("stdout", "F", ", three\r") +
                           cri("stderr", "F:tag", "") + cri("stderr", "F", " blank");
  const Strings expected = {"plain", "one \U0001F30A, two, three", "", " blank"};
  for (size_t cut = 0; cut <= text.size(); ++cut) {
    LineStand stand({.form = kCri});
    stand.write(text.substr(0, cut));
    stand.restart();
    stand.write(text.substr(cut));
    ASSERT_EQ(stand.lines(), expected) << cut;
    ASSERT_EQ(stand.records[1].stream, "stdout");
    ASSERT_EQ(stand.records[1].time, "2026-11-22T20:17:43.123456789Z");
    ASSERT_EQ(stand.records[2].stream, "stderr");
    ASSERT_FALSE(stand.records[1].partial);
    ASSERT_EQ(stand.metrics().unparsed_lines.get(), 0);
  }
}

TEST(Lines, LIN_16_DockerPartsAreJoinedWhereverTheFileIsCutAndTheAgentRestarted) {
  const std::string text = docker("stdout", R"(plain \u003ctag\u003e \"quoted\" \\\n)") +
                           docker("stdout", "one, ") + docker("stdout", R"(\ud83c\udf0a two\\n)") +
                           docker("stdout", R"(, three\r\n)") + docker("stderr", R"(\n)");
  const Strings expected = {"plain <tag> \"quoted\" \\", "one, \U0001F30A two\\n, three", ""};
  for (size_t cut = 0; cut <= text.size(); ++cut) {
    LineStand stand({.form = kDocker});
    stand.write(text.substr(0, cut));
    stand.restart();
    stand.write(text.substr(cut));
    ASSERT_EQ(stand.lines(), expected) << cut;
    ASSERT_EQ(stand.records[2].stream, "stderr");
    ASSERT_EQ(stand.metrics().unparsed_lines.get(), 0);
  }
}

TEST(Lines, LIN_16_PartsOfTwoStreamsThatLieInOneAnotherAreJoinedByStream) {
  LineStand stand({.form = kCri});
  stand.write(cri("stdout", "P", "out 1 ") + cri("stderr", "P", "err 1 ") +
              cri("stderr", "F", "err 2") + cri("stderr", "F", "err alone") +
              cri("stdout", "P", "out 2 ") + cri("stdout", "F", "out 3") +
              cri("stdout", "F", "next"));
  EXPECT_EQ(stand.lines(), (Strings{"err 1 err 2", "err alone", "out 1 out 2 out 3", "next"}));
  for (const SeenRecord& record : stand.records) EXPECT_FALSE(record.partial);
}

TEST(Lines, LIN_16_ARecordThatTheOtherStreamKeepsOpenForLongIsGivenInParts) {
  std::string text = cri("stdout", "P", "begins ");
  for (int i = 0; i < 30; ++i) text += cri("stderr", "F", std::to_string(i));
  LineStand stand({.soft_limit = 700, .form = kCri});
  stand.write(text + cri("stdout", "F", "ends"));
  std::vector<std::string> out;
  int next = 0;
  for (const SeenRecord& record : stand.records) {
    if (record.stream == "stdout") out.push_back(record.line);
    if (record.stream != "stderr") continue;
    EXPECT_EQ(record.line, std::to_string(next++));
  }
  EXPECT_EQ(next, 30);
  EXPECT_EQ(out, (Strings{"begins ", "ends"}));
}

TEST(Lines, LIN_16_ALineThatIsNotInTheFormatComesAsItIsAndIsCounted) {
  LineStand stand({.form = kCri});
  stand.write("no time stdout F text\n\n" + cri("stdin", "F", "x") + cri("stdout", "X", "y") +
              cri("stdout", "F", "good"));
  ASSERT_EQ(stand.records.size(), 5U);
  EXPECT_EQ(stand.records[0].line, "no time stdout F text");
  EXPECT_EQ(stand.records[1].line, "");
  EXPECT_EQ(stand.records[4].line, "good");
  EXPECT_EQ(stand.metrics().unparsed_lines.get(), 4);
  for (const char* line : {"{", "{}", R"({"log":"x\n"})", R"({"log":"\q\n","stream":"stdout"})",
                           R"({"log":"\u12"})", R"({"log":"x)", "text", R"({"log":{"a":[1,)"}) {
    LineStand bad({.form = kDocker});
    bad.write(std::string(line) + "\n" + docker("stdout", "good\\n"));
    EXPECT_EQ(bad.lines(), (Strings{line, "good"}));
    EXPECT_EQ(bad.metrics().unparsed_lines.get(), 1);
  }
}

TEST(Lines, LIN_16_DockerAttributesAndBlanksAndOtherOrdersAreRead) {
  LineStand stand({.form = kDocker});
  stand.write(R"({ "stream" : "stderr", "attrs":{"tag":"a\"}b","deep":[1,{"x":null}]},)"
              R"( "log":"text\n", "time":"2026-11-22T20:17:43Z" })"
              "\n");
  ASSERT_EQ(stand.records.size(), 1U);
  EXPECT_EQ(stand.records[0], (SeenRecord{"text", false, "stderr", "2026-11-22T20:17:43Z"}));
}

TEST(Lines, LIN_16_ARecordLongerThanTheBoundComesInMarkedPiecesThatAreAllOfIt) {
  for (size_t max = 150; max < 500; max += 7) {
    for (const bool restart : {false, true}) {
      std::string expected;
      std::string text = cri("stdout", "F", "before");
      for (int i = 0; i < 20; ++i) {
        const std::string part = "part " + std::to_string(i) + std::string(60, 'x');
        text += cri("stdout", i < 19 ? "P" : "F", part);
        expected += part;
      }
      LineStand stand({.line_bytes_max = max, .form = kCri});
      stand.write(text.substr(0, text.size() / 2));
      if (restart) stand.restart();
      stand.write(text.substr(text.size() / 2) + cri("stdout", "F", "after"));
      ASSERT_GE(stand.records.size(), 4U);
      EXPECT_EQ(stand.records.front().line, "before");
      EXPECT_EQ(stand.records.back().line, "after");
      EXPECT_FALSE(stand.records.front().partial || stand.records.back().partial);
      std::string joined;
      for (size_t i = 1; i + 1 < stand.records.size(); ++i) {
        EXPECT_TRUE(stand.records[i].partial);
        EXPECT_EQ(stand.records[i].stream, "stdout");
        joined += stand.records[i].line;
      }
      ASSERT_EQ(joined, expected) << max;
    }
  }
}

TEST(Lines, LIN_16_ALineOfTheFileLongerThanTheBoundLosesNothing) {
  const std::string longest(1'000, 'x');
  LineStand stand({.line_bytes_max = 100, .form = kCri});
  stand.write(cri("stdout", "F", "before") + cri("stdout", "F", longest) +
              cri("stdout", "F", "after"));
  EXPECT_EQ(stand.records.front().line, "before");
  EXPECT_EQ(stand.records.back(),
            (SeenRecord{"after", false, "stdout", "2026-11-22T20:17:43.123456789Z"}));
  std::string joined;
  for (size_t i = 1; i + 1 < stand.records.size(); ++i) joined += stand.records[i].line;
  EXPECT_EQ(joined, longest);
}

TEST(Lines, LIN_16_APartWhoseRestNeverComesIsGivenMarkedAfterRotation) {
  LineStand stand({.form = kCri});
  stand.write(cri("stdout", "F", "whole") + cri("stdout", "P", "begun, ") +
              "2026-11-22T20:17:43Z stdout F and brok");
  stand.rotate();
  stand.pass(3_s);
  EXPECT_EQ(stand.lines(), Strings{"whole"});
  stand.pass(3_s);
  EXPECT_EQ(stand.lines(), (Strings{"whole", "begun, and brok"}));
  EXPECT_TRUE(stand.records.back().partial);
}

TEST(Lines, LIN_16_AnyPartsInAnyPiecesWithAnyRestartsGiveTheSameRecordsOnce) {
  std::mt19937 random(16);
  for (int round = 0; round < 40; ++round) {
    const bool is_cri = round % 2 == 0;
    std::string text;
    Strings expected;
    for (int i = 0; i < 40; ++i) {
      std::string whole;
      const std::string stream = random() % 4 == 0 ? "stderr" : "stdout";
      for (size_t parts = 1 + random() % 4; parts > 0; --parts) {
        const std::string part(random() % 30, static_cast<char>('a' + random() % 26));
        whole += part;
        text += is_cri ? cri(stream, parts > 1 ? "P" : "F", part)
                       : docker(stream, part + (parts > 1 ? "" : "\\n"));
      }
      expected.push_back(whole);
    }
    LineStand stand({.soft_limit = 2'000, .line_bytes_max = 800, .form = is_cri ? kCri : kDocker});
    for (size_t at = 0; at < text.size();) {
      const size_t size = std::min<size_t>(text.size() - at, 1 + random() % 300);
      stand.write(std::string_view(text).substr(at, size));
      at += size;
      if (random() % 4 == 0) stand.restart();
    }
    ASSERT_EQ(stand.lines(), expected) << "round " << round;
    ASSERT_EQ(stand.acked(), FileOffset(static_cast<int64_t>(text.size())));
  }
}

}  // namespace
}  // namespace sluice
