// SPDX-License-Identifier: Apache-2.0
#include "flow/deliver/lane_report.h"

#include <algorithm>
#include <utility>

namespace sluice {
namespace {

constexpr size_t kQuoteBytesMax = 120;

std::string_view name_of(TransportFailure failure) {
  switch (failure) {
    case TransportFailure::kNone:
      return "none";
    case TransportFailure::kResolve:
      return "resolve";
    case TransportFailure::kConnect:
      return "connect";
    case TransportFailure::kTls:
      return "tls";
    case TransportFailure::kCertificate:
      return "certificate";
    case TransportFailure::kTimeout:
      return "timeout";
    case TransportFailure::kReset:
      return "reset";
    case TransportFailure::kProtocol:
      return "protocol";
    case TransportFailure::kAbandoned:
      return "abandoned";
  }
  return "unknown";
}

std::string milliseconds(Duration duration) {
  return std::to_string(duration.value / 1'000'000) + "ms";
}

}  // namespace

std::string quotable(std::string_view text, size_t bytes_max) {
  std::string quote(text.substr(0, bytes_max));
  std::replace_if(
      quote.begin(), quote.end(),
      [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; }, ' ');
  return quote;
}

LaneReport::LaneReport(std::string destination, EventLog& events)
    : destination_(std::move(destination)), events_(events) {}

std::string LaneReport::key(std::string_view kind) const {
  std::string key = "lane.";
  key.append(kind).append(":").append(destination_);
  return key;
}

void LaneReport::attempt_failed(const WireAnswer& answer, const Verdict& verdict,
                                const Parcel& parcel, Duration pause) noexcept {
  const bool answered = answer.failure == TransportFailure::kNone;
  const std::string outcome =
      answered ? "HTTP " + std::to_string(answer.status) : std::string(name_of(answer.failure));
  const std::string words =
      verdict.key == "credentials" ? std::string() : quotable(answer.text_view(), kQuoteBytesMax);
  const std::string lines = std::to_string(parcel.lines.value);
  const std::string attempts = std::to_string(parcel.attempts);
  const std::string again_in = milliseconds(pause);
  const Severity severity =
      verdict.kind == Verdict::Kind::kHold ? Severity::kError : Severity::kWarning;
  events_.event(severity, key(verdict.key), verdict.remedy,
                {{"destination", destination_},
                 {"outcome", outcome},
                 {"answer", words},
                 {"lines", lines},
                 {"attempts", attempts},
                 {"again_in", again_in}});
}

void LaneReport::taken_apart(const WireAnswer& answer, const Verdict& verdict,
                             uint32_t records) noexcept {
  const std::string outcome = "HTTP " + std::to_string(answer.status);
  const std::string words = quotable(answer.text_view(), kQuoteBytesMax);
  const std::string lines = std::to_string(records);
  events_.event(
      Severity::kWarning, key(verdict.key), verdict.remedy,
      {{"destination", destination_}, {"outcome", outcome}, {"answer", words}, {"lines", lines}});
}

void LaneReport::refuses_all(int32_t status, std::string_view words, const Parcel& parcel,
                             Duration pause) noexcept {
  const std::string outcome = "HTTP " + std::to_string(status);
  const std::string quote = quotable(words, kQuoteBytesMax);
  const std::string lines = std::to_string(parcel.lines.value);
  const std::string again_in = milliseconds(pause);
  events_.event(Severity::kError, key("refuses_all"),
                "the destination refuses lines one by one and has taken nothing since, so none of "
                "them is given up; see its answer, its log and `framing`",
                {{"destination", destination_},
                 {"outcome", outcome},
                 {"answer", quote},
                 {"lines", lines},
                 {"again_in", again_in}});
}

void LaneReport::buried(int32_t status, const RecordPlace& place) noexcept {
  const std::string outcome = "HTTP " + std::to_string(status);
  const std::string offset = std::to_string(place.span.begin.value);
  events_.event(Severity::kWarning, key("dead"),
                "the destination refuses this line and takes others; it is in the dead letters, "
                "see `sluice dlq`",
                {{"destination", destination_},
                 {"outcome", outcome},
                 {"path", place.path},
                 {"offset", offset}});
}

void LaneReport::cannot_bury(const Error& error, Duration pause) noexcept {
  const std::string reason = error.message();
  const std::string again_in = milliseconds(pause);
  events_.event(Severity::kError, key("dead_letters"),
                "a refused line cannot be stored in the dead letters, so its file waits; make room "
                "in the state directory (`sluice dlq`), or raise `dead-letter-max`",
                {{"destination", destination_}, {"reason", reason}, {"again_in", again_in}});
}

void LaneReport::cannot_spool(const Error& error, Duration pause) noexcept {
  const std::string reason = error.message();
  const std::string again_in = milliseconds(pause);
  const bool full = error.code == Errc::kExhausted && error.sys_errno == 0;
  events_.event(Severity::kWarning, key("spool"),
                full ? "the spool is full, so lines wait in their files; raise `spool-max`, or set "
                       "`spool-full` to drop-oldest if old lines may be lost"
                     : "lines cannot be stored in the spool and wait in their files; make room in "
                       "the state directory, or look after its disk",
                {{"destination", destination_}, {"reason", reason}, {"again_in", again_in}});
}

void LaneReport::cannot_read_spool(const Error& error, Duration pause) noexcept {
  const std::string reason = error.message();
  const std::string again_in = milliseconds(pause);
  events_.event(Severity::kError, key("spool_read"),
                "the spool cannot be read at the moment and is tried again; look after the disk of "
                "the state directory",
                {{"destination", destination_}, {"reason", reason}, {"again_in", again_in}});
}

void LaneReport::spool_lost(int64_t lines) noexcept {
  const std::string count = std::to_string(lines);
  events_.event(Severity::kError, key("spool_lost"),
                "a part of the spool is damaged or gone, and its lines are lost; what is left of "
                "damaged segments is kept as *.damaged (`sluice spool verify`)",
                {{"destination", destination_}, {"lines", count}});
}

void LaneReport::spool_dropped(int64_t lines) noexcept {
  const std::string count = std::to_string(lines);
  events_.event(Severity::kWarning, key("spool_dropped"),
                "the spool is full and `spool-full` is drop-oldest, so its oldest lines were given "
                "up; raise `spool-max`, or set `spool-full` to block",
                {{"destination", destination_}, {"lines", count}});
}

void LaneReport::only_at_risk(int64_t files) noexcept {
  const std::string count = std::to_string(files);
  events_.event(Severity::kInfo, key("at_risk"),
                "rotated or deleted files are not delivered, and the destination does not keep up: "
                "their lines go to the spool, all others wait in their files",
                {{"destination", destination_}, {"files", count}});
}

void LaneReport::cannot_cut(const Error& error) noexcept {
  const std::string reason = error.message();
  events_.event(Severity::kError, key("cut"),
                "a refused request cannot be taken apart at the moment and is tried again later",
                {{"destination", destination_}, {"reason", reason}});
}

void LaneReport::health_changed(Health::Change change) noexcept {
  if (change == Health::Change::kWentDown) {
    events_.event(Severity::kWarning, key("down"),
                  "the destination takes no requests; its lines wait and are tried again",
                  {{"destination", destination_}});
  } else if (change == Health::Change::kCameBack) {
    events_.event(Severity::kInfo, key("up"), "the destination takes requests again",
                  {{"destination", destination_}});
  }
}

void LaneReport::dropped(const Parcel& parcel) noexcept {
  const std::string lines = std::to_string(parcel.lines.value);
  events_.event(Severity::kWarning, key("dropped"),
                "the queue is full and `overflow` is drop-oldest, so the oldest lines were given "
                "up; raise `queue` or `memory`, or set `overflow` to block",
                {{"destination", destination_}, {"lines", lines}});
}

void LaneReport::gave_back(int64_t parcels, Lines lines) noexcept {
  if (parcels == 0) return;
  const std::string parcel_count = std::to_string(parcels);
  const std::string line_count = std::to_string(lines.value);
  events_.event(Severity::kWarning, key("undelivered"),
                "these lines were not delivered in time; they are read and sent again by the next "
                "start, or under the new configuration",
                {{"destination", destination_}, {"requests", parcel_count}, {"lines", line_count}});
}

}  // namespace sluice
