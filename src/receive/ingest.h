// SPDX-License-Identifier: Apache-2.0
// ingest.h — what happens to a request: decoded, read, recognised, stored, verified; and its
// answer.
//
// In:      one whole request as views, and the time of its arrival. Knows nothing of HTTP versions,
//          sockets or faults.
// Out:     a status and a text for the client; counters in the stats.
// Owns:    decoder, reader, store, key window and verifier, as far as the options ask for them.
// Thread:  one. Durable: with --fsync a 200 may be sent only after commit(), which syncs everything
//          taken since the last one: one fsync answers all requests of a turn. Order:   decode,
//          recognise the key, read all records, store, remember the key, verify. A request that
//          fails at any step leaves nothing behind.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "receive/body_decoder.h"
#include "receive/file_store.h"
#include "receive/key_log.h"
#include "receive/key_window.h"
#include "receive/receive_options.h"
#include "receive/receive_stats.h"
#include "receive/record_reader.h"
#include "receive/verifier.h"

namespace sluice {

struct IngestRequest {
  std::string_view content_type, content_encoding, idempotency_key, body;
};

struct IngestAnswer {
  int status = 200;
  std::string text;  // JSON: {"lines":N} or {"error":"..."}
};

class Ingest {
 public:
  Ingest(const ReceiveOptions& options, ReceiveStats* stats);

  // Opens the store and the key log; the message names the path and the remedy.
  std::string open();

  IngestAnswer take(const IngestRequest& request, WallTime arrival);

  bool owes_commit() const { return owes_commit_; }
  Result<void> commit();

  const Verifier& verifier() const { return verifier_; }

 private:
  IngestAnswer refuse(int status, std::string_view reason);
  Result<void> store();
  Result<void> store_to_stdout();
  Result<void> remember(KeyHash key);
  void count_and_verify(WallTime arrival);

  const ReceiveOptions options_;
  ReceiveStats* const stats_;
  BodyDecoder decoder_;
  RecordReader reader_;
  std::unique_ptr<FileStore> files_;
  KeyWindow keys_;
  std::unique_ptr<KeyLog> key_log_;
  std::vector<KeyHash> uncommitted_keys_;
  Verifier verifier_;
  std::string stdout_buffer_;
  bool owes_commit_ = false;
};

}  // namespace sluice
