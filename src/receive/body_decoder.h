// SPDX-License-Identifier: Apache-2.0
// body_decoder.h — turns a request body into plain bytes, however it was compressed.
//
// In:      the body and the name of its Content-Encoding: none, identity, gzip, x-gzip, zstd.
// Out:     a view of the plain bytes with kBodyPadding readable bytes behind it, valid until the
//          next call; or why not.
// Owns:    one output buffer that grows to the largest body seen, one decompressor of each kind.
// Thread:  one.
// Limits:  decoded_bytes_max. A body that would exceed it is refused before more than that has
//          been written, whatever its headers promise, so a bomb costs the limit and no more.
//          Several gzip members or zstd frames in a row are one body, as their formats say.
// Fails:   a verdict with a sentence for the client; never throws.
// Why so:  libdeflate takes whole buffers and decodes 1.5 to 2 times as fast as zlib's stream; the
//          trailer of a gzip member tells its size, so one attempt is the rule.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "sluice/units.h"

struct libdeflate_decompressor;
struct ZSTD_DCtx_s;

namespace sluice {

inline constexpr size_t kBodyPadding = 64;  // what the JSON parser may read past the end

struct DecodedBody {
  enum class Verdict : uint8_t { kDecoded, kUnsupported, kDamaged, kTooLarge };
  Verdict verdict = Verdict::kDecoded;
  std::string_view bytes;  // borrowed from the decoder until its next call
  std::string reason;      // for the client, when not decoded
};

class BodyDecoder {
 public:
  explicit BodyDecoder(Bytes decoded_bytes_max);
  ~BodyDecoder();
  BodyDecoder(const BodyDecoder&) = delete;
  BodyDecoder& operator=(const BodyDecoder&) = delete;

  DecodedBody decode(std::string_view body, std::string_view content_encoding);

 private:
  enum class Step : uint8_t { kDone, kDamaged, kNoRoom };

  DecodedBody decode_identity(std::string_view body);
  DecodedBody decode_gzip(std::string_view body);
  DecodedBody decode_zstd(std::string_view body);
  Step gzip_member(std::string_view* body, size_t* filled);
  // Makes room for at least `bytes` and keeps the first `filled`; false beyond the limit.
  bool reserve(size_t bytes, size_t filled);
  DecodedBody decoded(size_t bytes) const;
  DecodedBody too_large() const;

  const size_t decoded_bytes_max_;
  std::unique_ptr<char[]> buffer_;
  size_t capacity_ = 0;  // without the padding
  libdeflate_decompressor* const deflate_;
  ZSTD_DCtx_s* const zstd_;
};

}  // namespace sluice
