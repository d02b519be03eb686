// SPDX-License-Identifier: Apache-2.0
#include "flow/compress/unpacker.h"

#include <gtest/gtest.h>
#include <zstd.h>

#include <string>
#include <vector>

#include "flow/compress/codecs.h"

namespace sluice {
namespace {

std::string lines(int count) {
  std::string text;
  for (int i = 0; i < count; ++i)
    text += "line " + std::to_string(i * 7919L % 1000003) + " of it\n";
  return text;
}

std::string pack(Result<std::unique_ptr<Compressor>> codec, const std::string& text) {
  SLUICE_CHECK(codec.ok(), "a codec of this build");
  std::vector<std::byte> out((*codec)->bound(text.size()));
  const auto size = (*codec)->compress(std::as_bytes(std::span(text)), out);
  return {reinterpret_cast<const char*>(out.data()), *size};
}
std::string gzip(const std::string& text) {
  return pack(make_deflate(1), text);
}
std::string zstd(const std::string& text) {
  return pack(make_zstd(3), text);
}

struct Unpacked {
  std::string text;
  bool whole = false;
  bool over = false;
  std::optional<Error> error;
};

// By pieces of these sizes, as somebody does who reads a file.
Unpacked unpack(const std::string& archive, size_t in_bytes, size_t out_bytes) {
  Unpacked all;
  auto unpacker = make_unpacker(std::as_bytes(std::span(archive)));
  if (!unpacker.ok()) {
    all.error = unpacker.error();
    return all;
  }
  std::vector<std::byte> room(out_bytes);
  size_t at = 0;
  while (!all.over && !all.error) {
    const auto in = std::as_bytes(std::span(archive)).subspan(at);
    const auto step = (*unpacker)->unpack(in.first(std::min(in_bytes, in.size())), room);
    at += step.taken;
    all.text.append(reinterpret_cast<const char*>(room.data()), step.made);
    all.whole = step.whole;
    all.over = step.over;
    all.error = step.error;
    if (step.taken == 0 && step.made == 0) break;
  }
  return all;
}

TEST(Unpacker, GivesBackWhatWasPackedInPiecesOfAnySize) {
  const std::string text = lines(5000);
  for (const std::string& archive : {gzip(text), zstd(text)}) {
    for (const size_t in : {size_t{7}, size_t{4096}, archive.size()}) {
      for (const size_t out : {size_t{13}, size_t{65536}, 2 * text.size()}) {
        const Unpacked all = unpack(archive, in, out);
        EXPECT_EQ(all.text, text) << in << " " << out;
        EXPECT_TRUE(all.whole);
        EXPECT_FALSE(all.error.has_value());
      }
    }
  }
}

TEST(Unpacker, ReadsSeveralMembersAndStopsAtPadding) {
  const std::string a = lines(100), b = lines(2000), c = "no newline";
  EXPECT_EQ(unpack(gzip(a) + gzip(b) + gzip(c), 100, 50).text, a + b + c);
  EXPECT_EQ(unpack(zstd(a) + zstd(b) + zstd(c), 100, 50).text, a + b + c);
  const Unpacked padded = unpack(gzip(a) + std::string(512, '\0'), 64, 64);
  EXPECT_EQ(padded.text, a);
  EXPECT_TRUE(padded.over);
  EXPECT_FALSE(padded.error.has_value());
}

TEST(Unpacker, GivesWhatStandsBeforeTheDamage) {
  const std::string text = lines(20000);
  for (const std::string& archive : {gzip(text), zstd(text)}) {
    const Unpacked cut = unpack(archive.substr(0, archive.size() / 2), 1000, 1000);
    EXPECT_FALSE(cut.whole);
    EXPECT_GT(cut.text.size(), text.size() / 10);
    EXPECT_EQ(cut.text, text.substr(0, cut.text.size()));
    if (archive.starts_with("\x28\xb5")) continue;  // ours have no checksum; those of zstd have
    std::string broken = archive;
    for (size_t i = 0; i < 64; ++i) broken[archive.size() / 2 + i] = 'x';
    const Unpacked damaged = unpack(broken, 1000, 1000);
    EXPECT_TRUE(damaged.error.has_value());
    EXPECT_EQ(damaged.error->code, Errc::kCorrupt);
    EXPECT_GT(damaged.text.size(), text.size() / 10);
  }
}

TEST(Unpacker, SurvivesEveryChangedByte) {
  const std::string text = lines(40);
  for (const std::string& archive : {gzip(text), zstd(text)}) {
    for (size_t at = 0; at < archive.size(); ++at) {
      std::string broken = archive;
      broken[at] = static_cast<char>(broken[at] ^ 0xff);
      const Unpacked all = unpack(broken, 33, 100);
      EXPECT_LE(all.text.size(), 100 * text.size());
    }
  }
}

TEST(Unpacker, RefusesAnArchiveThatAsksForTooMuchMemory) {
  const std::string text = lines(2'000'000);
  ZSTD_CCtx* context = ZSTD_createCCtx();
  ZSTD_CCtx_setParameter(context, ZSTD_c_windowLog, 27);
  std::string packed(ZSTD_compressBound(text.size()), '\0');
  const size_t size =
      ZSTD_compress2(context, packed.data(), packed.size(), text.data(), text.size());
  ZSTD_freeCCtx(context);
  ASSERT_FALSE(ZSTD_isError(size));
  packed.resize(size);
  const Unpacked all = unpack(packed, 65536, 65536);
  ASSERT_TRUE(all.error.has_value());
  EXPECT_EQ(all.error->code, Errc::kExhausted);
  EXPECT_TRUE(all.text.empty());
}

TEST(Unpacker, RefusesWhatIsNoArchive) {
  EXPECT_EQ(unpack("plain text\n", 100, 100).error->code, Errc::kUnsupported);
  EXPECT_EQ(unpack("", 100, 100).error->code, Errc::kUnsupported);
  EXPECT_TRUE(is_archive_name("a.log.1.gz"));
  EXPECT_TRUE(is_archive_name("a.log.1.zst"));
  EXPECT_FALSE(is_archive_name("a.log.1"));
  EXPECT_FALSE(is_archive_name(".gz"));
}

}  // namespace
}  // namespace sluice
