// SPDX-License-Identifier: Apache-2.0
// The gzip encoder that knows log lines: find_matches, append_symbols, BlockCodes, emit_pairs, each
// with its essay in its header. Here they meet: a member, its blocks, and what a block becomes
// that does not shrink.
#include <hwy/targets.h>
#include <libdeflate.h>

#include <algorithm>
#include <cstring>

#include "flow/compress/codecs.h"
#include "flow/compress/log_deflate_emit.h"
#include "flow/compress/log_deflate_matches.h"
#include "sluice/check.h"
#ifdef SLUICE_HAVE_ISAL
#include <isa-l/crc.h>
#endif

namespace sluice {
namespace {

constexpr uint8_t kGzipHeader[10] = {0x1F, 0x8B, 8, 0, 0, 0, 0, 0, 4, 255};  // 4: fastest
constexpr size_t kGzipTrailerBytes = 8;
constexpr size_t kStoredBytesMax = 65'535;
// Blocks with more pairs take their codes from every fourth run of pairs: 6 % of the time for 0.3 %
// of the bytes.
constexpr size_t kSampledFrom = 16'384;
constexpr size_t kSampleStride = 4;
// What may be in use behind the last byte of a block that shrinks.
constexpr size_t kRoom = kBlockHeaderBytesMax + kEmitRoom;

// ISA-L folds 256 bytes at a time where the CPU can, twice as fast as libdeflate 1.14.
uint32_t crc_of(std::span<const std::byte> body) {
#ifdef SLUICE_HAVE_ISAL
  return crc32_gzip_refl(0, reinterpret_cast<const uint8_t*>(body.data()), body.size());
#else
  return libdeflate_crc32(0, body.data(), body.size());
#endif
}

size_t stored_bytes(size_t block_bytes) {
  return 1 + block_bytes + 5 * (block_bytes / kStoredBytesMax + 1);
}

void write_little_endian(uint64_t value, size_t bytes, uint8_t*& out) {
  for (size_t i = 0; i < bytes; ++i) *out++ = static_cast<uint8_t>(value >> (8 * i));
}

void write_stored(std::span<const uint8_t> block, bool last_block, BitWriter& out) {
  do {
    const std::span<const uint8_t> piece = block.first(std::min(block.size(), kStoredBytesMax));
    block = block.subspan(piece.size());
    out.put(last_block && block.empty() ? 1 : 0, 3);
    out.align();
    write_little_endian(piece.size(), 2, out.at);
    write_little_endian(~uint64_t{piece.size()}, 2, out.at);
    if (!piece.empty()) std::memcpy(out.at, piece.data(), piece.size());
    out.at += piece.size();
  } while (!block.empty());
}

class LogDeflate final : public Compressor {
 public:
  size_t bound(size_t body_bytes) const override {
    const size_t blocks = blocks_of(body_bytes);
    return sizeof(kGzipHeader) + kGzipTrailerBytes + kRoom + body_bytes + 6 * blocks +
           5 * (body_bytes / kStoredBytesMax + 1);
  }

  Result<size_t> compress(std::span<const std::byte> body, std::span<std::byte> out) override {
    if (out.size() < bound(body.size())) return Error{Errc::kExhausted, 0, "gzip body"};
    auto* const begin = reinterpret_cast<uint8_t*>(out.data());
    out_end_ = begin + out.size() - kGzipTrailerBytes;
    std::memcpy(begin, kGzipHeader, sizeof(kGzipHeader));
    BitWriter writer{begin + sizeof(kGzipHeader)};
    const std::span bytes(reinterpret_cast<const uint8_t*>(body.data()), body.size());
    const size_t blocks = blocks_of(body.size());
    const size_t per_block = (body.size() + blocks - 1) / blocks;
    for (size_t i = 0; i < blocks; ++i) {
      const size_t at = std::min(body.size(), i * per_block);
      const size_t end = std::min(body.size(), at + per_block);
      write_block(bytes, at, end, i + 1 == blocks, writer);
    }
    writer.align();
    write_little_endian(crc_of(body), 4, writer.at);
    write_little_endian(body.size(), 4, writer.at);
    return static_cast<size_t>(writer.at - begin);
  }

  std::string_view content_encoding() const override { return "gzip"; }

 private:
  static size_t blocks_of(size_t body_bytes) {
    return std::max<size_t>(1, (body_bytes + kLogBlockBytes / 2) / kLogBlockBytes);
  }

  void write_block(std::span<const uint8_t> body, size_t at, size_t end, bool last_block,
                   BitWriter& out) {
    const std::span<const uint8_t> block = body.subspan(at, end - at);
    const BitWriter before = out;
    const size_t stored = stored_bytes(block.size());
    const bool shrunk = write_dynamic(text_of(body, at, end), stored, last_block, out);
    if (shrunk && static_cast<size_t>(out.at - before.at) <= stored) return;
    out = before;
    write_stored(block, last_block, out);
  }

  static BlockText text_of(std::span<const uint8_t> body, size_t at, size_t end) {
    // Of a first block the first bytes cannot be looked behind.
    if (at == 0) return {body.data(), kMatchBackMax + 1, 0, end, body.size()};
    const size_t base = at - kPrimeBytes;
    return {body.data() + base, 0, kPrimeBytes, end - base, body.size() - base};
  }

  // False if it would not be smaller than `stored`, or did not turn out to be.
  bool write_dynamic(const BlockText& text, size_t stored, bool last_block, BitWriter& out) {
    const size_t runs = find_matches(text, scratch_);
    SymbolPair* const pairs = pairs_.get();
    SymbolPair* pairs_end = pairs;
    for (size_t i = 0; i < runs; ++i) {
      pairs_end = append_symbols(text, scratch_.runs[i], pairs_end);
    }
    const auto count = static_cast<size_t>(pairs_end - pairs);
    SLUICE_CHECK(count <= symbol_pairs_max(text.end - text.begin), "the bound of pairs holds");
    const size_t stride = count > kSampledFrom ? kSampleStride : 1;
    count_symbols(pairs, pairs_end, stride, counts_);
    const BlockCodes codes(counts_, stride > 1);
    if ((codes.header_bits() + stride * codes.pair_bits(counts_)) / 8 >= stored) return false;
    codes.write_header(last_block, out);
    codes.fill(codes_);
    return emit_pairs(pairs, pairs_end, codes_, out_end_, out);
  }

  MatchScratch scratch_;
  std::unique_ptr<SymbolPair[]> pairs_ = std::make_unique_for_overwrite<SymbolPair[]>(
      symbol_pairs_max(kLogBlockBytesMax) + kPairsSlack);
  SymbolCounts counts_;
  PairCodes codes_;
  uint8_t* out_end_ = nullptr;
};

}  // namespace

bool log_deflate_is_fastest() {
  return (hwy::SupportedTargets() & (HWY_AVX2 | HWY_AVX3 | HWY_AVX3_DL)) != 0;
}

std::unique_ptr<Compressor> make_log_deflate() {
  return std::make_unique<LogDeflate>();
}

}  // namespace sluice
