// SPDX-License-Identifier: Apache-2.0
#include "flow/compress/codecs.h"

#ifdef SLUICE_HAVE_ZSTD

#include <zstd.h>

namespace sluice {
namespace {

struct FreeContext {
  void operator()(ZSTD_CCtx* context) const { ZSTD_freeCCtx(context); }
};
using Context = std::unique_ptr<ZSTD_CCtx, FreeContext>;

class Zstd final : public Compressor {
 public:
  explicit Zstd(Context context) : context_(std::move(context)) {}

  size_t bound(size_t body_bytes) const override { return ZSTD_compressBound(body_bytes); }
  Result<size_t> compress(std::span<const std::byte> body, std::span<std::byte> out) override {
    const size_t written =
        ZSTD_compress2(context_.get(), out.data(), out.size(), body.data(), body.size());
    if (ZSTD_isError(written)) return Error{Errc::kExhausted, 0, "zstd body"};
    return written;
  }
  std::string_view content_encoding() const override { return "zstd"; }

 private:
  Context context_;
};

}  // namespace

Result<std::unique_ptr<Compressor>> make_zstd(int level) {
  if (level < -5 || level == 0 || level > 19) return Error{Errc::kInvalid, 0, "zstd level"};
  Context context(ZSTD_createCCtx());
  if (context == nullptr ||
      ZSTD_isError(ZSTD_CCtx_setParameter(context.get(), ZSTD_c_compressionLevel, level))) {
    return Error{Errc::kExhausted, 0, "allocate zstd state"};
  }
  return std::unique_ptr<Compressor>(std::make_unique<Zstd>(std::move(context)));
}

}  // namespace sluice

#else

namespace sluice {
Result<std::unique_ptr<Compressor>> make_zstd(int) {
  return Error{Errc::kUnsupported, 0, "zstd is not part of this build"};
}
}  // namespace sluice

#endif
