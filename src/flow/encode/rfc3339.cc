// SPDX-License-Identifier: Apache-2.0
#include "flow/encode/rfc3339.h"

#include "sluice/check.h"

namespace sluice {
namespace {

struct CivilDate {
  int64_t year;
  int64_t month;
  int64_t day;
};

// The quotient rounded down, also below zero.
constexpr int64_t floor_div(int64_t a, int64_t b) {
  return a / b - (a % b < 0 ? 1 : 0);
}

constexpr CivilDate civil_from_days(int64_t days_since_1970) {
  constexpr int64_t kDaysPerEra = 146'097;  // 400 years
  constexpr int64_t kDaysTo1970 = 719'468;  // from 0000-03-01
  const int64_t days = days_since_1970 + kDaysTo1970;
  const int64_t era = floor_div(days, kDaysPerEra);
  const int64_t day_of_era = days - era * kDaysPerEra;
  const int64_t year_of_era =
      (day_of_era - day_of_era / 1460 + day_of_era / 36'524 - day_of_era / 146'096) / 365;
  const int64_t day_of_year =
      day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
  const int64_t month_from_march = (5 * day_of_year + 2) / 153;
  const int64_t day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
  const int64_t month = month_from_march < 10 ? month_from_march + 3 : month_from_march - 9;
  return {year_of_era + era * 400 + (month <= 2 ? 1 : 0), month, day};
}
static_assert(civil_from_days(0).year == 1970 && civil_from_days(0).month == 1);
static_assert(civil_from_days(11'016).month == 2 && civil_from_days(11'016).day == 29);  // 2000

uint8_t* write_digits(int64_t value, int width, uint8_t* out) {
  for (int i = width - 1; i >= 0; --i) {
    out[i] = static_cast<uint8_t>('0' + value % 10);
    value /= 10;
  }
  SLUICE_CHECK(value == 0, "a date field fits its width");
  return out + width;
}

}  // namespace

uint8_t* write_rfc3339(WallTime time, uint8_t* out) {
  constexpr int64_t kNanos = 1'000'000'000;
  const int64_t seconds = floor_div(time.value, kNanos);
  const int64_t days = floor_div(seconds, 86'400);
  const int64_t second_of_day = seconds - days * 86'400;
  const CivilDate date = civil_from_days(days);
  out = write_digits(date.year, 4, out);
  *out++ = '-';
  out = write_digits(date.month, 2, out);
  *out++ = '-';
  out = write_digits(date.day, 2, out);
  *out++ = 'T';
  out = write_digits(second_of_day / 3600, 2, out);
  *out++ = ':';
  out = write_digits(second_of_day / 60 % 60, 2, out);
  *out++ = ':';
  out = write_digits(second_of_day % 60, 2, out);
  *out++ = '.';
  // (time - seconds) without the product seconds * kNanos, which overflows at the earliest time.
  const int64_t remainder = time.value % kNanos;
  out = write_digits(remainder < 0 ? remainder + kNanos : remainder, 9, out);
  *out++ = 'Z';
  return out;
}

}  // namespace sluice
