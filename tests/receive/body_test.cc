// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>
#include <libdeflate.h>
#include <zstd.h>

#include "receive/body_decoder.h"
#include "receive/record_reader.h"

namespace sluice {
namespace {

using namespace literals;

std::string gzip(const std::string& plain) {
  libdeflate_compressor* const compressor = libdeflate_alloc_compressor(6);
  std::string out(libdeflate_gzip_compress_bound(compressor, plain.size()), '\0');
  out.resize(
      libdeflate_gzip_compress(compressor, plain.data(), plain.size(), out.data(), out.size()));
  libdeflate_free_compressor(compressor);
  return out;
}

std::string zstd(const std::string& plain) {
  std::string out(ZSTD_compressBound(plain.size()), '\0');
  out.resize(ZSTD_compress(out.data(), out.size(), plain.data(), plain.size(), 3));
  return out;
}

// A frame that does not tell its size, as a streaming client sends it.
std::string zstd_of_unknown_size(const std::string& plain) {
  ZSTD_CCtx* const context = ZSTD_createCCtx();
  std::string out(ZSTD_compressBound(plain.size()) + 64, '\0');
  ZSTD_inBuffer in{plain.data(), plain.size(), 0};
  ZSTD_outBuffer to{out.data(), out.size(), 0};
  ZSTD_compressStream2(context, &to, &in, ZSTD_e_continue);
  ZSTD_compressStream2(context, &to, &in, ZSTD_e_end);
  ZSTD_freeCCtx(context);
  out.resize(to.pos);
  return out;
}

using Verdict = DecodedBody::Verdict;

TEST(BodyDecoder, DecodesEveryEncodingToTheSameBytes) {
  BodyDecoder decoder(16_MiB);
  std::string plain;
  for (int i = 0; i < 100'000; ++i) plain += "line " + std::to_string(i) + "\n";
  EXPECT_EQ(decoder.decode(plain, "").bytes, plain);
  EXPECT_EQ(decoder.decode(plain, "identity").bytes, plain);
  EXPECT_EQ(decoder.decode(gzip(plain), "gzip").bytes, plain);
  EXPECT_EQ(decoder.decode(zstd(plain), "zstd").bytes, plain);
  EXPECT_EQ(decoder.decode(zstd_of_unknown_size(plain), "zstd").bytes, plain);
  EXPECT_EQ(decoder.decode("", "").bytes, "");
}

TEST(BodyDecoder, JoinsMembersAndFrames) {
  BodyDecoder decoder(16_MiB);
  const std::string large(1'000'000, 'x');
  EXPECT_EQ(decoder.decode(gzip("a") + gzip(large) + gzip("b"), "gzip").bytes, "a" + large + "b");
  EXPECT_EQ(decoder.decode(zstd("a") + zstd(large) + zstd("b"), "zstd").bytes, "a" + large + "b");
}

TEST(BodyDecoder, TakesABodyOfExactlyTheLimitAndRefusesOneByteMore) {
  const std::string fits(100'000, 'x'), too_large(100'001, 'x');
  using Encode = std::string (*)(const std::string&);
  const std::pair<const char*, Encode> encodings[] = {
      {"gzip", gzip}, {"zstd", zstd}, {"zstd", zstd_of_unknown_size}};
  for (const auto& [encoding, encode] : encodings) {
    BodyDecoder decoder(Bytes(100'000));
    EXPECT_EQ(decoder.decode(encode(fits), encoding).verdict, Verdict::kDecoded) << encoding;
    EXPECT_EQ(decoder.decode(encode(too_large), encoding).verdict, Verdict::kTooLarge) << encoding;
    EXPECT_EQ(decoder.decode(encode(fits), encoding).bytes, fits) << encoding;
  }
  BodyDecoder decoder(Bytes(100'000));
  EXPECT_EQ(decoder.decode(too_large, "").verdict, Verdict::kTooLarge);
}

TEST(BodyDecoder, RefusesABombWhoseTrailerLies) {
  std::string bomb = gzip(std::string(50'000'000, '\0'));
  bomb.replace(bomb.size() - 4, 4, std::string("\1\0\0\0", 4));
  BodyDecoder decoder(1_MiB);
  EXPECT_EQ(decoder.decode(bomb, "gzip").verdict, Verdict::kTooLarge);
}

TEST(BodyDecoder, RefusesDamageAndUnknownEncodings) {
  BodyDecoder decoder(1_MiB);
  std::string cut = gzip("some text that is long enough to cut");
  cut.resize(cut.size() - 9);
  EXPECT_EQ(decoder.decode(cut, "gzip").verdict, Verdict::kDamaged);
  EXPECT_EQ(decoder.decode("", "gzip").verdict, Verdict::kDamaged);
  std::string cut_frame = zstd(std::string(10'000, 'x') + "abcdefg");
  cut_frame.resize(cut_frame.size() - 3);
  EXPECT_EQ(decoder.decode(cut_frame, "zstd").verdict, Verdict::kDamaged);
  EXPECT_EQ(decoder.decode("plain text, not zstd", "zstd").verdict, Verdict::kDamaged);
  EXPECT_EQ(decoder.decode("", "zstd").verdict, Verdict::kDamaged);
  const DecodedBody unknown = decoder.decode("x", "br");
  EXPECT_EQ(unknown.verdict, Verdict::kUnsupported);
  EXPECT_NE(unknown.reason.find("\"br\""), std::string::npos);
}

class RecordReaderTest : public ::testing::Test {
 protected:
  std::string read(const std::string& body, BodyFormat format) {
    padded_ = body + std::string(kBodyPadding, '\0');
    return reader_.read(std::string_view(padded_).substr(0, body.size()), format);
  }
  std::string array(const std::string& body) { return read(body, BodyFormat::kJsonArray); }
  std::string ndjson(const std::string& body) { return read(body, BodyFormat::kNdjson); }

  std::string padded_;
  RecordReader reader_;
};

constexpr const char* kGood =
    R"({"timestamp":"2026-11-22T17:00:00.1Z","host":"h","path":"/p","line":"a\u00e9\n\"b\"","id":7})";

TEST_F(RecordReaderTest, ReadsArraysAndNdjsonAlike) {
  const std::string good = kGood;
  ASSERT_EQ(array("[" + good + " , " + good + "]"), "");
  ASSERT_EQ(reader_.records().size(), 2u);
  EXPECT_EQ(reader_.records()[1].line, "a\u00e9\n\"b\"");
  ASSERT_EQ(ndjson(good + "\r\n\n" + good), "");
  ASSERT_EQ(reader_.records().size(), 2u);
  EXPECT_EQ(reader_.records()[0].line, "a\u00e9\n\"b\"");
  EXPECT_EQ(reader_.records()[1].path, "/p");
  EXPECT_EQ(array("[]"), "");
  EXPECT_TRUE(reader_.records().empty());
}

TEST_F(RecordReaderTest, NamesTheElementAndWhatIsWrong) {
  const std::string good = kGood;
  EXPECT_EQ(array("[" + good + ",{\"timestamp\":\"2026-11-22T17:00:00Z\",\"host\":\"h\"}]"),
            "element 1 has no \"path\"");
  EXPECT_TRUE(reader_.records().empty()) << "all or nothing";
  EXPECT_EQ(array("[7]"), "element 0 is not an object");
  EXPECT_EQ(ndjson(good + "\n{\"line\":7}\n"), "line 2 has a \"line\" that is not a string");
  EXPECT_EQ(array(R"([{"timestamp":"22 Nov","host":"h","path":"p","line":"l"}])"),
            "element 0 has a \"timestamp\" that is not RFC 3339: \"22 Nov\"");
  EXPECT_NE(array(good).find("not a JSON array"), std::string::npos);
}

TEST_F(RecordReaderTest, RefusesWhatIsNotStrictJson) {
  const std::string good = kGood;
  EXPECT_NE(array("[" + good + ",]"), "");
  EXPECT_NE(array("[" + good), "");
  EXPECT_NE(array("[" + good + "]]"), "");
  EXPECT_NE(array(""), "");
  EXPECT_NE(array("[{\"line\":\"\xff\"}]"), "") << "invalid UTF-8";
  EXPECT_NE(array("[{\"line\":\"a\nb\"}]"), "") << "raw newline in a string";
  EXPECT_NE(ndjson(good + good + "\n"), "") << "two documents in a line";
}

TEST(Rfc3339, TakesWhatTheStandardTakes) {
  EXPECT_TRUE(is_rfc3339("2026-11-22T17:00:00Z"));
  EXPECT_TRUE(is_rfc3339("2026-11-22T17:00:00.123456789Z"));
  EXPECT_TRUE(is_rfc3339("2026-11-22T17:00:00+01:00"));
  EXPECT_FALSE(is_rfc3339("2026-11-22T17:00:00"));
  EXPECT_FALSE(is_rfc3339("2026-11-22 17:00:00Z"));
  EXPECT_FALSE(is_rfc3339("2026-13-22T17:00:00Z"));
  EXPECT_FALSE(is_rfc3339("2026-11-22T24:00:00Z"));
  EXPECT_FALSE(is_rfc3339("2026-11-22T17:00:00.Z"));
  EXPECT_FALSE(is_rfc3339(""));
}

TEST(BodyFormat, FollowsTheTypeAndElseTheFirstCharacter) {
  EXPECT_EQ(body_format("application/json; charset=utf-8", "{"), BodyFormat::kJsonArray);
  EXPECT_EQ(body_format("application/x-ndjson", "["), BodyFormat::kNdjson);
  EXPECT_EQ(body_format("", " \n{"), BodyFormat::kNdjson);
  EXPECT_EQ(body_format("text/plain", "["), BodyFormat::kJsonArray);
}

}  // namespace
}  // namespace sluice
