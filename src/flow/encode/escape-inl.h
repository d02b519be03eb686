// SPDX-License-Identifier: Apache-2.0
// escape-inl.h — the escape kernel, for one instruction set at a time.
//
// In:      bytes of a line; any content.
// Out:     their escaped form with bytes >= 0x80 copied unchanged, and whether there were any.
// Owns:    nothing. Included once per instruction set between HWY_BEFORE_NAMESPACE and
//          HWY_AFTER_NAMESPACE of a dispatching file, so that encoders can inline it in their
//          loops.
// Thread:  pure.
// Limits:  as escape.h; a store is one vector wide whatever part of it is kept.
// Fails:   cannot.
// Why so:  AVX-512 VBMI2 (Ice Lake, Zen 4 and later) widens 32 bytes to 32 pairs (backslash, byte)
//          and compresses the unwanted backslashes away. Others (AVX2, SSE4, NEON) spread 8 bytes
//          by a shuffle from a table of 256. Both without a branch on where the quotes are, which
//          in quote-heavy lines no predictor guesses: the branchy form drops to a third on JSON
//          lines.

// Toggled per target, like Highway's own files: this is no ordinary include guard.
#if defined(SLUICE_ESCAPE_INL_H) == defined(HWY_TARGET_TOGGLE)
#ifdef SLUICE_ESCAPE_INL_H
#undef SLUICE_ESCAPE_INL_H
#else
#define SLUICE_ESCAPE_INL_H
#endif

#include <hwy/highway.h>

#include <bit>
#include <cstring>

#include "flow/encode/escape_tables.h"

