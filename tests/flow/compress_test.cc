// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>
#include <zlib.h>
#ifdef SLUICE_HAVE_ZSTD
#include <zstd.h>
#endif

#include <cstring>
#include <functional>
#include <memory>
#include <random>
#include <string>
#include <string_view>
#include <vector>

#include "flow/compress/codecs.h"

namespace sluice {
namespace {

using Bytes8 = std::vector<std::byte>;

Bytes8 bytes_of(std::string_view text) {
  Bytes8 bytes(text.size());
  if (!text.empty()) std::memcpy(bytes.data(), text.data(), text.size());
  return bytes;
}

Bytes8 noise(size_t size, uint32_t seed) {
  std::mt19937 random(seed);
  Bytes8 bytes(size);
  for (std::byte& byte : bytes) byte = static_cast<std::byte>(random());
  return bytes;
}

Bytes8 log_body(size_t size) {
  std::mt19937 random(8);
  std::string text = "[";
  while (text.size() < size) {
    text += R"({"timestamp":"2026-11-22T17:10:17.123456789Z","host":"h","line":"GET /)" +
            std::to_string(random() % 100000) + "\"},";
  }
  return bytes_of(text);
}

// zlib and zstd decode: never the library that encoded, where there is another one.
Bytes8 decode(std::string_view encoding, const Bytes8& packed, size_t size) {
  Bytes8 plain(size + 1);
  if (encoding.empty()) return packed;
  if (encoding == "gzip") {
    z_stream stream{};
    EXPECT_EQ(inflateInit2(&stream, 15 + 16), Z_OK);
    stream.next_in = const_cast<Bytef*>(reinterpret_cast<const Bytef*>(packed.data()));
    stream.avail_in = static_cast<uInt>(packed.size());
    stream.next_out = reinterpret_cast<Bytef*>(plain.data());
    stream.avail_out = static_cast<uInt>(plain.size());
    EXPECT_EQ(inflate(&stream, Z_FINISH), Z_STREAM_END);
    EXPECT_EQ(stream.avail_in, 0u) << "bytes behind the gzip member";
    plain.resize(stream.total_out);
    inflateEnd(&stream);
    return plain;
  }
#ifdef SLUICE_HAVE_ZSTD
  EXPECT_EQ(encoding, "zstd");
  const size_t got = ZSTD_decompress(plain.data(), plain.size(), packed.data(), packed.size());
  EXPECT_FALSE(ZSTD_isError(got)) << ZSTD_getErrorName(got);
  plain.resize(ZSTD_isError(got) ? 0 : got);
#endif
  return plain;
}

Bytes8 pack(Compressor& compressor, const Bytes8& body) {
  Bytes8 packed(compressor.bound(body.size()));
  const Result<size_t> written = compressor.compress(body, packed);
  EXPECT_TRUE(written.ok()) << body.size();
  packed.resize(written.ok() ? written.value() : 0);
  return packed;
}

struct Codec {
  std::string name;
  std::function<Result<std::unique_ptr<Compressor>>()> make;
};

// Every codec and level of this build.
std::vector<Codec> codecs() {
  std::vector<Codec> all = {
      {"identity", [] { return Result<std::unique_ptr<Compressor>>(make_identity()); }}};
  for (int level = 1; level <= 12; ++level) {
    all.push_back({"deflate " + std::to_string(level), [=] { return make_deflate(level); }});
  }
  for (int level = 1; level <= 3; ++level) {
    all.push_back({"igzip " + std::to_string(level), [=] { return make_igzip(level); }});
  }
  all.push_back({"log", [] { return Result<std::unique_ptr<Compressor>>(make_log_deflate()); }});
  for (const int level : {-5, -1, 1, 3, 9, 19}) {
    all.push_back({"zstd " + std::to_string(level), [=] { return make_zstd(level); }});
  }
  for (const Compression encoding : {Compression::kGzip, Compression::kZstd}) {
    all.push_back({"auto", [=] { return make_compressor(encoding, {}); }});
  }
  std::erase_if(all, [](const Codec& codec) {
    const auto made = codec.make();
    return !made.ok() && made.error().code == Errc::kUnsupported;
  });
  return all;
}

void for_each_codec(const std::function<void(Compressor&)>& body) {
  for (const Codec& codec : codecs()) {
    SCOPED_TRACE(codec.name);
    Result<std::unique_ptr<Compressor>> compressor = codec.make();
    ASSERT_TRUE(compressor.ok());
    body(*compressor.value());
  }
}

TEST(Compressor, EveryBodyComesBackFromAnotherDecoder) {
  const std::vector<Bytes8> bodies = {
      {},
      bytes_of("x"),
      bytes_of("[]"),
      log_body(200 << 10),
      Bytes8(1 << 20, std::byte{'a'}),
      noise(1 << 20, 9),
      noise(65'535, 10),
      log_body(1 << 10),
  };
  for_each_codec([&](Compressor& compressor) {
    for (const Bytes8& body : bodies) {
      const Bytes8 packed = pack(compressor, body);
      ASSERT_EQ(decode(compressor.content_encoding(), packed, body.size()), body) << body.size();
    }
  });
}

TEST(Compressor, TheBoundHoldsForBytesThatCannotBeCompressed) {
  std::vector<size_t> sizes = {32'767,  32'768,  32'769,  65'534,  65'535, 65'536,
                               131'070, 131'071, 524'288, 524'289, 999'999};
  for (size_t size = 0; size < 300; size += 7) sizes.push_back(size);
  for_each_codec([&](Compressor& compressor) {
    for (const size_t size : sizes) {
      const Bytes8 body = noise(size, static_cast<uint32_t>(size));
      const Bytes8 packed = pack(compressor, body);
      ASSERT_LE(packed.size(), compressor.bound(size));
      ASSERT_EQ(decode(compressor.content_encoding(), packed, size), body) << size;
    }
  });
}

TEST(Compressor, TooLittleRoomIsAnErrorAndNothingIsWrittenBehindIt) {
  const Bytes8 body = noise(100'000, 11);
  for_each_codec([&](Compressor& compressor) {
    for (const size_t room : {size_t{0}, size_t{1}, size_t{10}, size_t{17}, size_t{50'000}}) {
      Bytes8 out(compressor.bound(body.size()), std::byte{0xA5});
      const Result<size_t> written = compressor.compress(body, std::span(out).first(room));
      ASSERT_FALSE(written.ok()) << room;
      ASSERT_EQ(written.error().code, Errc::kExhausted);
      for (size_t i = room; i < out.size(); ++i) ASSERT_EQ(out[i], std::byte{0xA5}) << room;
    }
    // The failure leaves nothing behind in the codec.
    ASSERT_EQ(decode(compressor.content_encoding(), pack(compressor, body), body.size()), body);
  });
}

TEST(Compressor, TheSameBodyGivesTheSameBytesWhateverWasCompressedBefore) {
  const Bytes8 body = log_body(100 << 10);
  for (const Codec& codec : codecs()) {
    SCOPED_TRACE(codec.name);
    const auto fresh = codec.make();
    const auto used = codec.make();
    pack(*used.value(), noise(5000, 12));
    pack(*used.value(), log_body(5000));
    EXPECT_EQ(pack(*used.value(), body), pack(*fresh.value(), body));
  }
}

TEST(Compressor, TheConfigurationChoosesTheEncodingAndTheLevel) {
  using Mode = CompressionLevel::Mode;
  const auto encoding_of = [](Compression encoding, CompressionLevel level) {
    auto made = make_compressor(encoding, level);
    EXPECT_TRUE(made.ok());
    return std::string(made.ok() ? made.value()->content_encoding() : "failed");
  };
  EXPECT_EQ(encoding_of(Compression::kNone, {Mode::kAuto, 1}), "");
  EXPECT_EQ(encoding_of(Compression::kGzip, {Mode::kAuto, 1}), "gzip");
  EXPECT_EQ(encoding_of(Compression::kGzip, {Mode::kFast, 1}), "gzip");
  EXPECT_EQ(encoding_of(Compression::kGzip, {Mode::kFixed, 12}), "gzip");
  const Bytes8 body = log_body(200 << 10);
  const auto best = make_compressor(Compression::kGzip, {Mode::kFixed, 9});
  const auto first = make_compressor(Compression::kGzip, {Mode::kFixed, 1});
  EXPECT_LT(pack(*best.value(), body).size(), pack(*first.value(), body).size());
#ifdef SLUICE_HAVE_ZSTD
  EXPECT_EQ(encoding_of(Compression::kZstd, {Mode::kAuto, 1}), "zstd");
  EXPECT_EQ(encoding_of(Compression::kZstd, {Mode::kFixed, 19}), "zstd");
#else
  EXPECT_EQ(make_compressor(Compression::kZstd, {}).error().code, Errc::kUnsupported);
#endif
}

TEST(Compressor, ALevelThatTheCodecDoesNotHaveIsInvalid) {
  using Mode = CompressionLevel::Mode;
  for (const int level : {-1, 0, 13}) {
    const auto made = make_compressor(Compression::kGzip, {Mode::kFixed, level});
    ASSERT_FALSE(made.ok()) << level;
    EXPECT_EQ(made.error().code, Errc::kInvalid);
  }
}

TEST(Compressor, AutomaticLevelsSaveBytesWhenCalmAndHurryWhenBehind) {
  const Bytes8 body = log_body(300 << 10);
  const auto compressor = make_compressor(Compression::kGzip, {});
  const auto fast = make_compressor(Compression::kGzip, {CompressionLevel::Mode::kFast, 1});
  const size_t behind = pack(*compressor.value(), body).size();
  EXPECT_EQ(behind, pack(*fast.value(), body).size()) << "begins as if behind";
  compressor.value()->set_pace(Pace::kCalm);
  EXPECT_LT(pack(*compressor.value(), body).size(), behind);
  compressor.value()->set_pace(Pace::kBehind);
  EXPECT_EQ(pack(*compressor.value(), body).size(), behind);
}

}  // namespace
}  // namespace sluice
