// SPDX-License-Identifier: Apache-2.0
#include <libdeflate.h>

#include "flow/compress/codecs.h"
#include "sluice/check.h"

namespace sluice {
namespace {

struct FreeCompressor {
  void operator()(libdeflate_compressor* state) const { libdeflate_free_compressor(state); }
};
using State = std::unique_ptr<libdeflate_compressor, FreeCompressor>;

class Deflate final : public Compressor {
 public:
  explicit Deflate(State state) : state_(std::move(state)) {}

  size_t bound(size_t body_bytes) const override {
    return libdeflate_gzip_compress_bound(state_.get(), body_bytes);
  }
  Result<size_t> compress(std::span<const std::byte> body, std::span<std::byte> out) override {
    const size_t written =
        libdeflate_gzip_compress(state_.get(), body.data(), body.size(), out.data(), out.size());
    if (written == 0) return Error{Errc::kExhausted, 0, "gzip body"};
    return written;
  }
  std::string_view content_encoding() const override { return "gzip"; }

 private:
  State state_;
};

}  // namespace

Result<std::unique_ptr<Compressor>> make_deflate(int level) {
  if (level < 1 || level > 12) return Error{Errc::kInvalid, 0, "gzip level"};
  State state(libdeflate_alloc_compressor(level));
  if (state == nullptr) return Error{Errc::kExhausted, 0, "allocate gzip state"};
  return std::unique_ptr<Compressor>(std::make_unique<Deflate>(std::move(state)));
}

}  // namespace sluice
