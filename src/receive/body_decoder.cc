// SPDX-License-Identifier: Apache-2.0
#include "receive/body_decoder.h"

#include <fmt/format.h>
#include <libdeflate.h>
#ifdef SLUICE_HAVE_ZSTD
#include <zstd.h>
#endif

#include <algorithm>
#include <cstring>

#include "sluice/check.h"

namespace sluice {
namespace {

// What deflate can do at most: 1032 bytes out of one. A trailer that promises more lies.
constexpr size_t kDeflateRatioMax = 1032;
constexpr size_t kGzipBytesMin = 18;

DecodedBody refuse(DecodedBody::Verdict verdict, std::string reason) {
  DecodedBody body;
  body.verdict = verdict;
  body.reason = std::move(reason);
  return body;
}

// The last four bytes of a gzip file: its plain size modulo 2^32. A hint, never trusted.
size_t promised_bytes(std::string_view gzip) {
  uint32_t size = 0;
  std::memcpy(&size, gzip.data() + gzip.size() - 4, 4);  // little endian, as are our machines
  return size;
}

ZSTD_DCtx_s* make_zstd() {
#ifdef SLUICE_HAVE_ZSTD
  ZSTD_DCtx_s* const context = ZSTD_createDCtx();
  SLUICE_CHECK(context != nullptr, "a decompressor needs memory at start");
  return context;
#else
  return nullptr;
#endif
}

}  // namespace

BodyDecoder::BodyDecoder(Bytes decoded_bytes_max)
    : decoded_bytes_max_(static_cast<size_t>(decoded_bytes_max.value)),
      deflate_(libdeflate_alloc_decompressor()),
      zstd_(make_zstd()) {
  SLUICE_CHECK(deflate_ != nullptr, "a decompressor needs memory at start");
}

BodyDecoder::~BodyDecoder() {
  libdeflate_free_decompressor(deflate_);
#ifdef SLUICE_HAVE_ZSTD
  ZSTD_freeDCtx(zstd_);
#endif
}

DecodedBody BodyDecoder::decode(std::string_view body, std::string_view content_encoding) {
  if (content_encoding.empty() || content_encoding == "identity") return decode_identity(body);
  if (content_encoding == "gzip" || content_encoding == "x-gzip") return decode_gzip(body);
  if (content_encoding == "zstd") return decode_zstd(body);
  return refuse(DecodedBody::Verdict::kUnsupported,
                fmt::format("Content-Encoding \"{}\" is not supported; send gzip, zstd or identity",
                            content_encoding.substr(0, 40)));
}

DecodedBody BodyDecoder::decode_identity(std::string_view body) {
  if (!reserve(body.size(), 0)) return too_large();
  // A copy, because the parser needs padding; an empty body has no address.
  if (!body.empty()) std::memcpy(buffer_.get(), body.data(), body.size());
  return decoded(body.size());
}

DecodedBody BodyDecoder::decode_gzip(std::string_view body) {
  if (body.size() < kGzipBytesMin) {
    return refuse(DecodedBody::Verdict::kDamaged, "the body is too short to be gzip");
  }
  size_t filled = 0;
  const size_t guess = std::min(promised_bytes(body), body.size() * kDeflateRatioMax);
  if (!reserve(std::min(std::max(guess, size_t{4096}), decoded_bytes_max_), 0)) return too_large();
  while (!body.empty()) {
    switch (gzip_member(&body, &filled)) {
      case Step::kDone:
        continue;
      case Step::kDamaged:
        return refuse(DecodedBody::Verdict::kDamaged, "the body is not valid gzip");
      case Step::kNoRoom:
        if (!reserve(std::max(capacity_ * 2, size_t{64} << 10), filled)) return too_large();
    }
  }
  return decoded(filled);
}

BodyDecoder::Step BodyDecoder::gzip_member(std::string_view* body, size_t* filled) {
  size_t used = 0, written = 0;
  const libdeflate_result result =
      libdeflate_gzip_decompress_ex(deflate_, body->data(), body->size(), buffer_.get() + *filled,
                                    capacity_ - *filled, &used, &written);
  if (result == LIBDEFLATE_INSUFFICIENT_SPACE) return Step::kNoRoom;
  if (result != LIBDEFLATE_SUCCESS) return Step::kDamaged;
  *filled += written;
  body->remove_prefix(used);
  return Step::kDone;
}

#ifdef SLUICE_HAVE_ZSTD
DecodedBody BodyDecoder::decode_zstd(std::string_view body) {
  ZSTD_DCtx_reset(zstd_, ZSTD_reset_session_only);
  const unsigned long long promised = ZSTD_getFrameContentSize(body.data(), body.size());
  if (promised == ZSTD_CONTENTSIZE_ERROR) {
    return refuse(DecodedBody::Verdict::kDamaged, "the body is not valid zstd");
  }
  const size_t guess = promised == ZSTD_CONTENTSIZE_UNKNOWN || promised > decoded_bytes_max_
                           ? body.size() * 4
                           : static_cast<size_t>(promised);
  if (!reserve(std::min(guess, decoded_bytes_max_), 0)) return too_large();
  ZSTD_inBuffer in{body.data(), body.size(), 0};
  ZSTD_outBuffer out{buffer_.get(), capacity_, 0};
  size_t left = 1;  // 0 when a frame has ended and all of it is written
  while (in.pos < in.size || left != 0) {
    if (out.pos == out.size) {
      if (!reserve(std::max(capacity_ * 2, size_t{64} << 10), out.pos)) return too_large();
      out.dst = buffer_.get();
      out.size = capacity_;
    }
    const size_t in_before = in.pos, out_before = out.pos;
    left = ZSTD_decompressStream(zstd_, &out, &in);
    const bool stuck = in.pos == in_before && out.pos == out_before;
    if (ZSTD_isError(left) != 0 || (stuck && left != 0)) {
      return refuse(DecodedBody::Verdict::kDamaged, "the body is not valid zstd");
    }
  }
  return decoded(out.pos);
}

#else
DecodedBody BodyDecoder::decode_zstd(std::string_view) {
  return refuse(DecodedBody::Verdict::kUnsupported, "this build has no zstd; send gzip");
}
#endif

bool BodyDecoder::reserve(size_t bytes, size_t filled) {
  if (bytes <= capacity_ && buffer_ != nullptr) return true;
  bytes = std::min(bytes, decoded_bytes_max_ + 1);  // one more, to notice what does not fit
  if (bytes <= capacity_ && buffer_ != nullptr) return false;
  auto larger = std::make_unique_for_overwrite<char[]>(bytes + kBodyPadding);
  if (filled != 0) std::memcpy(larger.get(), buffer_.get(), filled);
  buffer_ = std::move(larger);
  capacity_ = bytes;
  return true;
}

DecodedBody BodyDecoder::decoded(size_t bytes) const {
  if (bytes > decoded_bytes_max_) return too_large();
  DecodedBody body;
  body.bytes = std::string_view(buffer_.get(), bytes);
  return body;
}

DecodedBody BodyDecoder::too_large() const {
  return refuse(DecodedBody::Verdict::kTooLarge,
                fmt::format("the body decodes to more than {} bytes; send smaller batches or raise "
                            "--max-decoded",
                            decoded_bytes_max_));
}

}  // namespace sluice
