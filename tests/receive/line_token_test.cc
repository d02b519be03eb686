// SPDX-License-Identifier: Apache-2.0
#include "receive/line_token.h"

#include <gtest/gtest.h>

#include <set>
#include <string>

#include "receive/generated_stream.h"
#include "receive/line_shapes.h"

namespace sluice {
namespace {

constexpr LineShape kShapes[] = {LineShape::kNginx, LineShape::kJson, LineShape::kShort,
                                 LineShape::kJava,  LineShape::kLong, LineShape::kUtf8};

std::string token_line(const LineToken& fields, size_t before = 7, size_t after = 9) {
  std::string line =
      std::string(before, 'b') + std::string(kTokenBytes, '?') + std::string(after, 'a');
  LineToken token = fields;
  token.length = static_cast<uint32_t>(line.size());
  write_token(line.data(), before, token);
  return line;
}

TEST(LineToken, ReadsBackWhatWasWritten) {
  const LineToken fields{kTokenStreamsMax - 1, kTokenSequencesMax - 1, 0, INT64_MAX};
  const TokenReading reading = read_token(token_line(fields));
  ASSERT_EQ(reading.verdict, TokenVerdict::kValid);
  EXPECT_EQ(reading.token.stream, fields.stream);
  EXPECT_EQ(reading.token.sequence, fields.sequence);
  EXPECT_EQ(reading.token.stamp_ns, fields.stamp_ns);
}

TEST(LineToken, NoticesEveryChangedByte) {
  const std::string line = token_line({1, 2, 0, 3});
  for (size_t i = 0; i < line.size(); ++i) {
    std::string changed = line;
    changed[i] = static_cast<char>(changed[i] ^ 1);
    EXPECT_NE(read_token(changed).verdict, TokenVerdict::kValid) << "byte " << i;
  }
}

TEST(LineToken, NoticesLostAndAddedEnds) {
  const std::string line = token_line({1, 2, 0, 3});
  EXPECT_EQ(read_token(line.substr(1)).verdict, TokenVerdict::kDamaged);
  EXPECT_EQ(read_token(line.substr(0, line.size() - 1)).verdict, TokenVerdict::kDamaged);
  EXPECT_EQ(read_token(line + "x").verdict, TokenVerdict::kDamaged);
  EXPECT_EQ(read_token("x" + line).verdict, TokenVerdict::kDamaged);
  EXPECT_EQ(read_token(line + line).verdict, TokenVerdict::kDamaged);
}

TEST(LineToken, TellsForeignLinesFromDamagedOnes) {
  EXPECT_EQ(read_token("").verdict, TokenVerdict::kAbsent);
  EXPECT_EQ(read_token("an ordinary line").verdict, TokenVerdict::kAbsent);
  EXPECT_EQ(read_token("grid=12").verdict, TokenVerdict::kDamaged);
}

TEST(LineToken, IsFoundBehindAnotherMarker) {
  std::string line = "grid=5 " + std::string(kTokenBytes, '?');
  write_token(line.data(), 7, {1, 2, static_cast<uint32_t>(line.size()), 3});
  EXPECT_EQ(read_token(line).verdict, TokenVerdict::kValid);
}

TEST(LineShapes, EveryLineOfEveryShapeCanBeVerified) {
  for (const LineShape shape : kShapes) {
    const LineScript script(shape, 7);
    GeneratedStream stream(script, LedgerStream{5, "x", 0, 0, 0, {}});
    std::string buffer(script.longest_line() + 1, '\0');
    uint64_t sum = 0;
    for (uint64_t i = 0; i < script.lines().size(); ++i) {
      const size_t length = stream.write_line(buffer.data(), 1'790'000'000'000'000'000);
      const std::string_view line(buffer.data(), length - 1);
      ASSERT_EQ(buffer[length - 1], '\n');
      ASSERT_EQ(line.find_first_of("\n\r\x02\x03"), std::string_view::npos) << line;
      const TokenReading reading = read_token(line);
      ASSERT_EQ(reading.verdict, TokenVerdict::kValid) << line_shape_name(shape) << ": " << line;
      ASSERT_EQ(reading.token.sequence, i);
      sum += reading.line_hash;
    }
    EXPECT_EQ(sum, stream.ledger().hash_sum) << line_shape_name(shape);
  }
}

TEST(LineShapes, TheSameSeedGivesTheSameLinesAndAnotherDoesNot) {
  const LineScript one(LineShape::kNginx, 1), same(LineShape::kNginx, 1),
      other(LineShape::kNginx, 2);
  EXPECT_EQ(one.text(one.lines()[10]), same.text(same.lines()[10]));
  EXPECT_NE(one.text(one.lines()[10]), other.text(other.lines()[10]));
}

TEST(LineShapes, JavaHasTracesAndLongHasLinesBeyondOneRead) {
  const LineScript java(LineShape::kJava, 1), deep(LineShape::kLong, 1);
  std::set<bool> starts;
  for (const ScriptLine& line : java.lines()) starts.insert(line.starts_event);
  EXPECT_EQ(starts.size(), 2u);
  EXPECT_GT(deep.longest_line(), 256u << 10);
}

}  // namespace
}  // namespace sluice
