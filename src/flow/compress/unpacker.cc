// SPDX-License-Identifier: Apache-2.0
#include "flow/compress/unpacker.h"

#include <zlib.h>

#include <algorithm>
#include <array>
#include <string_view>

#include "sluice/check.h"

#ifdef SLUICE_HAVE_ZSTD
#include <zstd.h>
#include <zstd_errors.h>
#endif

namespace sluice {
namespace {

constexpr std::array<std::byte, 2> kGzipMagic = {std::byte{0x1f}, std::byte{0x8b}};
constexpr std::array<std::byte, 4> kZstdMagic = {std::byte{0x28}, std::byte{0xb5}, std::byte{0x2f},
                                                 std::byte{0xfd}};

bool starts_with(std::span<const std::byte> bytes, std::span<const std::byte> magic) {
  const size_t size = std::min(bytes.size(), magic.size());
  return std::equal(magic.begin(), magic.begin() + static_cast<ptrdiff_t>(size), bytes.begin());
}

// Of any number of members, one behind the other.
class Gunzip final : public Unpacker {
 public:
  Gunzip() { ready_ = ::inflateInit2(&stream_, 15 + 16) == Z_OK; }
  ~Gunzip() override {
    if (ready_) ::inflateEnd(&stream_);
  }
  Gunzip(const Gunzip&) = delete;
  Gunzip& operator=(const Gunzip&) = delete;
  bool ready() const { return ready_; }

  Step unpack(std::span<const std::byte> in, std::span<std::byte> out) override {
    Step step;
    while (!step.over) {
      if (between_ && !begin_member(in.subspan(step.taken), step)) break;
      // The pieces are small: sizes fit.
      stream_.next_in = reinterpret_cast<Bytef*>(const_cast<std::byte*>(in.data() + step.taken));
      stream_.avail_in = static_cast<uInt>(in.size() - step.taken);
      stream_.next_out = reinterpret_cast<Bytef*>(out.data() + step.made);
      stream_.avail_out = static_cast<uInt>(out.size() - step.made);
      const int code = ::inflate(&stream_, Z_NO_FLUSH);
      step.taken = in.size() - stream_.avail_in;
      step.made = out.size() - stream_.avail_out;
      between_ = code == Z_STREAM_END;
      if (code == Z_MEM_ERROR) step.error = Error{Errc::kExhausted, 0, "memory for gzip"};
      if (code == Z_DATA_ERROR || code == Z_NEED_DICT || code == Z_STREAM_ERROR)
        step.error = Error{Errc::kCorrupt, 0, "gzip"};
      if (!between_) break;
    }
    step.whole = between_;
    return step;
  }

 private:
  // False if there is nothing to begin with, or no member begins here.
  bool begin_member(std::span<const std::byte> in, Step& step) {
    if (in.empty()) return false;
    if (!first_ && in.front() != kGzipMagic.front()) {
      step.over = true;
      return false;
    }
    first_ = between_ = false;
    return ::inflateReset(&stream_) == Z_OK;
  }

  z_stream stream_{};
  bool ready_ = false;
  bool between_ = true;  // two members, or before the first
  bool first_ = true;
};

#ifdef SLUICE_HAVE_ZSTD

constexpr int kWindowLogMax = 23;

class Unzstd final : public Unpacker {
 public:
  explicit Unzstd(ZSTD_DCtx* context) : context_(context) {}
  ~Unzstd() override { ZSTD_freeDCtx(context_); }
  Unzstd(const Unzstd&) = delete;
  Unzstd& operator=(const Unzstd&) = delete;

  Step unpack(std::span<const std::byte> in, std::span<std::byte> out) override {
    ZSTD_inBuffer from{in.data(), in.size(), 0};
    ZSTD_outBuffer to{out.data(), out.size(), 0};
    while (from.pos < from.size || !whole_) {
      const size_t taken = from.pos, made = to.pos;
      const size_t left = ZSTD_decompressStream(context_, &to, &from);
      if (ZSTD_isError(left)) {
        const bool large = ZSTD_getErrorCode(left) == ZSTD_error_frameParameter_windowTooLarge;
        const Errc code = large ? Errc::kExhausted : Errc::kCorrupt;
        return Step{from.pos, to.pos, false, false, Error{code, 0, "zstd"}};
      }
      whole_ = left == 0;
      if (to.pos == to.size || (from.pos == taken && to.pos == made)) break;
    }
    return Step{from.pos, to.pos, whole_, false, {}};
  }

 private:
  ZSTD_DCtx* const context_;
  bool whole_ = true;
};

#endif

}  // namespace

Result<std::unique_ptr<Unpacker>> make_unpacker(std::span<const std::byte> head) {
  if (head.size() >= kGzipMagic.size() && starts_with(head, kGzipMagic)) {
    auto gunzip = std::make_unique<Gunzip>();
    if (!gunzip->ready()) return Error{Errc::kExhausted, 0, "memory for gzip"};
    return std::unique_ptr<Unpacker>(std::move(gunzip));
  }
#ifdef SLUICE_HAVE_ZSTD
  if (head.size() >= kZstdMagic.size() && starts_with(head, kZstdMagic)) {
    ZSTD_DCtx* context = ZSTD_createDCtx();
    if (context == nullptr) return Error{Errc::kExhausted, 0, "memory for zstd"};
    auto unzstd = std::make_unique<Unzstd>(context);
    if (ZSTD_isError(ZSTD_DCtx_setParameter(context, ZSTD_d_windowLogMax, kWindowLogMax)))
      return Error{Errc::kUnsupported, 0, "zstd"};
    return std::unique_ptr<Unpacker>(std::move(unzstd));
  }
#endif
  return Error{Errc::kUnsupported, 0, "neither gzip nor zstd"};
}

bool is_archive_name(std::string_view name, std::string_view* plain) {
  for (const std::string_view ending : {".gz", ".zst"}) {
    if (name.size() <= ending.size() || !name.ends_with(ending)) continue;
    if (plain != nullptr) *plain = name.substr(0, name.size() - ending.size());
    return true;
  }
  return false;
}

}  // namespace sluice
