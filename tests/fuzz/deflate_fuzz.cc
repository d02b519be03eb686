// SPDX-License-Identifier: Apache-2.0
// deflate_fuzz.cc — any bytes as a body for the gzip encoder of this project.
//
// In:      bytes from libFuzzer; the first chooses how often the rest is repeated, and with how
// much
//          shuffled between, so that short inputs reach several streams and blocks.
// Out:     nothing, or an abort: zlib, libdeflate and ISA-L must give the body back.
// Why so:  a body that one decoder refuses is a parcel that comes back for ever, and the encoder is
//          ours alone.
#include <libdeflate.h>
#include <zlib.h>
#ifdef SLUICE_HAVE_ISAL
#include <isa-l/igzip_lib.h>
#endif

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <vector>

#include "flow/compress/codecs.h"
#include "sluice/check.h"

namespace sluice {
namespace {

using Body = std::vector<uint8_t>;

constexpr size_t kBodyBytesMax = 2 << 20;

Body body_of(const uint8_t* bytes, size_t size, uint8_t choice) {
  Body body(bytes, bytes + size);
  const size_t wanted = choice < 192   ? 0
                        : choice < 240 ? size_t{choice} << 9
                                       : size_t{choice} << 12;
  uint32_t state = choice;
  while (!body.empty() && body.size() < wanted && body.size() < kBodyBytesMax) {
    state = state * 1'664'525 + 1'013'904'223;
    const size_t from = (state >> 8) % body.size();
    const size_t take = std::min<size_t>(1 + (state >> 24) * 4, body.size() - from);
    const Body piece(body.begin() + static_cast<ptrdiff_t>(from),
                     body.begin() + static_cast<ptrdiff_t>(from + take));
    body.insert(body.end(), piece.begin(), piece.end());
    if (choice % 4 == 0) body.push_back(static_cast<uint8_t>(state >> 16));
  }
  return body;
}

void check_zlib(Body packed, const Body& body) {
  Body plain(body.size() + 1);
  z_stream stream{};
  SLUICE_CHECK(inflateInit2(&stream, 15 + 16) == Z_OK, "zlib starts");
  stream.next_in = packed.data();
  stream.avail_in = static_cast<uInt>(packed.size());
  stream.next_out = plain.data();
  stream.avail_out = static_cast<uInt>(plain.size());
  SLUICE_CHECK(inflate(&stream, Z_FINISH) == Z_STREAM_END, "zlib reads it");
  SLUICE_CHECK(stream.avail_in == 0 && stream.total_out == body.size(), "zlib reads all of it");
  inflateEnd(&stream);
  plain.pop_back();
  SLUICE_CHECK(plain == body, "zlib gives the body back");
}

void check_libdeflate(const Body& packed, const Body& body) {
  Body plain(body.size() + 1);
  libdeflate_decompressor* const decoder = libdeflate_alloc_decompressor();
  size_t gave = 0;
  SLUICE_CHECK(libdeflate_gzip_decompress(decoder, packed.data(), packed.size(), plain.data(),
                                          plain.size(), &gave) == LIBDEFLATE_SUCCESS,
               "libdeflate reads it");
  libdeflate_free_decompressor(decoder);
  plain.resize(gave);
  SLUICE_CHECK(plain == body, "libdeflate gives the body back");
}

void check_isal([[maybe_unused]] Body packed, [[maybe_unused]] const Body& body) {
#ifdef SLUICE_HAVE_ISAL
  Body plain(body.size() + 1);
  auto state = std::make_unique<inflate_state>();
  isal_inflate_init(state.get());
  state->crc_flag = ISAL_GZIP;
  state->next_in = packed.data();
  state->avail_in = static_cast<uint32_t>(packed.size());
  state->next_out = plain.data();
  state->avail_out = static_cast<uint32_t>(plain.size());
  SLUICE_CHECK(isal_inflate(state.get()) == ISAL_DECOMP_OK, "ISA-L reads it");
  plain.resize(state->total_out);
  SLUICE_CHECK(plain == body, "ISA-L gives the body back");
#endif
}

}  // namespace
}  // namespace sluice

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* bytes, size_t size) {
  using namespace sluice;
  if (size == 0) return 0;
  const Body body = body_of(bytes + 1, size - 1, bytes[0]);
  static const std::unique_ptr<Compressor> encoder = make_log_deflate();
  std::vector<std::byte> out(encoder->bound(body.size()));
  const Result<size_t> written = encoder->compress(std::as_bytes(std::span(body)), out);
  SLUICE_CHECK(written.ok(), "the bound holds");
  Body packed(written.value());
  std::memcpy(packed.data(), out.data(), packed.size());
  check_zlib(packed, body);
  check_libdeflate(packed, body);
  check_isal(packed, body);
  return 0;
}
