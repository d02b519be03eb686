// SPDX-License-Identifier: Apache-2.0
// Bodies that are refused for what they are: sent in parts until the good records are delivered and
// the bad ones are in the dead letters. The parcel stays in its slot all the while and comes home
// once, when the last letter is durable.
#include <algorithm>
#include <utility>

#include "flow/batch/batch.h"
#include "flow/encode/record_id.h"
#include "flow/lane.h"
#include "sluice/check.h"
#include "sluice/crash_point.h"
#include "sluice/planted.h"

namespace sluice {
namespace {

// As many records from the beginning of `range` as make a body of so many bytes; at least one.
RecordRange fitting(const Parcel& parcel, RecordRange range, size_t bytes_max) {
  uint32_t fits = range.first + 1;
  uint32_t end = range.end + 1;
  while (end - fits > 1) {
    const uint32_t middle = fits + (end - fits) / 2;
    const size_t bytes = parcel.records.encoded_bytes({range.first, middle}, parcel.frame);
    (bytes <= bytes_max ? fits : end) = middle;
  }
  return {range.first, fits};
}

// Further records of a line stand for no bytes of their own: named by a span that ends before it
// begins, as no other does.
Span named_further(Span line_end, int64_t number_in_line) {
  line_end.end = line_end.begin - Bytes(number_in_line);
  return line_end;
}

void name_part(const Parcel& whole, RecordRange range, Parcel& part) {
  std::vector<Digest128> seeds;
  std::vector<Span> named;
  std::vector<Digest128> named_seeds;
  int64_t number_in_line = 0;
  for (uint32_t i = range.first; i < range.end; ++i) {
    const RecordPlace place = whole.records.place(i);
    if (place.span.begin == place.span.end) {
      named.push_back(named_further(place.span, ++number_in_line));
      named_seeds.push_back(place.seed);
      continue;
    }
    number_in_line = 0;
    part.raw_bytes += place.span.end - place.span.begin;
    const auto meets = std::find_if(part.spans.begin(), part.spans.end(), [&](const Span& known) {
      return known.tail == place.span.tail && known.epoch == place.span.epoch &&
             known.end == place.span.begin;
    });
    if (meets != part.spans.end()) {
      meets->end = place.span.end;
    } else {
      part.spans.push_back(place.span);
      seeds.push_back(place.seed);
    }
  }
  named.insert(named.end(), part.spans.begin(), part.spans.end());
  named_seeds.insert(named_seeds.end(), seeds.begin(), seeds.end());
  part.key = parcel_key(named, named_seeds);
}

ParcelPtr make_part(const Parcel& whole, RecordRange range, CutBody cut) {
  auto part = std::make_unique<Parcel>();
  part->destination = whole.destination;
  part->sealed_by = whole.sealed_by;
  part->body = std::move(cut.bytes);
  part->body_bytes = cut.size;
  part->content_type = whole.content_type;
  part->content_encoding = whole.content_encoding;
  part->frame = whole.frame;
  part->lines = Lines(range.size());
  part->encoded_bytes = Bytes(static_cast<int64_t>(cut.encoded_bytes));
  part->sealed_at = whole.sealed_at;
  part->oldest_read_at = whole.oldest_read_at;
  part->ordered = whole.ordered;
  name_part(whole, range, *part);
  return part;
}

}  // namespace

// Of a whole body, or of a part.
void Lane::settle_delivered(const WireAnswer& answer, MonoTime now) {
  failures_in_row_ = 0;
  burials_.delivered();
  Consignment& one = in_flight_.by_ticket(answer.ticket);
  bool done = one.apart == nullptr;
  if (!done) {
    one.apart->ready = false;
    one.apart->held_since = kNever;
    one.apart->dissection.delivered(one.apart->sent);
    done = one.apart->dissection.exhausted() && !one.apart->dissection.has_suspects();
  }
  if (done) {
    SLUICE_CRASHPOINT("lane.ack.before");
    send_home(in_flight_.finish(answer.ticket), Fate::kDelivered);
    SLUICE_CRASHPOINT("lane.ack.after");
  } else {
    one.parcel->not_before = now;
    one.parcel->attempts = 0;
    in_flight_.back_off(answer.ticket);
  }
  in_flight_.end_waits_for_proof(now);
}

bool Lane::can_take_apart(const WireAnswer& answer) {
  const Parcel& parcel = *in_flight_.by_ticket(answer.ticket).parcel;
  return parts_.cutter != nullptr && parcel.records.size() > 0;
}

bool Lane::is_oversized(const Parcel& parcel) const {
  return body_limit_.bytes() != 0 && parts_.cutter != nullptr && parcel.records.size() > 1 &&
         parcel.encoded_bytes.value > static_cast<int64_t>(body_limit_.bytes());
}

// It was sealed before the limit was known.
void Lane::start_in_parts(Consignment fresh, MonoTime now) {
  fresh.delivered_before = delivered_raw_;
  fresh.parcel->not_before = now;
  fresh.apart = std::make_unique<TakenApart>(fresh.parcel->records.size(), fresh.parcel->ordered,
                                             burials_.successes());
  in_flight_.start_backing_off(std::move(fresh));
}

void Lane::take_apart(const WireAnswer& answer, const Verdict& verdict, MonoTime now) {
  Consignment& one = in_flight_.by_ticket(answer.ticket);
  Parcel& parcel = *one.parcel;
  const bool first = one.apart == nullptr;
  if (first) {
    one.apart =
        std::make_unique<TakenApart>(parcel.records.size(), parcel.ordered, burials_.successes());
    one.apart->sent = {0, parcel.records.size()};
  }
  TakenApart& apart = *one.apart;
  apart.ready = false;
  apart.reason = verdict.key;
  apart.answer = verdict.key == "credentials" ? std::string() : std::string(answer.text_view());
  const size_t body_bytes = parcel.records.encoded_bytes(apart.sent, parcel.frame);
  if (verdict.kind == Verdict::Kind::kSplit && apart.sent.size() > 1) {
    apart.part_bytes_max = body_bytes / 2;
    body_limit_.too_large(body_bytes, now);
    publish_limit();
    parts_.metrics->splits.add();
  } else {
    apart.dissection.refused(apart.sent, answer.status, burials_.successes());
    if (apart.sent.size() > 1) parts_.metrics->dissections.add();
  }
  report_.taken_apart(answer, verdict, apart.sent.size());
  one.unwelcome = true;
  one.hasty = false;
  parcel.attempts = 0;
  parcel.not_before = now;
  in_flight_.back_off(answer.ticket);
}

void Lane::publish_limit() {
  const auto limit = static_cast<int64_t>(body_limit_.bytes());
  parts_.gauge->body_bytes_max.store(limit, std::memory_order_relaxed);
}

// Whether there is something to send for it now; if not it has gone home, or waits.
bool Lane::prepare_part(Consignment& one, MonoTime now) {
  TakenApart& apart = *one.apart;
  if (apart.ready) return true;
  const int64_t successes = burials_.successes();
  if (std::exchange(apart.waits_for_proof, false)) {
    const bool patient =
        apart.dissection.exhausted() && burials_.may_bury_unproven(now - apart.held_since);
    apart.dissection.look_again(successes, patient);
  }
  const Duration held_for = apart.held_since == kNever ? Duration(0) : now - apart.held_since;
  const auto step = apart.dissection.next(successes, burials_.may_bury_unproven(held_for));
  switch (step.kind) {
    case Dissection::Step::Kind::kSend: {
      const size_t bytes_max = body_limit_.bytes() == 0
                                   ? apart.part_bytes_max
                                   : std::min(apart.part_bytes_max, body_limit_.bytes());
      return cut_part(one, fitting(*one.parcel, step.range, bytes_max), now);
    }
    case Dissection::Step::Kind::kBury:
      bury(one, now);
      return false;
    case Dissection::Step::Kind::kHold:
      wait_for_proof(one, now);
      return false;
    case Dissection::Step::Kind::kDone:
      send_home(in_flight_.finish_next_due(), Fate::kDelivered);
      return false;
  }
  return false;
}

bool Lane::cut_part(Consignment& one, RecordRange range, MonoTime now) {
  TakenApart& apart = *one.apart;
  hold_part(apart, nullptr);
  apart.sent = range;
  const bool whole = range.size() == one.parcel->records.size();
  if (!whole) {
    Result<CutBody> cut = parts_.cutter->cut(*one.parcel, range);
    if (!cut) {
      report_.cannot_cut(cut.error());
      one.parcel->not_before = now + retry_.hold(Duration(-1), jitter_.next());
      return false;
    }
    hold_part(apart, make_part(*one.parcel, range, std::move(cut).value()));
    parts_.metrics->cuts.add();
  }
  apart.ready = true;
  return true;
}

// A part takes credit beside the body that it is of.
void Lane::hold_part(TakenApart& apart, ParcelPtr part) {
  const auto bytes_of = [](const ParcelPtr& each) { return each ? each->held_bytes() : 0; };
  const int64_t more = bytes_of(part) - bytes_of(apart.part);
  held_bytes_ += more;
  parts_.gauge->held_bytes.fetch_add(more, std::memory_order_relaxed);
  apart.part = std::move(part);
}

// Everything of it that was tried was refused, and nothing else was taken since.
void Lane::wait_for_proof(Consignment& one, MonoTime now) {
  TakenApart& apart = *one.apart;
  apart.waits_for_proof = true;
  if (apart.held_since == kNever) apart.held_since = now;
  const Duration pause = retry_.hold(Duration(-1), jitter_.next());
  one.parcel->not_before = now + pause;
  parts_.metrics->holds.add();
  parts_.metrics->healthy.set(0);
  report_.refuses_all(apart.dissection.suspect().status, apart.answer, *one.parcel, pause);
}

// The letter carries a copy of the record: the parcel may be given back while it is written.
void Lane::bury(Consignment& one, MonoTime now) {
  TakenApart& apart = *one.apart;
  if (parts_.dead == nullptr) return wait_for_proof(one, now);
  if (desk_busy_) {
    apart.wants_desk = true;
    one.parcel->not_before = kNever;
    return;
  }
  const Suspect& suspect = apart.dissection.suspect();
  Result<std::string> record = BodyCutter::record(*one.parcel, suspect.record);
  if (!record) {
    report_.cannot_cut(record.error());
    one.parcel->not_before = now + retry_.hold(Duration(-1), jitter_.next());
    return;
  }
  const RecordPlace place = one.parcel->records.place(suspect.record);
  Parcel alone;
  name_part(*one.parcel, {suspect.record, suspect.record + 1}, alone);
  DeadLetter letter;
  letter.destination = settings_.name;
  letter.reason = suspect.status == 413 ? "too_large" : "refused";
  letter.status = suspect.status;
  letter.answer = apart.answer;
  letter.path = place.path;
  letter.span = place.span;
  letter.id = record_id(place.seed, place.span.begin);
  letter.key = alone.key;
  letter.record = std::move(record).value();
  desk_busy_ = true;
  apart.filing = true;
  one.parcel->not_before = kNever;
  parts_.dead->file(std::move(letter));
  if (planted(Planted::kDeadBeforeDurable)) finish_burial(one, now);
}

void Lane::finish_burial(Consignment& one, MonoTime now) {
  TakenApart& apart = *one.apart;
  const Suspect suspect = apart.dissection.suspect();
  const Span span = one.parcel->records.place(suspect.record).span;
  if (span.begin < span.end) one.parcel->dead.push_back(span);
  apart.filing = false;
  apart.dissection.buried();
  one.parcel->not_before = now;
  burials_.buried(burials_.successes() > suspect.successes_then);
  LaneMetrics& metrics = *parts_.metrics;
  metrics.dead_lines.add();
  metrics.dead_raw_bytes.add((span.end - span.begin).value);
  if (one.spooled != 0) metrics.replayed_raw_bytes.add((span.end - span.begin).value);
  report_.buried(suspect.status, one.parcel->records.place(suspect.record));
}

// A letter that was written for a parcel that went back meanwhile is there twice after the next
// start, under the same id.
void Lane::take_filed(MonoTime now) {
  if (!desk_busy_) return;
  const std::optional<Result<void>> outcome = parts_.dead->filed();
  if (!outcome) return;
  desk_busy_ = false;
  in_flight_.end_waits_for_desk(now);
  Consignment* one = in_flight_.filing();
  if (one == nullptr) return;
  if (outcome->ok()) {
    SLUICE_CRASHPOINT("lane.dead.durable");
    return finish_burial(*one, now);
  }
  one->apart->filing = false;
  const Duration pause = retry_.hold(Duration(-1), jitter_.next());
  one->parcel->not_before = now + pause;
  parts_.metrics->dead_errors.add();
  report_.cannot_bury(outcome->error(), pause);
}

}  // namespace sluice
