// SPDX-License-Identifier: Apache-2.0
#include "flow/discover/identity.h"

#include <gtest/gtest.h>

#include <string>

namespace sluice {
namespace {

std::span<const std::byte> bytes_of(std::string_view text) {
  return std::as_bytes(std::span(text.data(), text.size()));
}

struct PresentFile {
  std::string content;
  uint64_t device = 1;
  uint64_t inode = 10;
  int64_t birth_ns = 100;
  std::string path = "/l/a.log";

  FileFacts facts() const {
    FileFacts facts;
    facts.stat.kind = FileKind::kRegular;
    facts.stat.device = device;
    facts.stat.inode = inode;
    facts.stat.birth_ns = birth_ns;
    facts.stat.size = Bytes(static_cast<int64_t>(content.size()));
    facts.path = path;
    facts.head = bytes_of(content).first(std::min<size_t>(content.size(), kHeadBytesMax));
    return facts;
  }
  MarkerReader marker() const {
    return [this](FileOffset offset, uint32_t bytes) -> std::optional<uint64_t> {
      const auto end = static_cast<size_t>(offset.value);
      if (end > content.size() || bytes > end) return std::nullopt;
      return content_hash(bytes_of(content).subspan(end - bytes, bytes));
    };
  }
  // The row that an agent would have stored after `offset` bytes.
  CheckpointRow row(size_t offset) const {
    CheckpointRow row;
    row.path = path;
    row.identity = identify(facts().stat, facts().head);
    row.offset = FileOffset(static_cast<int64_t>(offset));
    row.marker_bytes = static_cast<uint32_t>(std::min<size_t>(offset, Marker::kBytesMax));
    row.marker_hash = *marker()(row.offset, row.marker_bytes);
    return row;
  }
};

std::string lines(int first, int last) {
  std::string text;
  for (int i = first; i <= last; ++i) text += "line number " + std::to_string(i) + "\n";
  return text;
}

Kinship judge_now(const CheckpointRow& row, const PresentFile& file) {
  return judge(row, file.facts(), file.marker());
}

TEST(Identity, AFileGoesOnWhereverItsNameIsNow) {
  PresentFile file{lines(1, 100)};
  const CheckpointRow row = file.row(500);
  file.content += lines(101, 200);
  EXPECT_EQ(judge_now(row, file), Kinship::kSame);
  file.path = "/l/a.log.1";
  EXPECT_EQ(judge_now(row, file), Kinship::kSame);
}

TEST(Identity, ARebootThatRenumbersDevicesChangesNothing) {
  PresentFile file{lines(1, 100)};
  const CheckpointRow row = file.row(500);
  file.device = 77;
  EXPECT_EQ(judge_now(row, file), Kinship::kRemounted);
}

TEST(Identity, AFileOfTwoBytesIsKnownAgainWhenItHasGrown) {
  PresentFile file{"a\n"};
  const CheckpointRow row = file.row(2);
  EXPECT_EQ(row.identity.head_bytes, 2U);
  file.content += lines(1, 1'000);
  EXPECT_EQ(judge_now(row, file), Kinship::kSame);
}

TEST(Identity, ContentThatIsShorterThanTheOffsetIsNew) {
  PresentFile file{lines(1, 100)};
  const CheckpointRow row = file.row(500);
  file.content.resize(499);
  EXPECT_EQ(judge_now(row, file), Kinship::kReplaced);
}

TEST(Identity, ContentThatRegrewPastTheOffsetIsNew) {
  PresentFile file{lines(1, 100)};
  const CheckpointRow row = file.row(500);
  file.content = lines(7, 900);
  EXPECT_EQ(judge_now(row, file), Kinship::kReplaced);
}

TEST(Identity, ROT_18_AnEqualBannerDoesNotHideNewContent) {
  const std::string banner(2'000, '#');
  PresentFile file{banner + lines(1, 100)};
  const CheckpointRow row = file.row(3'000);
  file.content = banner + lines(7, 900);
  EXPECT_EQ(judge_now(row, file), Kinship::kReplaced);
}

TEST(Identity, AReusedInodeWithAnotherBirthIsAnotherFile) {
  PresentFile file{lines(1, 100)};
  const CheckpointRow row = file.row(500);
  PresentFile next{lines(7, 900)};
  next.birth_ns = 101;
  EXPECT_EQ(judge_now(row, next), Kinship::kNone);
}

TEST(Identity, AReusedInodeWithoutBirthTimesIsReplacedContent) {
  PresentFile file{lines(1, 100)};
  file.birth_ns = 0;
  const CheckpointRow row = file.row(500);
  file.content = lines(7, 900);
  EXPECT_EQ(judge_now(row, file), Kinship::kReplaced);
}

TEST(Identity, AnEqualInodeOfAnotherDeviceMeansNothing) {
  PresentFile file{lines(1, 100)};
  const CheckpointRow row = file.row(500);
  PresentFile other{lines(7, 900)};
  other.device = 2;
  other.path = "/m/b.log";
  EXPECT_EQ(judge_now(row, other), Kinship::kNone);
}

TEST(Identity, AnOverlayThatCopiesTheFileUpKeepsItsPosition) {
  PresentFile file{lines(1, 100)};
  const CheckpointRow row = file.row(500);
  file.inode = 11;
  file.birth_ns = 200;
  EXPECT_EQ(judge_now(row, file), Kinship::kCopied);
  file.path = "/l/b.log";
  EXPECT_EQ(judge_now(row, file), Kinship::kNone) << "a copy under another name is another file";
}

TEST(Identity, TooLittleEqualContentDoesNotProveACopy) {
  PresentFile file{"started\n"};
  const CheckpointRow row = file.row(8);
  file.inode = 11;
  file.birth_ns = 200;
  EXPECT_EQ(judge_now(row, file), Kinship::kNone);
}

TEST(Identity, AMarkerThatCannotBeReadProvesNothing) {
  PresentFile file{lines(1, 100)};
  const CheckpointRow row = file.row(500);
  const auto blind = [](FileOffset, uint32_t) { return std::optional<uint64_t>(); };
  EXPECT_EQ(judge(row, file.facts(), blind), Kinship::kReplaced);
}

TEST(Identity, AmongSeveralRowsTheClosestIsTaken) {
  PresentFile file{lines(1, 100)};
  CheckpointRow copied = file.row(1'200);
  copied.identity.inode = 9;
  CheckpointRow remounted = file.row(1'100);
  remounted.identity.device = 5;
  const CheckpointRow same = file.row(500);
  const CheckpointRow further = file.row(600);
  const std::vector<const CheckpointRow*> rows = {&copied, &same, &further, &remounted};
  const auto best = match(rows, file.facts(), file.marker());
  ASSERT_TRUE(best.has_value());
  EXPECT_EQ(best->row, 2U);
  EXPECT_EQ(best->kinship, Kinship::kSame);
  const auto nobody = match(std::span(rows).first(0), file.facts(), file.marker());
  EXPECT_FALSE(nobody.has_value());
}

TEST(Identity, IdsAreTheSameAfterARebootAndDifferBetweenFiles) {
  PresentFile file{lines(1, 100)};
  const FileIdentity before = identify(file.facts().stat, file.facts().head);
  file.device = 9;
  file.content += "more\n";
  const FileIdentity after = identify(file.facts().stat, file.facts().head);
  EXPECT_EQ(file_seed("host", before, 1), file_seed("host", after, 2));
  EXPECT_FALSE(file_seed("host", before, 1) == file_seed("other", before, 1));
  file.inode = 11;
  const FileIdentity other = identify(file.facts().stat, file.facts().head);
  EXPECT_FALSE(file_seed("host", before, 1) == file_seed("host", other, 1));
}

TEST(Identity, WithoutBirthTimesTheRowKeepsReusedInodesApart) {
  PresentFile file{lines(1, 100)};
  file.birth_ns = 0;
  const FileIdentity identity = identify(file.facts().stat, file.facts().head);
  EXPECT_EQ(file_seed("host", identity, 1), file_seed("host", identity, 1));
  EXPECT_FALSE(file_seed("host", identity, 1) == file_seed("host", identity, 2));
}

}  // namespace
}  // namespace sluice
