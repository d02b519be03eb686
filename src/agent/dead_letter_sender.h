// SPDX-License-Identifier: Apache-2.0
// dead_letter_sender.h — sends one dead letter again, as the agent would send its line.
//
// In:      a destination of the configuration, a letter.
// Out:     what the destination says to it.
// Owns:    a wire with one place, and what it waits in.
// Thread:  a command's; waits for each answer, at most for the request timeout.
// Limits:  one record per request, with the key of that record: a destination that drops what it
//          has seen drops it here, too.
// Fails:   create() with a sentence.
// Why so:  the same wire, credentials, TLS and verdicts as the agent's: what is taken here would be
//          taken from the agent.
#pragma once

#include <memory>
#include <string>

#include "agent/dead_letter_box.h"
#include "flow/deliver/verdict.h"
#include "platform/pread_io.h"
#include "platform/system_clock.h"
#include "sluice/compressor.h"
#include "sluice/config.h"
#include "sluice/event_log.h"
#include "sluice/metrics.h"
#include "sluice/wire.h"

namespace sluice {

class DeadLetterSender {
 public:
  // Null with a sentence in `problem`.
  static std::unique_ptr<DeadLetterSender> create(const DestinationConfig& destination,
                                                  std::string& problem);

  struct Answer {
    Verdict verdict;
    std::string words;  // "HTTP 400: …"
  };
  Answer send(const FiledLetter& letter);

 private:
  DeadLetterSender() = default;

  WireAnswer attempt(const Parcel& parcel);

  Framing framing_ = Framing::kJson;
  SystemClock clock_;
  std::unique_ptr<PreadIo> io_;
  std::unique_ptr<Compressor> compressor_;
  NoEventLog events_;
  LaneMetrics metrics_;
  std::unique_ptr<Wire> wire_;
  size_t endpoints_ = 1;
  uint64_t ticket_ = 0;
};

}  // namespace sluice
