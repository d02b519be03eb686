// SPDX-License-Identifier: Apache-2.0
#include "flow/compress/codecs.h"

#ifdef SLUICE_HAVE_ISAL

#include <isa-l/igzip_lib.h>

#include <vector>

namespace sluice {
namespace {

uint32_t level_buffer_bytes(int level) {
  constexpr uint32_t kBytes[] = {ISAL_DEF_LVL0_DEFAULT, ISAL_DEF_LVL1_DEFAULT,
                                 ISAL_DEF_LVL2_DEFAULT, ISAL_DEF_LVL3_DEFAULT};
  return kBytes[level];
}

class Igzip final : public Compressor {
 public:
  explicit Igzip(int level) : level_(level), level_buffer_(level_buffer_bytes(level)) {}

  // Incompressible data falls back to stored blocks of at most 64 KiB with 5 bytes each; the
  // wrapper takes 18, and a dynamic header that was begun before the fall-back
  // ISAL_DEF_MAX_HDR_SIZE.
  size_t bound(size_t body_bytes) const override {
    return body_bytes + 5 * (body_bytes / 32'768 + 2) + 18 + ISAL_DEF_MAX_HDR_SIZE;
  }

  Result<size_t> compress(std::span<const std::byte> body, std::span<std::byte> out) override {
    if (body.size() > INT32_MAX) return Error{Errc::kInvalid, 0, "igzip body size"};
    isal_deflate_stateless_init(&stream_);
    stream_.level = static_cast<uint32_t>(level_);
    stream_.level_buf = level_buffer_.data();
    stream_.level_buf_size = static_cast<uint32_t>(level_buffer_.size());
    stream_.gzip_flag = IGZIP_GZIP;
    stream_.end_of_stream = 1;
    stream_.flush = NO_FLUSH;
    // The library takes a pointer to non-const but only reads.
    stream_.next_in =
        const_cast<uint8_t*>(reinterpret_cast<const uint8_t*>(body.data()));  // NOLINT
    stream_.avail_in = static_cast<uint32_t>(body.size());
    stream_.next_out = reinterpret_cast<uint8_t*>(out.data());
    stream_.avail_out = static_cast<uint32_t>(std::min<size_t>(out.size(), UINT32_MAX));
    const int status = isal_deflate_stateless(&stream_);
    if (status != COMP_OK || stream_.avail_in != 0) {
      return Error{status == STATELESS_OVERFLOW ? Errc::kExhausted : Errc::kInvalid, 0,
                   "igzip body"};
    }
    return static_cast<size_t>(stream_.total_out);
  }
  std::string_view content_encoding() const override { return "gzip"; }

 private:
  const int level_;
  std::vector<uint8_t> level_buffer_;
  // Zeroed, because isal_deflate_stateless_init() leaves `hist_bits` alone: whatever the heap held
  // there limits the distance of matches, and bodies come out twelve times as long.
  isal_zstream stream_{};
};

}  // namespace

Result<std::unique_ptr<Compressor>> make_igzip(int level) {
  if (level < 1 || level > 3) return Error{Errc::kInvalid, 0, "igzip level"};
  return std::unique_ptr<Compressor>(std::make_unique<Igzip>(level));
}

}  // namespace sluice

#else

namespace sluice {
Result<std::unique_ptr<Compressor>> make_igzip(int) {
  return Error{Errc::kUnsupported, 0, "igzip is not part of this build"};
}
}  // namespace sluice

#endif
