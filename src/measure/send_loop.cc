// SPDX-License-Identifier: Apache-2.0
#include "measure/send_loop.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <memory>

#include "measure/raw_loop.h"
#include "platform/system_clock.h"
#include "sluice/check.h"

namespace sluice {

std::variant<SendFigures, std::string> send_bodies(const CurlWireSettings& settings,
                                                   const Parcel& parcel, const SendTime& time,
                                                   LoopIo& io) {
  SystemClock clock;
  auto made = CurlWire::create(settings, io, clock);
  if (!made) return made.error().message();
  CurlWire& wire = **made;
  const double cpu_before = seconds_of_thread_cpu();
  const double wall_end = seconds_of_wall() + time.wall_seconds;
  size_t sent = 0;
  SendFigures figures;
  bool more = true;
  while (more || figures.requests < sent) {
    more = more && sent < time.requests && (sent == 0 || seconds_of_wall() < wall_end);
    while (more && sent < time.requests && sent - figures.requests < settings.window) {
      wire.send(parcel, ++sent, clock.mono());
    }
    const MonoTime next = wire.turn(clock.mono());
    std::array<WireAnswer, 8> answers;
    const size_t reaped = wire.reap(answers);
    for (size_t i = 0; i < reaped; ++i) {
      if (answers[i].status == 200) continue;
      return fmt::format("{} {}", answers[i].status, answers[i].text_view());
    }
    figures.requests += reaped;
    if (reaped == 0 && figures.requests < sent) io.wait(next);
  }
  figures.cpu_seconds = seconds_of_thread_cpu() - cpu_before;
  return figures;
}

Parcel noise_parcel(size_t bytes) {
  Parcel parcel;
  parcel.body = std::make_unique<std::byte[]>(bytes);
  parcel.body_bytes = bytes;
  parcel.content_type = "application/json";
  uint64_t state = 1;
  for (size_t i = 0; i < bytes; ++i) {
    state = state * 6364136223846793005u + 1442695040888963407u;
    parcel.body[i] = static_cast<std::byte>(state >> 56);
  }
  return parcel;
}

// Two points make a line. Noise may bend it below zero, which no cost is.
SendCost send_cost(size_t small_bytes, double cpu_s_per_small, size_t large_bytes,
                   double cpu_s_per_large) {
  SLUICE_CHECK(small_bytes < large_bytes, "two sizes that differ");
  SendCost cost;
  cost.cpu_s_per_byte = std::max(
      0.0, (cpu_s_per_large - cpu_s_per_small) / static_cast<double>(large_bytes - small_bytes));
  cost.cpu_s_per_request =
      std::max(0.0, cpu_s_per_small - cost.cpu_s_per_byte * static_cast<double>(small_bytes));
  return cost;
}

}  // namespace sluice
