// SPDX-License-Identifier: Apache-2.0
#include "receive/ingest.h"

#include <fmt/format.h>
#include <unistd.h>

#include "receive/json_text.h"
#include "receive/stored_files.h"

namespace sluice {
namespace {

int refusal_status(DecodedBody::Verdict verdict) {
  switch (verdict) {
    case DecodedBody::Verdict::kUnsupported:
      return 415;
    case DecodedBody::Verdict::kTooLarge:
      return 413;
    case DecodedBody::Verdict::kDamaged:
    case DecodedBody::Verdict::kDecoded:
      break;
  }
  return 400;
}

IngestAnswer accepted(size_t lines, bool duplicate) {
  return IngestAnswer{
      200, fmt::format("{{\"lines\":{}{}}}\n", lines, duplicate ? ",\"duplicate\":true" : "")};
}

}  // namespace

Ingest::Ingest(const ReceiveOptions& options, ReceiveStats* stats)
    : options_(options),
      stats_(stats),
      decoder_(options.max_decoded),
      keys_(options.dedupe_window) {}

std::string Ingest::open() {
  if (options_.output != ReceiveOutput::kFiles) return {};
  files_ = std::make_unique<FileStore>(options_.out, options_.fsync);
  if (auto opened = files_->open(); !opened.ok()) {
    return fmt::format("cannot store in {}: {}. Choose a writable directory with --out.",
                       options_.out, opened.error().message());
  }
  if (options_.verify) {
    // What an earlier run stored has arrived too; the report spans restarts.
    auto read = read_stored_lines(options_.out, options_.ledger, TornEnd::kIsSkipped, &verifier_);
    if (!read.ok()) {
      return fmt::format("cannot read what is stored in {}: {}. Choose another --out.",
                         options_.out, read.error().message());
    }
  }
  if (!options_.dedupe) return {};
  const std::string path = options_.out + "/.idempotency-keys";
  key_log_ = std::make_unique<KeyLog>(path);
  if (auto opened = key_log_->open(&keys_); !opened.ok()) {
    return fmt::format("cannot keep keys in {}: {}. Remove the file, or run without --dedupe.",
                       path, opened.error().message());
  }
  return {};
}

IngestAnswer Ingest::refuse(int status, std::string_view reason) {
  (status >= 500 ? stats_->store_failures : stats_->bad_bodies) += 1;
  return IngestAnswer{status, fmt::format("{{\"error\":{}}}\n", json_string(reason))};
}

IngestAnswer Ingest::take(const IngestRequest& request, WallTime arrival) {
  stats_->requests += 1;
  stats_->bytes_wire += request.body.size();
  if (request.body.size() > static_cast<size_t>(options_.max_body.value)) {
    return refuse(413, fmt::format("the body is larger than {} bytes; send smaller batches or "
                                   "raise --max-body",
                                   options_.max_body.value));
  }
  if (is_too_large(options_.faults, request.body.size())) {
    stats_->faults_injected += 1;
    return refuse(413, "injected fault: the body is too large");
  }
  const bool has_key = options_.dedupe && !request.idempotency_key.empty();
  const KeyHash key = has_key ? hash_key(request.idempotency_key) : KeyHash{};
  if (has_key && keys_.contains(key)) {
    stats_->duplicates += 1;
    return accepted(0, true);
  }
  if (options_.raw) {
    if (has_key) keys_.insert(key);
    return accepted(0, false);
  }
  const DecodedBody decoded = decoder_.decode(request.body, request.content_encoding);
  if (decoded.verdict != DecodedBody::Verdict::kDecoded) {
    return refuse(refusal_status(decoded.verdict), decoded.reason);
  }
  if (is_poisoned(options_.faults, decoded.bytes)) {
    stats_->faults_injected += 1;
    return refuse(400, "injected fault: a record is poisoned");
  }
  const std::string wrong =
      reader_.read(decoded.bytes, body_format(request.content_type, decoded.bytes));
  if (!wrong.empty()) return refuse(400, wrong);
  if (auto stored = store(); !stored.ok()) return refuse(500, stored.error().message());
  if (has_key) {
    if (auto kept = remember(key); !kept.ok()) return refuse(500, kept.error().message());
  }
  stats_->bytes_decoded += decoded.bytes.size();
  count_and_verify(arrival);
  return accepted(reader_.records().size(), false);
}

Result<void> Ingest::store() {
  switch (options_.output) {
    case ReceiveOutput::kCount:
      return {};
    case ReceiveOutput::kStdout:
      return store_to_stdout();
    case ReceiveOutput::kFiles:
      break;
  }
  owes_commit_ = options_.fsync;
  return files_->append(reader_.records());
}

Result<void> Ingest::store_to_stdout() {
  stdout_buffer_.clear();
  for (const Record& record : reader_.records()) {
    stdout_buffer_.append(record.line).push_back('\n');
  }
  return write_whole(STDOUT_FILENO, stdout_buffer_);
}

Result<void> Ingest::remember(KeyHash key) {
  keys_.insert(key);
  if (options_.fsync) {
    uncommitted_keys_.push_back(key);  // written after the lines are durable
    return {};
  }
  return key_log_ != nullptr ? key_log_->append(key, keys_) : Result<void>();
}

void Ingest::count_and_verify(WallTime arrival) {
  stats_->lines += reader_.records().size();
  for (const Record& record : reader_.records()) {
    stats_->bytes_lines += record.line.size() + 1;
    if (options_.verify) verifier_.take(record.line, arrival);
  }
}

Result<void> Ingest::commit() {
  owes_commit_ = false;
  Result<void> outcome = files_ != nullptr ? files_->sync() : Result<void>();
  if (key_log_ != nullptr) {
    for (const KeyHash key : uncommitted_keys_) {
      if (outcome.ok()) outcome = key_log_->append(key, keys_);
    }
    if (outcome.ok() && !uncommitted_keys_.empty()) outcome = key_log_->sync();
  }
  if (!outcome.ok()) {
    for (const KeyHash key : uncommitted_keys_) keys_.remove(key);
    stats_->store_failures += 1;
  }
  uncommitted_keys_.clear();
  return outcome;
}

}  // namespace sluice
