// SPDX-License-Identifier: Apache-2.0
#include "control/metrics_table.h"

#include <algorithm>
#include <array>

namespace sluice {

namespace {

constexpr MetricType kCounter = MetricType::kCounter;
constexpr MetricType kGauge = MetricType::kGauge;
constexpr MetricType kSummary = MetricType::kSummary;
constexpr double kNsToSeconds = 1e-9;

double uptime_seconds(const MetricsScrape& scrape) {
  return static_cast<double>((scrape.now - scrape.view->started).value) * kNsToSeconds;
}
double reloads(const MetricsScrape& scrape) {
  const ReloadMetrics* reload = scrape.view->reload;
  return reload == nullptr ? 0 : static_cast<double>(reload->reloads.get());
}
double reload_errors(const MetricsScrape& scrape) {
  const ReloadMetrics* reload = scrape.view->reload;
  return reload == nullptr ? 0 : static_cast<double>(reload->errors.get());
}
double memory_limit(const MetricsScrape& scrape) {
  return static_cast<double>(scrape.view->memory_limit.value);
}
double unhealthy_reasons(const MetricsScrape& scrape) {
  return static_cast<double>(scrape.board.status.unhealthy.size());
}
double degraded_reasons(const MetricsScrape& scrape) {
  return static_cast<double>(scrape.board.status.degraded.size());
}
// Read, less what was put back, delivered, given up, buried or spooled; what comes out of the spool
// is delivered and was not read.
int64_t in_flight_of(const MetricsScrape& scrape) {
  int64_t bytes = 0;
  for (const LaneView& lane : scrape.view->lanes)
    bytes -= lane.metrics->delivered_raw_bytes.get() + lane.metrics->dropped_raw_bytes.get() +
             lane.metrics->dead_raw_bytes.get() + lane.metrics->spooled_raw_bytes.get() -
             lane.metrics->replayed_raw_bytes.get();
  for (const ShardView& shard : scrape.view->shards)
    bytes += shard.metrics->read_bytes.get() - shard.metrics->returned_bytes.get();
  return std::max<int64_t>(bytes, 0);
}

double in_flight_bytes(const MetricsScrape& scrape) {
  return static_cast<double>(in_flight_of(scrape));
}

double unread_bytes(const MetricsScrape& scrape) {
  const int64_t lag = scrape.board.status.lag.value;
  return static_cast<double>(std::max<int64_t>(lag - in_flight_of(scrape), 0));
}

double survey_fresh(const MetricsScrape& scrape) {
  return scrape.board.fresh ? 1 : 0;
}
double cpu_seconds(const MetricsScrape& scrape) {
  return scrape.process.cpu_seconds;
}
double resident_bytes(const MetricsScrape& scrape) {
  return static_cast<double>(scrape.process.resident_bytes);
}
double open_descriptors(const MetricsScrape& scrape) {
  return static_cast<double>(scrape.process.open_descriptors);
}
std::string version_text(const MetricsScrape& scrape) {
  return scrape.view->version;
}
std::string backend_text(const MetricsScrape& scrape) {
  return scrape.view->io_backend;
}
std::string phase_text(const MetricsScrape& scrape) {
  switch (scrape.board.status.phase) {
    case AgentPhase::kStarting:
      return "starting";
    case AgentPhase::kRunning:
      return "running";
    case AgentPhase::kDraining:
      return "draining";
  }
  return "unknown";
}

// Rows of one family stand together: the text format asks for that.
constexpr MetricRow kRows[] = {
    // --- what was read: per shard ---
    {"component_received_bytes_total", kCounter,
     "Bytes of log files taken in, each byte once per destination.", &ShardMetrics::read_bytes},
    {"component_received_events_total", kCounter, "Lines taken in and encoded.",
     &ShardMetrics::lines},
    {"reads_total", kCounter, "Read operations that completed, empty ones too.",
     &ShardMetrics::reads},
    {"blocks_total", kCounter, "Blocks of whole lines cut from files.", &ShardMetrics::blocks},
    {"blocks_stolen_total", kCounter,
     "Blocks encoded by another shard than the one that read them.", &ShardMetrics::blocks_stolen},
    {"encoded_bytes_total", kCounter, "Bytes of encoded records before compression.",
     &ShardMetrics::encoded_bytes},
    {"compressed_bytes_total", kCounter, "Bytes of request bodies after compression.",
     &ShardMetrics::compressed_bytes},
    {"parcels_total", kCounter, "Request bodies sealed.", &ShardMetrics::parcels},
    {"invalid_utf8_replaced_total", kCounter,
     "Invalid UTF-8 sequences that were delivered as U+FFFD.", &ShardMetrics::replaced_sequences},
    {"split_lines_total", kCounter, "Pieces of lines that were longer than max-line.",
     &ShardMetrics::split_lines},
    {"partial_lines_total", kCounter,
     "Last lines of rotated files that were delivered without a newline.",
     &ShardMetrics::partial_lines},
    {"unparsed_lines_total", kCounter,
     "Lines that are not in the container format of their source; delivered as they are.",
     &ShardMetrics::unparsed_lines},
    {"truncations_total", kCounter, "Times that a file was truncated or replaced in place.",
     &ShardMetrics::truncations},
    {"hole_bytes_total", kCounter,
     "NUL bytes of holes, which writers leave behind that do not append; passed over.",
     &ShardMetrics::hole_bytes},
    {"reread_bytes_total", kCounter,
     "Bytes that were put back: a file with order: file is read on only after each "
     "acknowledgement.",
     &ShardMetrics::returned_bytes},
    {"shard_files", kGauge, "Files that a shard follows, per destination.", &ShardMetrics::tails},
    {"shard_hot_files", kGauge, "Files of a shard that are growing and read on the tick.",
     &ShardMetrics::hot_tails},
    {"credit_waits_total", kCounter,
     "Turns in which a file was ready but its destination had no room (backpressure).",
     &ShardMetrics::credit_waits},

    // --- what was delivered: per destination ---
    {"component_sent_events_total", kCounter, "Lines that the destination acknowledged.",
     &LaneMetrics::delivered_lines},
    {"component_sent_bytes_total", kCounter,
     "Acknowledged bytes of encoded records, before compression.",
     &LaneMetrics::delivered_encoded_bytes},
    {"component_sent_network_bytes_total", kCounter,
     "Bytes of request bodies put on the wire, in every attempt.", &LaneMetrics::wire_body_bytes},
    {"component_sent_raw_bytes_total", kCounter, "Acknowledged bytes of log files.",
     &LaneMetrics::delivered_raw_bytes},
    {"component_sent_body_bytes_total", kCounter,
     "Acknowledged bytes of request bodies, after compression.",
     &LaneMetrics::delivered_body_bytes},
    {"component_sent_requests_total", kCounter, "Requests that the destination acknowledged.",
     &LaneMetrics::delivered_parcels},
    {"component_discarded_events_total", kCounter,
     "Lines given up by the user's own policy (overflow: drop-oldest). Nothing else drops lines.",
     &LaneMetrics::dropped_lines, "intentional=\"true\""},
    {"component_discarded_bytes_total", kCounter,
     "Bytes of log files given up by the user's own policy.", &LaneMetrics::dropped_raw_bytes,
     "intentional=\"true\""},
    {"component_discarded_requests_total", kCounter,
     "Request bodies given up by the user's own policy.", &LaneMetrics::dropped_parcels,
     "intentional=\"true\""},

    {"component_errors_total", kCounter, "Operations that failed; all but the user's are retried.",
     &ShardMetrics::read_errors, "error_type=\"read_failed\",stage=\"receiving\""},
    {"component_errors_total", kCounter, "", LaneStatus{0},
     "error_type=\"transport_failed\",stage=\"sending\""},
    {"component_errors_total", kCounter, "", LaneStatus{3},
     "error_type=\"status_3xx\",stage=\"sending\""},
    {"component_errors_total", kCounter, "", LaneStatus{4},
     "error_type=\"status_4xx\",stage=\"sending\""},
    {"component_errors_total", kCounter, "", LaneStatus{5},
     "error_type=\"status_5xx\",stage=\"sending\""},
    {"component_errors_total", kCounter, "", &StewardMetrics::checkpoint_errors,
     "component_id=\"steward\",component_kind=\"control\",component_type=\"steward\","
     "error_type=\"checkpoint_failed\",stage=\"storing\""},

    {"http_client_requests_sent_total", kCounter, "Requests sent, in every attempt.",
     &LaneMetrics::sent_requests},
    {"http_client_responses_total", kCounter, "Answers of the destination, by class.",
     LaneStatus{2}, "status=\"2xx\""},
    {"http_client_responses_total", kCounter, "", LaneStatus{3}, "status=\"3xx\""},
    {"http_client_responses_total", kCounter, "", LaneStatus{4}, "status=\"4xx\""},
    {"http_client_responses_total", kCounter, "", LaneStatus{5}, "status=\"5xx\""},
    {"http_client_errors_total", kCounter,
     "Requests without an answer: connection, TLS or timeout failures.", LaneStatus{0},
     "error_kind=\"transport\""},
    {"http_client_retries_total", kCounter, "Attempts after the first.", &LaneMetrics::retries},
    {"http_client_rtt_seconds", kSummary, "From sending a request to its answer.",
     &LaneMetrics::answer_ns_sum, "", "_sum", kNsToSeconds},
    {"http_client_rtt_seconds", kSummary, "", &LaneMetrics::answers, "", "_count"},
    {"destination_holds_total", kCounter,
     "Answers that only a person can cure (401, 403, 404): delivery waits and tries again.",
     &LaneMetrics::holds},
    {"split_requests_total", kCounter,
     "Bodies that were answered 413 and are sent in smaller parts.", &LaneMetrics::splits},
    {"dissected_requests_total", kCounter,
     "Bodies that were answered 400 or 422 and are sent in parts to find the bad line.",
     &LaneMetrics::dissections},
    {"cut_parts_total", kCounter, "Parts that were made of bodies that a destination refused.",
     &LaneMetrics::cuts},
    {"dead_lines_total", kCounter,
     "Lines in the dead letters: refused alone by a destination that takes others.",
     &LaneMetrics::dead_lines},
    {"dead_bytes_total", kCounter, "Bytes of log files that these lines are.",
     &LaneMetrics::dead_raw_bytes},
    {"dead_letter_errors_total", kCounter,
     "Dead letters that could not be stored (full, failing disk) and are tried again.",
     &LaneMetrics::dead_errors},
    {"spooled_lines_total", kCounter, "Lines that went to the spool.", &LaneMetrics::spooled_lines},
    {"spooled_raw_bytes_total", kCounter, "Log bytes of the lines that went to the spool.",
     &LaneMetrics::spooled_raw_bytes},
    {"spool_replayed_raw_bytes_total", kCounter,
     "Log bytes of the lines that came out of the spool and were delivered or buried.",
     &LaneMetrics::replayed_raw_bytes},
    {"spool_errors_total", kCounter,
     "Writes to the spool and reads of it that failed (full, failing disk) and are tried again.",
     &LaneMetrics::spool_errors},
    {"spool_lost_lines_total", kCounter,
     "Lines of the spool that are damaged on disk or gone with it: they are lost.",
     &LaneMetrics::spool_lost_lines},
    {"spool_dropped_lines_total", kCounter,
     "Lines of the spool given up by the user's own policy (spool-full: drop-oldest).",
     &LaneMetrics::spool_dropped_lines},
    {"spool_bytes", kGauge, "Bytes on disk of the spool.", &LaneMetrics::spool_bytes},
    {"spool_lines", kGauge, "Lines in the spool that are not delivered.",
     &LaneMetrics::spool_lines},
    {"at_risk_files", kGauge, "Rotated or deleted files that are not read to the end.",
     &LaneMetrics::at_risk_files},
    {"destination_body_limit_bytes", kGauge,
     "The largest body before compression that the destination takes, learnt from its answers; 0: "
     "no limit is known.",
     &LaneGauge::body_bytes_max},
    {"destination_throttled_total", kCounter, "Times that a rate limit made a request wait.",
     &LaneMetrics::throttled},
    {"destination_healthy", kGauge, "1 if the last answer was a success.", &LaneMetrics::healthy},

    {"buffer_size_bytes", kGauge, "Compressed bytes that wait for their acknowledgement.",
     &LaneGauge::held_bytes},
    {"buffer_size_events", kGauge, "Lines that wait for their acknowledgement.",
     &LaneGauge::held_lines},
    {"buffer_size_requests", kGauge, "Request bodies that wait for their acknowledgement.",
     &LaneGauge::held_parcels},
    {"buffer_max_size_bytes", kGauge, "Where buffer_size_bytes stops reading (backpressure).",
     &LaneGauge::bytes_max},
    {"buffer_credit_bytes", kGauge,
     "Where it stops reading at present: half a second of what the destination takes.",
     &LaneMetrics::credit_bytes},
    {"buffer_max_size_events", kGauge,
     "Where buffer_size_events stops reading; 0: no limit but memory.", &LaneGauge::lines_max},
    {"queued_requests", kGauge, "Request bodies that wait for their turn to be sent.",
     &LaneMetrics::queue_parcels},
    {"adaptive_concurrency_in_flight", kGauge, "Requests on the wire or backing off.",
     &LaneMetrics::in_flight},
    {"adaptive_concurrency_limit", kGauge,
     "Requests that may be open: as many as the destination gains from, at most `workers`.",
     &LaneMetrics::window},
    {"endpoints", kGauge, "Endpoints of the destination.", &LaneMetrics::endpoints},
    {"endpoints_healthy", kGauge, "Endpoints that take requests, as far as is known.",
     &LaneMetrics::endpoints_healthy},
    {"endpoints_given_up_total", kCounter,
     "Times that one of several endpoints was given up for a while.",
     &LaneMetrics::endpoints_given_up},
    {"backing_off_requests", kGauge, "Requests that wait for their next attempt.",
     &LaneMetrics::backing_off},
    {"open_requests", kGauge, "Requests whose answer is still open.", &LaneGauge::on_wire},

    // --- files and positions: one agent ---
    {"files_added_total", kCounter, "Files that came to be followed.",
     &StewardMetrics::files_added},
    {"files_resumed_total", kCounter, "Files that were continued at a stored position.",
     &StewardMetrics::files_resumed},
    {"files_rotated_total", kCounter, "Files that were renamed while they were followed.",
     &StewardMetrics::files_rotated},
    {"files_deleted_total", kCounter, "Files that lost their last name.",
     &StewardMetrics::files_deleted},
    {"files_unwatched_total", kCounter, "Files that were left: gone and acknowledged to the end.",
     &StewardMetrics::files_retired},
    {"files_skipped_total", kCounter, "Files that match but are not regular or not readable.",
     &StewardMetrics::skipped_files},
    {"files_vanished_unread_total", kCounter,
     "Files that were deleted or replaced before they could be opened, empty ones included.",
     &StewardMetrics::vanished_unread},
    {"archives_read_total", kCounter,
     "Compressed files in which a followed file was read to its end.",
     &StewardMetrics::archives_read},
    {"archives_damaged_total", kCounter,
     "The same, but they end early or do not decode: read up to that place.",
     &StewardMetrics::archives_damaged},
    {"open_files", kGauge, "Log files that are held open.", &StewardMetrics::open_files},
    {"tails", kGauge, "Files that are followed, per destination.", &StewardMetrics::tails},
    {"source_lag_bytes", kGauge,
     "Bytes written to files and not acknowledged; exact at the time of the scrape.",
     &StewardMetrics::lag_bytes},
    {"source_lag_time_seconds", kGauge, "Age of the oldest file that is behind.",
     &StewardMetrics::lag_ns, "", "", kNsToSeconds},
    {"source_acked_bytes_total", kCounter, "Bytes of files whose position moved.",
     &StewardMetrics::acked_raw_bytes},
    {"source_in_flight_bytes", kGauge, "Bytes of files that are read and not acknowledged.",
     AgentNumber(in_flight_bytes)},
    {"source_unread_bytes", kGauge,
     "Bytes of files that wait in their files: the lag without what is in flight.",
     AgentNumber(unread_bytes)},
    {"source_missed_bytes_total", kCounter,
     "Bytes that cannot be delivered any more, by reason; sluice audit names the files. The only "
     "loss there is.",
     &StewardMetrics::missed_truncated, "reason=\"truncated\""},
    {"source_missed_bytes_total", kCounter, "", &StewardMetrics::missed_replaced,
     "reason=\"replaced\""},
    {"source_missed_bytes_total", kCounter, "", &StewardMetrics::missed_deleted,
     "reason=\"deleted\""},
    {"source_missed_bytes_total", kCounter, "", &StewardMetrics::missed_unacked,
     "reason=\"unacked\""},
    {"reconciles_total", kCounter, "Comparisons of the directories with what is known.",
     &StewardMetrics::reconciles},
    {"notification_overflows_total", kCounter,
     "Times that the kernel dropped notifications; a reconcile follows.",
     &StewardMetrics::event_overflows},
    {"watch_failures_total", kCounter,
     "Directories that cannot be watched and are compared periodically instead.",
     &StewardMetrics::watch_failures},
    {"checkpoints_total", kCounter, "Durable commits of positions.", &StewardMetrics::checkpoints},
    {"checkpoint_rows", kGauge, "Positions in the store.", &StewardMetrics::checkpoint_rows},
    {"checkpoint_rows_salvaged_total", kCounter,
     "Positions carried over from a damaged store at start.",
     &StewardMetrics::checkpoint_rows_salvaged},
    {"checkpoint_rows_damaged_total", kCounter,
     "Positions of a damaged store that were not what was once written; their files are read "
     "again.",
     &StewardMetrics::checkpoint_rows_damaged},

    {"build_info", kGauge, "The version that runs; always 1.", AgentText{"version", version_text}},
    {"io_backend", kGauge, "How files are read; always 1.", AgentText{"backend", backend_text}},
    {"phase", kGauge, "starting, running or draining; always 1.", AgentText{"phase", phase_text}},
    {"reloaded_total", kCounter, "Configurations that a running agent has taken over.",
     AgentNumber(reloads)},
    {"reload_errors_total", kCounter,
     "New configurations that were refused; the one before went on.", AgentNumber(reload_errors)},
    {"uptime_seconds", kGauge, "Since the agent started.", AgentNumber(uptime_seconds)},
    {"memory_limit_bytes", kGauge, "The sum of all buffers (--memory).", AgentNumber(memory_limit)},
    {"unhealthy_reasons", kGauge, "How many things keep lines from being delivered; see /health.",
     AgentNumber(unhealthy_reasons)},
    {"degraded_reasons", kGauge, "How many things do not, but put a promise at risk; see /health.",
     AgentNumber(degraded_reasons)},
    {"survey_fresh", kGauge, "1 if the lag was computed for this scrape, 0 if it is older.",
     AgentNumber(survey_fresh)},
    {"process_cpu_seconds_total", kCounter, "User and system time of the process.",
     AgentNumber(cpu_seconds)},
    {"process_resident_memory_bytes", kGauge, "Resident set of the process.",
     AgentNumber(resident_bytes)},
    {"process_open_fds", kGauge, "Open descriptors of the process.", AgentNumber(open_descriptors)},
};

}  // namespace

std::span<const MetricRow> metric_rows() {
  return kRows;
}

}  // namespace sluice
