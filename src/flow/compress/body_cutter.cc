// SPDX-License-Identifier: Apache-2.0
#include "flow/compress/body_cutter.h"

#include <libdeflate.h>
#ifdef SLUICE_HAVE_ZSTD
#include <zstd.h>
#endif

#include <cstring>

#include "sluice/check.h"

namespace sluice {
namespace {

struct FreeDecompressor {
  void operator()(libdeflate_decompressor* state) const { libdeflate_free_decompressor(state); }
};

Result<void> unpack_gzip(std::span<const std::byte> packed, std::span<std::byte> into) {
  const std::unique_ptr<libdeflate_decompressor, FreeDecompressor> state(
      libdeflate_alloc_decompressor());
  if (state == nullptr) return Error{Errc::kExhausted, 0, "allocate gzip state"};
  size_t size = 0;
  const libdeflate_result result = libdeflate_gzip_decompress(
      state.get(), packed.data(), packed.size(), into.data(), into.size(), &size);
  if (result == LIBDEFLATE_SUCCESS && size == into.size()) return {};
  return Error{Errc::kCorrupt, 0, "unpack gzip body"};
}

Result<void> unpack_zstd([[maybe_unused]] std::span<const std::byte> packed,
                         [[maybe_unused]] std::span<std::byte> into) {
#ifdef SLUICE_HAVE_ZSTD
  const size_t size = ZSTD_decompress(into.data(), into.size(), packed.data(), packed.size());
  if (ZSTD_isError(size) == 0 && size == into.size()) return {};
#endif
  return Error{Errc::kCorrupt, 0, "unpack zstd body"};
}

Result<void> unpack(const Parcel& parcel, std::span<std::byte> into) {
  const std::span<const std::byte> packed = parcel.bytes();
  if (parcel.content_encoding == "gzip") return unpack_gzip(packed, into);
  if (parcel.content_encoding == "zstd") return unpack_zstd(packed, into);
  if (!parcel.content_encoding.empty() || packed.size() != into.size())
    return Error{Errc::kCorrupt, 0, "unpack body"};
  std::memcpy(into.data(), packed.data(), packed.size());
  return {};
}

std::byte* append(std::byte* out, std::string_view text) {
  if (!text.empty()) std::memcpy(out, text.data(), text.size());
  return out + text.size();
}

// What has to lie before a body for a table to be believed.
Result<std::unique_ptr<std::byte[]>> plain_body(const Parcel& whole) {
  const auto size = static_cast<size_t>(whole.encoded_bytes.value);
  auto plain = std::make_unique_for_overwrite<std::byte[]>(size);
  const Result<void> unpacked = unpack(whole, {plain.get(), size});
  if (!unpacked) return unpacked.error();
  SLUICE_CHECK(whole.records.ends.back().encoded + whole.frame.close.size() == size,
               "the table speaks of this body");
  return plain;
}

}  // namespace

Result<CutBody> BodyCutter::cut(const Parcel& whole, RecordRange range) {
  auto plain = plain_body(whole);
  if (!plain) return plain.error();
  CutBody part;
  part.encoded_bytes = whole.records.encoded_bytes(range, whole.frame);
  // The records lie together already; what opens and closes a body replaces their neighbours.
  const size_t begin = whole.records.encoded_begin(range.first, whole.frame);
  const size_t text_bytes = whole.records.encoded_end(range.end - 1) - begin;
  auto document = std::make_unique_for_overwrite<std::byte[]>(part.encoded_bytes);
  std::byte* out = append(document.get(), whole.frame.open);
  std::memcpy(out, plain.value().get() + begin, text_bytes);
  append(out + text_bytes, whole.frame.close);
  plain.value().reset();

  const size_t bound = compressor_->bound(part.encoded_bytes);
  auto packed = std::make_unique_for_overwrite<std::byte[]>(bound);
  const Result<size_t> size =
      compressor_->compress({document.get(), part.encoded_bytes}, {packed.get(), bound});
  if (!size) return size.error();
  part.size = size.value();
  part.bytes = std::make_unique_for_overwrite<std::byte[]>(part.size);
  std::memcpy(part.bytes.get(), packed.get(), part.size);
  return part;
}

Result<std::string> BodyCutter::record(const Parcel& whole, uint32_t record) {
  const auto plain = plain_body(whole);
  if (!plain) return plain.error();
  const size_t begin = whole.records.encoded_begin(record, whole.frame);
  const size_t size = whole.records.encoded_end(record) - begin;
  return std::string(reinterpret_cast<const char*>(plain.value().get()) + begin, size);
}

}  // namespace sluice
