// SPDX-License-Identifier: Apache-2.0
// The encoder of this project against the decoders of others: whatever the bytes, whatever the
// instruction set.
#include <gtest/gtest.h>
#include <libdeflate.h>
#include <zlib.h>
#ifdef SLUICE_HAVE_ISAL
#include <isa-l/igzip_lib.h>
#endif

#include <algorithm>
#include <cstring>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "flow/compress/codecs.h"
#include "flow/compress/log_deflate_codes.h"
#include "simd_targets.h"

namespace sluice {
namespace {

std::string pack(Compressor& compressor, const std::string& body) {
  // Exact, so that the sanitizer sees one byte read or written too many.
  const std::vector<std::byte> in(reinterpret_cast<const std::byte*>(body.data()),
                                  reinterpret_cast<const std::byte*>(body.data()) + body.size());
  std::vector<std::byte> out(compressor.bound(body.size()));
  const Result<size_t> written = compressor.compress(in, out);
  EXPECT_TRUE(written.ok());
  const size_t size = written.ok() ? written.value() : 0;
  return {reinterpret_cast<const char*>(out.data()), size};
}

std::string pack(const std::string& body) {
  return pack(*make_log_deflate(), body);
}

std::string through_zlib(const std::string& packed, size_t size) {
  std::string plain(size + 1, '\0');
  z_stream stream{};
  EXPECT_EQ(inflateInit2(&stream, 15 + 16), Z_OK);
  std::string in = packed;
  stream.next_in = reinterpret_cast<Bytef*>(in.data());
  stream.avail_in = static_cast<uInt>(in.size());
  stream.next_out = reinterpret_cast<Bytef*>(plain.data());
  stream.avail_out = static_cast<uInt>(plain.size());
  EXPECT_EQ(inflate(&stream, Z_FINISH), Z_STREAM_END);
  EXPECT_EQ(stream.avail_in, 0u) << "bytes behind the gzip member";
  plain.resize(stream.total_out);
  inflateEnd(&stream);
  return plain;
}

std::string through_libdeflate(const std::string& packed, size_t size) {
  std::string plain(size + 1, '\0');
  libdeflate_decompressor* const decoder = libdeflate_alloc_decompressor();
  size_t took = 0;
  size_t gave = 0;
  EXPECT_EQ(libdeflate_gzip_decompress_ex(decoder, packed.data(), packed.size(), plain.data(),
                                          plain.size(), &took, &gave),
            LIBDEFLATE_SUCCESS);
  EXPECT_EQ(took, packed.size());
  libdeflate_free_decompressor(decoder);
  plain.resize(gave);
  return plain;
}

#ifdef SLUICE_HAVE_ISAL
std::string through_isal(const std::string& packed, size_t size) {
  std::string plain(size + 1, '\0');
  std::string in = packed;
  auto state = std::make_unique<inflate_state>();
  isal_inflate_init(state.get());
  state->crc_flag = ISAL_GZIP;
  state->next_in = reinterpret_cast<uint8_t*>(in.data());
  state->avail_in = static_cast<uint32_t>(in.size());
  state->next_out = reinterpret_cast<uint8_t*>(plain.data());
  state->avail_out = static_cast<uint32_t>(plain.size());
  EXPECT_EQ(isal_inflate(state.get()), ISAL_DECOMP_OK);
  EXPECT_EQ(state->block_state, ISAL_BLOCK_FINISH);
  plain.resize(state->total_out);
  return plain;
}
#endif

void expect_every_decoder_reads(const std::string& body) {
  const std::string packed = pack(body);
  ASSERT_TRUE(through_zlib(packed, body.size()) == body) << "zlib, " << body.size() << " bytes";
  ASSERT_TRUE(through_libdeflate(packed, body.size()) == body) << "libdeflate, " << body.size();
#ifdef SLUICE_HAVE_ISAL
  ASSERT_TRUE(through_isal(packed, body.size()) == body) << "ISA-L, " << body.size();
#endif
}

std::string log_body(size_t size, uint32_t seed = 8) {
  std::mt19937 random(seed);
  const char* const paths[] = {"/", "/index.html", "/api/v1/users", "/static/app.css", "/healthz"};
  const char* const agents[] = {"Mozilla/5.0 (X11; Linux x86_64; rv:127.0) Gecko/20100101",
                                "curl/8.5.0", "kube-probe/1.30"};
  std::string text = "[";
  while (text.size() < size) {
    text += R"({"timestamp":"2026-11-22T17:10:17.123456789Z","host":"web-01.example.com",)"
            R"("path":"/var/log/nginx/access.log","line":")";
    for (int i = 0; i < 4; ++i) text += std::to_string(random() % 256) + (i < 3 ? "." : " - - ");
    text += std::string("\\\"GET ") + paths[random() % 5] +
            "?id=" + std::to_string(random() % 100000) + " HTTP/1.1\\\" 200 \\\"" +
            agents[random() % 3] + "\\\"\"},";
  }
  text.resize(size);
  return text;
}

std::string noise(size_t size, uint32_t seed, uint32_t symbols = 256) {
  std::mt19937 random(seed);
  std::string text(size, '\0');
  for (char& byte : text) byte = static_cast<char>(random() % symbols);
  return text;
}

// Pieces of itself at every distance up to twice what deflate can name, with and without noise.
std::string echoes(size_t size, uint32_t seed) {
  std::mt19937 random(seed);
  std::string text = "begin ";
  while (text.size() < size) {
    const auto kind = static_cast<uint32_t>(random() % 8);
    if (kind == 0) {
      text += " word" + std::to_string(random() % 50);
    } else if (kind == 1) {
      text.append(random() % 700, static_cast<char>('a' + random() % 26));
    } else if (kind == 2) {
      text += noise(random() % 40, static_cast<uint32_t>(random()));
    } else {
      const size_t near = std::min<size_t>(text.size(), 1 + random() % (kind == 3 ? 66'000 : 900));
      text += ' ' + text.substr(text.size() - near, 1 + random() % (kind == 4 ? 3000 : 30));
    }
  }
  return text;
}

TEST(LogDeflate, EveryDecoderReadsBodiesOfEverySize) {
  const std::string text = log_body(4000);
  for (size_t size = 0; size < 700; ++size) expect_every_decoder_reads(text.substr(0, size));
  // Around one stream and three, one block and two, and three.
  for (const size_t around : {3 * kStreamBytesMin, kLogBlockBytesMax, 5 * kLogBlockBytes / 2}) {
    for (const size_t size : {around - 1, around, around + 1}) {
      expect_every_decoder_reads(log_body(size));
    }
  }
}

TEST(LogDeflate, EveryDecoderReadsEveryKindOfBytes) {
  for (uint32_t seed = 0; seed < 60; ++seed) {
    SCOPED_TRACE(seed);
    expect_every_decoder_reads(echoes(seed % 3 == 0 ? 300'000 : 20'000, seed));
  }
  for (const uint32_t symbols : {1u, 2u, 3u, 20u, 256u}) {
    for (const size_t size : {100, 5000, 200'000, 1'700'000}) {
      expect_every_decoder_reads(noise(size, symbols, symbols));
    }
  }
}

TEST(LogDeflate, AllInstructionSetsGiveTheSameBytes) {
  const std::string bodies[] = {log_body(150'000), log_body(900'000), echoes(400'000, 1),
                                echoes(333, 2), noise(100'000, 3, 4)};
  std::vector<std::string> first;
  for_each_simd_target([&] {
    for (size_t i = 0; i < std::size(bodies); ++i) {
      const std::string packed = pack(bodies[i]);
      if (first.size() <= i) first.push_back(packed);
      EXPECT_TRUE(packed == first[i]) << "body " << i;
    }
  });
}

// The codes come from a fourth of the symbols; what none of them showed has a code all the same.
TEST(LogDeflate, BytesThatTheSampleDidNotShowAreWrittenToo) {
  std::string body = log_body(500'000);
  for (size_t at = 0; at + 8 < body.size(); at += 9973) {
    body[at] = static_cast<char>(at / 9973 * 5);
  }
  expect_every_decoder_reads(body);
  // Half a body that shrinks, half one that does not: the sample promises what does not come.
  expect_every_decoder_reads(log_body(300'000) + noise(200'000, 4));
  expect_every_decoder_reads(noise(200'000, 4) + log_body(300'000));
}

TEST(LogDeflate, WhatDoesNotShrinkTravelsAsItIs) {
  for (const size_t size : {1, 100, 65'535, 65'536, 500'000, 2'000'000}) {
    const std::string body = noise(size, 5);
    EXPECT_LE(pack(body).size(), size + size / 5000 + 40) << size;
  }
}

TEST(LogDeflate, LogBodiesAreNoLargerThanThoseOfLibdeflateAndATenth) {
  const auto reference = make_deflate(1);
  for (const size_t size : {20'000, 90'000, 120'000, 512 << 10, 1 << 20}) {
    const std::string body = log_body(size);
    EXPECT_LT(pack(body).size(), pack(*reference.value(), body).size() * 11 / 10) << size;
  }
}

TEST(LogDeflate, RulesAndPaddingShrinkThoughTheyHaveNoWords) {
  for (const std::string& pattern :
       {std::string(1, '\0'), std::string(" "), std::string("-="), std::string("\xE2\x94\x80")}) {
    std::string body;
    while (body.size() < 200'000) body += pattern;
    EXPECT_LT(pack(body).size(), body.size() / 100) << pattern;
  }
}

uint64_t kraft_sum(const std::vector<uint8_t>& lengths) {
  uint64_t sum = 0;
  for (const uint8_t length : lengths) sum += length == 0 ? 0 : uint64_t{1} << (15 - length);
  return sum;
}

TEST(HuffmanLengths, AreACompleteCodeWithinTheBoundForAnyCounts) {
  std::mt19937 random(6);
  for (int round = 0; round < 2000; ++round) {
    const size_t count = 2 + random() % (kLiteralCodes - 1);
    std::vector<uint32_t> counts(count);
    for (uint32_t& value : counts) {
      // From flat to so skewed that an unbounded tree is 30 deep.
      value = random() % 3 == 0 ? 0 : static_cast<uint32_t>(random()) >> (random() % 32);
    }
    std::vector<uint8_t> lengths(count);
    const int bits_max = count > 128 ? 15 : 7 + static_cast<int>(random() % 9);
    huffman_lengths(counts.data(), count, bits_max, lengths.data());
    EXPECT_EQ(kraft_sum(lengths), uint64_t{1} << 15);
    EXPECT_LE(*std::max_element(lengths.begin(), lengths.end()), bits_max);
    for (size_t i = 0; i < count; ++i) EXPECT_TRUE(counts[i] == 0 || lengths[i] != 0);
  }
}

TEST(HuffmanLengths, AreShorterForWhatIsMoreFrequent) {
  std::vector<uint32_t> counts(40);
  uint32_t last = 1;
  uint32_t value = 1;
  for (uint32_t& out : counts) {  // Fibonacci: the deepest of all trees
    out = value;
    value += last;
    last = out;
  }
  std::vector<uint8_t> lengths(counts.size());
  huffman_lengths(counts.data(), counts.size(), 15, lengths.data());
  EXPECT_EQ(lengths.back(), 1);
  EXPECT_EQ(kraft_sum(lengths), uint64_t{1} << 15);
  EXPECT_TRUE(std::is_sorted(lengths.rbegin(), lengths.rend()));
}

}  // namespace
}  // namespace sluice
