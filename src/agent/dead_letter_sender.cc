// SPDX-License-Identifier: Apache-2.0
#include "agent/dead_letter_sender.h"

#include <algorithm>
#include <array>
#include <utility>

#include "agent/wires.h"
#include "flow/compress/codecs.h"
#include "flow/deliver/lane_report.h"
#include "flow/encode/json_encoder.h"
#include "sluice/check.h"

namespace sluice {
namespace {

constexpr Duration kLookAgain{100'000'000};
constexpr size_t kQuoteBytesMax = 120;

}  // namespace

std::unique_ptr<DeadLetterSender> DeadLetterSender::create(const DestinationConfig& destination,
                                                           std::string& problem) {
  std::unique_ptr<DeadLetterSender> sender(new DeadLetterSender);
  sender->framing_ = destination.framing;
  auto io = PreadIo::create(LoopIoOptions{});
  if (!io) {
    problem = "cannot wait for events: " + io.error().message();
    return nullptr;
  }
  sender->io_ = std::move(io).value();
  auto compressor = make_compressor(destination.compression, destination.level);
  const auto seed = static_cast<uint64_t>(sender->clock_.wall().value);
  const WirePlan plan = wire_plan(destination, seed);
  sender->endpoints_ = plan.endpoints.size();
  auto wire = make_wire(plan, *sender->io_, sender->clock_, sender->events_, sender->metrics_);
  if (!wire || !compressor) {
    problem = "destination '" + destination.name +
              "': " + (wire ? compressor.error() : wire.error()).message();
    return nullptr;
  }
  sender->compressor_ = std::move(compressor).value();
  sender->wire_ = std::move(wire).value();
  return sender;
}

DeadLetterSender::Answer DeadLetterSender::send(const FiledLetter& letter) {
  const JsonEncoder encoder(JsonEncoder::Options{framing_, false, false});
  const BodyFrame frame = encoder.frame();
  std::string body(frame.open);
  body.append(letter.record).append(framing_ == Framing::kNdjson ? "\n" : "").append(frame.close);
  Parcel parcel;
  parcel.body = std::make_unique<std::byte[]>(compressor_->bound(body.size()));
  const Result<size_t> packed = compressor_->compress(
      std::as_bytes(std::span(body)), {parcel.body.get(), compressor_->bound(body.size())});
  SLUICE_CHECK(packed.ok(), "there is room for any compressed body");
  parcel.body_bytes = packed.value();
  parcel.content_type = encoder.content_type();
  parcel.content_encoding = compressor_->content_encoding();
  parcel.lines = Lines(1);
  parcel.attempts = 1;
  parcel.key = letter.key;
  WireAnswer last = attempt(parcel);
  // Where one endpoint cannot help another may.
  for (size_t i = 1; i < endpoints_; ++i) {
    const Verdict verdict = judge(last);
    if (verdict.delivered() || verdict.subject == Verdict::Subject::kParcel) break;
    last = attempt(parcel);
  }
  Answer answer;
  answer.verdict = judge(last);
  const bool answered = last.failure == TransportFailure::kNone;
  answer.words = answered ? "HTTP " + std::to_string(last.status) : "no answer";
  const bool quotable_words = answer.verdict.key != "credentials" && !answer.verdict.delivered();
  if (quotable_words) answer.words += ": " + quotable(last.text_view(), kQuoteBytesMax);
  return answer;
}

WireAnswer DeadLetterSender::attempt(const Parcel& parcel) {
  wire_->send(parcel, ++ticket_, clock_.mono());
  std::array<WireAnswer, 1> answers;
  for (;;) {
    const MonoTime next = wire_->turn(clock_.mono());
    if (wire_->reap(answers) == 1) return answers[0];
    io_->wait(std::min(next, clock_.mono() + kLookAgain));
  }
}

}  // namespace sluice
