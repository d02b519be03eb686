// SPDX-License-Identifier: Apache-2.0
// units.h — numbers that carry their unit: bytes, lines, file offsets, times.
//
// In:      plain integers, at the edges only (system calls, decoders), by explicit construction.
// Out:     quantities (they add up) and positions (they differ by a quantity). FileOffset −
//          FileOffset is Bytes, MonoTime + Duration is MonoTime; nothing else compiles.
// Owns:    one 64-bit integer each; trivially copyable, no cost.
// Limits:  signed 64 bit. Offsets up to 2^63 − 1 as in the kernel; nanoseconds up to 292 years.
// Why so:  every peer of this program has a recorded defect in which an offset, a length and a
//          count were mixed up. Two time lines exist on purpose: MonoTime decides, WallTime is only
//          printed.
#pragma once

#include <compare>
#include <cstdint>

namespace sluice {

// An amount: adds, scales and compares with its own kind only.
template <class Tag>
struct Quantity {
  int64_t value = 0;

  constexpr Quantity() = default;
  constexpr explicit Quantity(int64_t v) : value(v) {}
  constexpr auto operator<=>(const Quantity&) const = default;
  constexpr Quantity operator+(Quantity other) const { return Quantity(value + other.value); }
  constexpr Quantity operator-(Quantity other) const { return Quantity(value - other.value); }
  constexpr Quantity operator-() const { return Quantity(-value); }
  constexpr Quantity operator*(int64_t factor) const { return Quantity(value * factor); }
  constexpr Quantity operator/(int64_t divisor) const { return Quantity(value / divisor); }
  constexpr int64_t operator/(Quantity other) const { return value / other.value; }
  constexpr Quantity& operator+=(Quantity other) { return *this = *this + other; }
  constexpr Quantity& operator-=(Quantity other) { return *this = *this - other; }
  static constexpr Quantity max() { return Quantity(INT64_MAX); }
};

// A point on a line whose steps are amounts: positions differ by a quantity and never add up.
template <class Tag, class Step>
struct Position {
  int64_t value = 0;

  constexpr Position() = default;
  constexpr explicit Position(int64_t v) : value(v) {}
  constexpr auto operator<=>(const Position&) const = default;
  constexpr Position operator+(Step step) const { return Position(value + step.value); }
  constexpr Position operator-(Step step) const { return Position(value - step.value); }
  constexpr Step operator-(Position other) const { return Step(value - other.value); }
  constexpr Position& operator+=(Step step) { return *this = *this + step; }
  static constexpr Position max() { return Position(INT64_MAX); }
};

using Bytes = Quantity<struct BytesTag>;
using Lines = Quantity<struct LinesTag>;
using Duration = Quantity<struct DurationTag>;  // nanoseconds

using FileOffset = Position<struct FileOffsetTag, Bytes>;  // of a byte in a file
using MonoTime = Position<struct MonoTimeTag, Duration>;   // since an arbitrary start; never jumps
using WallTime = Position<struct WallTimeTag, Duration>;   // since 1970-01-01T00:00:00Z; may jump

// The end of waiting that never comes.
inline constexpr MonoTime kNever = MonoTime::max();

namespace literals {
constexpr Bytes operator""_B(unsigned long long n) {
  return Bytes(static_cast<int64_t>(n));
}
constexpr Bytes operator""_KiB(unsigned long long n) {
  return Bytes(static_cast<int64_t>(n) << 10);
}
constexpr Bytes operator""_MiB(unsigned long long n) {
  return Bytes(static_cast<int64_t>(n) << 20);
}
constexpr Bytes operator""_GiB(unsigned long long n) {
  return Bytes(static_cast<int64_t>(n) << 30);
}
constexpr Lines operator""_lines(unsigned long long n) {
  return Lines(static_cast<int64_t>(n));
}
constexpr Duration operator""_ns(unsigned long long n) {
  return Duration(static_cast<int64_t>(n));
}
constexpr Duration operator""_us(unsigned long long n) {
  return Duration(static_cast<int64_t>(n) * 1'000);
}
constexpr Duration operator""_ms(unsigned long long n) {
  return Duration(static_cast<int64_t>(n) * 1'000'000);
}
constexpr Duration operator""_s(unsigned long long n) {
  return Duration(static_cast<int64_t>(n) * 1'000'000'000);
}
}  // namespace literals

}  // namespace sluice
