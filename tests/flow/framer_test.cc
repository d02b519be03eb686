// SPDX-License-Identifier: Apache-2.0
#include "flow/split/framer.h"

#include <gtest/gtest.h>

#include <array>
#include <random>
#include <string>
#include <vector>

namespace sluice {
namespace {

std::span<const uint8_t> bytes(const std::string& text) {
  return {reinterpret_cast<const uint8_t*>(text.data()), text.size()};
}

struct Framed {
  std::vector<std::string> lines;  // pieces and unfinished lines end with '|' instead of '\n'
  size_t unfinished = 0;
};

// Reads `file` to its end as a tail does: through a window of `window` bytes that begins where the
// last cut ended, with an oversize window when the framer asks for one.
Framed read_all(const std::string& file, size_t window, const FrameRules& rules,
                size_t index_size) {
  Framed out;
  std::vector<uint32_t> ends(index_size);
  size_t position = 0;
  size_t room = window;
  for (int guard = 0; guard < 100'000; ++guard) {
    const std::string text = file.substr(position, room);
    const FrameCut cut = frame(bytes(text), text.size() < room, rules, ends);
    uint32_t begin = 0;
    for (uint32_t i = 0; i < cut.line_count; ++i) {
      std::string line = text.substr(begin, ends[i] - begin);
      if (cut.last_is_partial && i + 1 == cut.line_count) line += '|';
      out.lines.push_back(line);
      begin = ends[i];
    }
    EXPECT_EQ(begin, cut.bytes);
    position += cut.bytes;
    room = window;
    if (cut.next == FrameNext::kAwaitGrowth) {
      out.unfinished = cut.unfinished_bytes;
      EXPECT_EQ(position + out.unfinished, file.size());
      return out;
    }
    if (cut.next == FrameNext::kMoreRoom) room = rules.line_bytes_max + 64;
    EXPECT_TRUE(cut.bytes > 0 || cut.next == FrameNext::kMoreRoom);
  }
  ADD_FAILURE() << "the framer does not come to an end";
  return out;
}

TEST(Framer, WholeLinesAreTakenAndAnUnfinishedOneWaits) {
  const Framed out = read_all("one\n\ntwo\r\nthr", 64, {.line_bytes_max = 100}, 16);
  EXPECT_EQ(out.lines, (std::vector<std::string>{"one\n", "\n", "two\r\n"}));
  EXPECT_EQ(out.unfinished, 3U);
}

TEST(Framer, TheLastLineOfAFileThatIsDoneIsTakenAsPartial) {
  const Framed out =
      read_all("one\nthr", 64, {.line_bytes_max = 100, .flush_unfinished = true}, 16);
  EXPECT_EQ(out.lines, (std::vector<std::string>{"one\n", "thr|"}));
  EXPECT_EQ(out.unfinished, 0U);
}

TEST(Framer, LIN_7_ALineOfExactlyTheBoundStaysWholeAndOneByteMoreIsSplit) {
  const std::string at = std::string(10, 'a') + "\n";
  const std::string over = std::string(11, 'b') + "\n";
  for (const size_t window : {11U, 12U, 13U, 64U}) {
    const Framed out = read_all(at + over + at, window, {.line_bytes_max = 10}, 16);
    EXPECT_EQ(out.lines, (std::vector<std::string>{at, std::string(10, 'b') + "|", "b\n", at}))
        << window;
  }
}

TEST(Framer, ALineLongerThanTheWindowButWithinTheBoundIsReadWithMoreRoom) {
  const std::string line = std::string(500, 'x') + "\n";
  const Framed out = read_all("a\n" + line + "b\n", 64, {.line_bytes_max = 1000}, 16);
  EXPECT_EQ(out.lines, (std::vector<std::string>{"a\n", line, "b\n"}));
}

TEST(Framer, LIN_12_APieceNeverEndsInsideACharacter) {
  std::string line;
  for (int i = 0; i < 50; ++i) line += "\xF0\x9F\x8C\x8A";
  const Framed out = read_all(line + "\n", 1000, {.line_bytes_max = 10}, 16);
  for (const std::string& piece : out.lines) {
    EXPECT_TRUE(piece.back() != '|' || (piece.size() - 1) % 4 == 0) << piece.size();
  }
  std::string whole;
  for (const std::string& piece : out.lines) whole += piece.substr(0, piece.size() - 1);
  EXPECT_EQ(whole, line);
}

TEST(Framer, TextThatIsNotUtf8IsSplitAnywayAndLosesNothing) {
  const std::string line(100, '\x80');
  const Framed out = read_all(line + "\n", 1000, {.line_bytes_max = 7}, 16);
  std::string whole;
  for (const std::string& piece : out.lines) whole += piece.substr(0, piece.size() - 1);
  EXPECT_EQ(whole, line);
}

TEST(Framer, AnyFileThroughAnyWindowGivesTheSameLines) {
  std::mt19937 random(7);
  for (int round = 0; round < 300; ++round) {
    const size_t line_max = 1 + random() % 40;
    std::string file;
    std::vector<std::string> expected;
    for (size_t i = random() % 20; i > 0; --i) {
      const std::string line(random() % (line_max + 1), static_cast<char>('a' + i));
      file += line + "\n";
      expected.push_back(line + "\n");
    }
    const std::string rest(random() % (line_max + 1), 'z');
    const size_t window = 1 + random() % 100;
    const Framed out =
        read_all(file + rest, window, {.line_bytes_max = line_max}, 1 + random() % 5);
    EXPECT_EQ(out.lines, expected) << "line_max " << line_max << " window " << window;
    EXPECT_EQ(out.unfinished, rest.size());
  }
}

}  // namespace
}  // namespace sluice