HWY_BEFORE_NAMESPACE();
namespace sluice {
namespace HWY_NAMESPACE {

#if HWY_TARGET == HWY_SCALAR || HWY_TARGET == HWY_EMU128

HWY_INLINE uint8_t* EscapeAscii(const uint8_t* line, size_t size, uint8_t* out, bool* high) {
  uint8_t seen = 0;
  for (size_t i = 0; i < size; ++i) {
    seen = static_cast<uint8_t>(seen | line[i]);
    out = escape_byte(line[i], out);
  }
  *high = seen >= 0x80;
  return out;
}

#elif HWY_TARGET == HWY_AVX3_DL

// gcc 12 believes that its own _mm512_castsi512_si256 reads an uninitialised register (PR 105593).
#if HWY_COMPILER_GCC_ACTUAL
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"
#endif

// The letter behind the backslash by control byte; 0 where there is none and \u00xx is needed.
HWY_INLINE __m512i ControlLetters() {
  return _mm512_maskz_loadu_epi8(0xFFFFFFFFu, kControlLetters);
}

// Writes 32 bytes as up to 64: pairs of backslash and byte, of which `keep` bits are wanted.
HWY_INLINE uint8_t* EmitPairs(__m256i bytes, uint64_t keep, uint8_t* out) {
  const __m512i wide = _mm512_slli_epi16(_mm512_cvtepu8_epi16(bytes), 8);
  const __m512i pairs = _mm512_or_si512(wide, _mm512_set1_epi16('\\'));
  // Compress in the register: the form that stores is microcode on Zen 4, 20 times slower.
  _mm512_storeu_si512(out, _mm512_maskz_compress_epi8(keep, pairs));
  return out + std::popcount(keep);
}

// Which of the pairs of 32 bytes to keep: the byte always, its backslash where it is special.
HWY_INLINE uint64_t KeepBits(uint64_t special) {
  return _pdep_u64(special, 0x5555555555555555ull) | 0xAAAAAAAAAAAAAAAAull;
}

HWY_INLINE uint8_t* EmitSixtyFour(__m512i bytes, uint64_t special, uint8_t* out) {
  out = EmitPairs(_mm512_castsi512_si256(bytes), KeepBits(special), out);
  return EmitPairs(_mm512_extracti64x4_epi64(bytes, 1), KeepBits(special >> 32), out);
}

// The same for the first `take` bytes, 0 to 63.
HWY_INLINE uint8_t* EmitSome(__m512i bytes, uint64_t special, size_t take, uint8_t* out) {
  const uint64_t low = _bzhi_u64(~0ull, static_cast<uint32_t>(HWY_MIN(2 * take, 64)));
  out = EmitPairs(_mm512_castsi512_si256(bytes), KeepBits(special) & low, out);
  if (take <= 32) return out;
  const uint64_t high = _bzhi_u64(~0ull, static_cast<uint32_t>(2 * take - 64));
  return EmitPairs(_mm512_extracti64x4_epi64(bytes, 1), KeepBits(special >> 32) & high, out);
}

// Bytes that need a backslash, and those among them that are not their own letter.
struct Special {
  __mmask64 all;
  __mmask64 control;
};
HWY_INLINE Special FindSpecial(__m512i bytes) {
  const __mmask64 control = _mm512_cmplt_epu8_mask(bytes, _mm512_set1_epi8(' '));
  return {_mm512_cmpeq_epu8_mask(bytes, _mm512_set1_epi8('"')) |
              _mm512_cmpeq_epu8_mask(bytes, _mm512_set1_epi8('\\')) | control,
          control};
}

// A vector with control bytes, of which `valid` are of the line. Stops after the first byte that
// needs \u00xx. Returns how many bytes it took.
inline size_t EscapeControls(const uint8_t* line, __m512i bytes, Special special, __mmask64 valid,
                             uint8_t** out) {
  const __m512i letters =
      _mm512_mask_permutexvar_epi8(bytes, special.control, bytes, ControlLetters());
  const __mmask64 no_letter =
      _mm512_mask_testn_epi8_mask(special.control & valid, letters, letters);
  if (no_letter == 0 && valid == ~0ull) {
    *out = EmitSixtyFour(letters, special.all, *out);
    return 64;
  }
  const auto take = static_cast<size_t>(std::countr_zero(no_letter != 0 ? no_letter : ~valid));
  *out = EmitSome(letters, special.all, take, *out);
  if (no_letter == 0) return take;
  *out = escape_byte(line[take], *out);
  return take + 1;
}

HWY_INLINE uint8_t* EscapeAscii(const uint8_t* line, size_t size, uint8_t* out, bool* high) {
  __m512i seen = _mm512_setzero_si512();
  while (size >= 64) {
    const __m512i bytes = _mm512_loadu_si512(line);
    seen = _mm512_or_si512(seen, bytes);
    const Special special = FindSpecial(bytes);
    size_t took = 64;
    if (HWY_UNLIKELY(special.control != 0)) {
      took = EscapeControls(line, bytes, special, ~0ull, &out);
    } else {
      out = EmitSixtyFour(bytes, special.all, out);
    }
    line += took;
    size -= took;
  }
  while (size != 0) {
    const __mmask64 valid = _bzhi_u64(~0ull, static_cast<uint32_t>(size));
    const __m512i bytes = _mm512_maskz_loadu_epi8(valid, line);
    seen = _mm512_or_si512(seen, bytes);
    const Special special = FindSpecial(bytes);
    size_t took = size;
    if (HWY_UNLIKELY((special.control & valid) != 0)) {
      took = EscapeControls(line, bytes, special, valid, &out);
    } else {
      out = EmitSome(bytes, special.all, size, out);
    }
    line += took;
    size -= took;
  }
  *high = _mm512_movepi8_mask(seen) != 0;
  return out;
}

#if HWY_COMPILER_GCC_ACTUAL
#pragma GCC diagnostic pop
#endif

#else

namespace hn = hwy::HWY_NAMESPACE;
using Bytes16 = hn::Vec<hn::FixedTag<uint8_t, 16>>;
constexpr hn::FixedTag<uint8_t, 16> kD16;

HWY_INLINE uint32_t Bits16(hn::Mask<hn::FixedTag<uint8_t, 16>> mask) {
  uint64_t bits = 0;
  hn::StoreMaskBits(kD16, mask, reinterpret_cast<uint8_t*>(&bits));
  return static_cast<uint32_t>(bits);
}

// Writes 8 of the 16 bytes as up to 16: a zero of the shuffle is where a backslash belongs.
HWY_INLINE void EmitEight(Bytes16 bytes, uint32_t special, uint8_t first, uint8_t* out) {
  const auto order = hn::Load(kD16, kSpread[special].order) + hn::Set(kD16, first);
  const auto spread = hn::TableLookupBytesOr0(bytes, order);
  const auto gap = hn::BroadcastSignBit(hn::BitCast(hn::FixedTag<int8_t, 16>(), order));
  const auto backslash = hn::And(hn::BitCast(kD16, gap), hn::Set(kD16, uint8_t{'\\'}));
  hn::StoreU(hn::Or(spread, backslash), kD16, out);
}

// Escapes the first `take` of 16 bytes, which were loaded from `line`.
HWY_INLINE uint8_t* EscapeSixteen(Bytes16 bytes, const uint8_t* line, uint32_t take, uint8_t* out) {
  const auto is_control = bytes < hn::Set(kD16, uint8_t{' '});
  const auto is_special =
      hn::Or(hn::Or(bytes == hn::Set(kD16, uint8_t{'"'}), bytes == hn::Set(kD16, uint8_t{'\\'})),
             is_control);
  const uint32_t valid = (1u << take) - 1;
  const uint32_t special = Bits16(is_special) & valid;
  if (HWY_UNLIKELY((Bits16(is_control) & valid) != 0)) {
    // The table has 16 entries, which covers all controls that have a letter.
    const auto letter = hn::TableLookupBytes(hn::LoadU(kD16, kControlLetters),
                                             hn::And(bytes, hn::Set(kD16, uint8_t{0x0F})));
    const auto no_letter =
        hn::And(is_control, hn::Or(letter == hn::Zero(kD16), hn::Set(kD16, uint8_t{0x0F}) < bytes));
    if ((Bits16(no_letter) & valid) != 0) {
      for (uint32_t i = 0; i < take; ++i) out = escape_byte(line[i], out);
      return out;
    }
    bytes = hn::IfThenElse(is_control, letter, bytes);
  }
  const uint32_t low = special & 0xFF;
  const uint32_t high = special >> 8;
  EmitEight(bytes, low, 0, out);
  if (take <= 8) return out + take + kSpread[low].extra;
  out += 8 + kSpread[low].extra;
  EmitEight(bytes, high, 8, out);
  return out + (take - 8) + kSpread[high].extra;
}

// Loads 1 to 15 bytes without touching what lies around them.
HWY_INLINE Bytes16 LoadShort(const uint8_t* p, size_t size) {
  uint64_t low = 0;
  uint64_t high = 0;
  if (size >= 8) {
    std::memcpy(&low, p, 8);
    if (size > 8) {
      std::memcpy(&high, p + size - 8, 8);
      high >>= 8 * (16 - size);
    }
  } else if (size >= 4) {
    uint32_t first = 0;
    uint32_t last = 0;
    std::memcpy(&first, p, 4);
    std::memcpy(&last, p + size - 4, 4);
    low = first | uint64_t{last} << (8 * (size - 4));
  } else {
    low = uint64_t{p[0]} | uint64_t{p[size / 2]} << (8 * (size / 2)) |
          uint64_t{p[size - 1]} << (8 * (size - 1));
  }
  const hn::FixedTag<uint64_t, 2> d64;
  return hn::BitCast(kD16, hn::InterleaveLower(d64, hn::Set(d64, low), hn::Set(d64, high)));
}

HWY_INLINE uint8_t* EscapeAscii(const uint8_t* line, size_t size, uint8_t* out, bool* high) {
  auto seen = hn::Zero(kD16);
  for (; size >= 16; line += 16, size -= 16) {
    const auto bytes = hn::LoadU(kD16, line);
    seen = hn::Or(seen, bytes);
    out = EscapeSixteen(bytes, line, 16, out);
  }
  if (size != 0) {
    const auto bytes = LoadShort(line, size);
    seen = hn::Or(seen, bytes);
    out = EscapeSixteen(bytes, line, static_cast<uint32_t>(size), out);
  }
  const auto signs = hn::BroadcastSignBit(hn::BitCast(hn::FixedTag<int8_t, 16>(), seen));
  *high = Bits16(hn::MaskFromVec(hn::BitCast(kD16, signs))) != 0;
  return out;
}

#endif

}  // namespace HWY_NAMESPACE
}  // namespace sluice
HWY_AFTER_NAMESPACE();

#endif  // SLUICE_ESCAPE_INL_H
