// SPDX-License-Identifier: Apache-2.0
// config_choices.h — the words of every setting that is one of a few.
//
// In:      an enum of include/sluice/config.h.
// Out:     its words, in the order in which help shows them. The first word of a value is written,
//          every word is read.
// Thread:  constant.
// Why so:  apart from the option table, because code that prints a choice (logs, /health) needs the
//          words and not the table.
#pragma once

#include <array>
#include <string_view>

#include "sluice/config.h"

namespace sluice {

template <class E>
struct Choice {
  std::string_view word;
  E value;
};

// One overload per enum; the argument only selects it.
constexpr auto choices(StartFrom) {
  return std::to_array<Choice<StartFrom>>(
      {{"beginning", StartFrom::kBeginning}, {"end", StartFrom::kEnd}});
}
constexpr auto choices(CarriageReturn) {
  return std::to_array<Choice<CarriageReturn>>(
      {{"strip", CarriageReturn::kStrip}, {"keep", CarriageReturn::kKeep}});
}
constexpr auto choices(LineFormat) {
  return std::to_array<Choice<LineFormat>>(
      {{"text", LineFormat::kText}, {"cri", LineFormat::kCri}, {"docker", LineFormat::kDocker}});
}
constexpr auto choices(TextEncoding) {
  return std::to_array<Choice<TextEncoding>>({{"utf-8", TextEncoding::kUtf8},
                                              {"utf-16le", TextEncoding::kUtf16Le},
                                              {"utf-16be", TextEncoding::kUtf16Be},
                                              {"latin1", TextEncoding::kLatin1}});
}
constexpr auto choices(Framing) {
  return std::to_array<Choice<Framing>>({{"json", Framing::kJson}, {"ndjson", Framing::kNdjson}});
}
constexpr auto choices(Overflow) {
  return std::to_array<Choice<Overflow>>(
      {{"block", Overflow::kBlock}, {"drop-oldest", Overflow::kDropOldest}});
}
constexpr auto choices(SpoolMode) {
  return std::to_array<Choice<SpoolMode>>(
      {{"off", SpoolMode::kOff}, {"at-risk", SpoolMode::kAtRisk}, {"all", SpoolMode::kAll}});
}
constexpr auto choices(Compression) {
  return std::to_array<Choice<Compression>>(
      {{"gzip", Compression::kGzip}, {"zstd", Compression::kZstd}, {"none", Compression::kNone}});
}
constexpr auto choices(DeliveryOrder) {
  return std::to_array<Choice<DeliveryOrder>>(
      {{"parallel", DeliveryOrder::kParallel}, {"file", DeliveryOrder::kFile}});
}
constexpr auto choices(EndpointBalance) {
  return std::to_array<Choice<EndpointBalance>>(
      {{"failover", EndpointBalance::kFailover}, {"spread", EndpointBalance::kSpread}});
}
constexpr auto choices(HttpVersion) {
  return std::to_array<Choice<HttpVersion>>(
      {{"auto", HttpVersion::kAuto}, {"1.1", HttpVersion::kHttp1}, {"2", HttpVersion::kHttp2}});
}
constexpr auto choices(TlsVersion) {
  return std::to_array<Choice<TlsVersion>>({{"1.2", TlsVersion::k12}, {"1.3", TlsVersion::k13}});
}
constexpr auto choices(IoBackend) {
  return std::to_array<Choice<IoBackend>>(
      {{"auto", IoBackend::kAuto}, {"uring", IoBackend::kUring}, {"pread", IoBackend::kPread}});
}
constexpr auto choices(FollowLinks) {
  return std::to_array<Choice<FollowLinks>>({{"trusted", FollowLinks::kTrusted},
                                             {"all", FollowLinks::kAll},
                                             {"none", FollowLinks::kNone}});
}
constexpr auto choices(LogLevel) {
  return std::to_array<Choice<LogLevel>>({{"debug", LogLevel::kDebug},
                                          {"info", LogLevel::kInfo},
                                          {"warning", LogLevel::kWarning},
                                          {"error", LogLevel::kError},
                                          {"off", LogLevel::kOff},
                                          {"warn", LogLevel::kWarning}});
}
constexpr auto choices(LogFormat) {
  return std::to_array<Choice<LogFormat>>({{"text", LogFormat::kText}, {"json", LogFormat::kJson}});
}
constexpr auto choices(ProgressMode) {
  return std::to_array<Choice<ProgressMode>>(
      {{"auto", ProgressMode::kAuto}, {"on", ProgressMode::kOn}, {"off", ProgressMode::kOff}});
}

template <class E>
constexpr std::string_view word_of(E value) {
  for (const Choice<E>& choice : choices(value))
    if (choice.value == value) return choice.word;
  return "?";
}

}  // namespace sluice
