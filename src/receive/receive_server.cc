// SPDX-License-Identifier: Apache-2.0
#include "receive/receive_server.h"

#include <fmt/format.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <list>

#include "receive/clocks.h"
#include "receive/durable_file.h"
#include "receive/fault_plan.h"
#include "receive/h2o_api.h"
#include "receive/held_requests.h"
#include "receive/http_exchange.h"
#include "receive/listener.h"
#include "receive/tls_context.h"

namespace sluice {
namespace {

using namespace literals;

constexpr Duration kDrainMax = 10_s;  // for requests in progress at the stop
constexpr Duration kQuiet = 50_ms;    // no request in progress for so long: drained
constexpr Duration kCloseMax = 1_s;   // for libh2o to let go of its connections
constexpr Duration kHungCheck = 100_ms;
constexpr Duration kIdleTurn = 60_s;
constexpr const char* kJson = "application/json";
constexpr uint64_t kIdleConnectionMs = 600'000;
// The first read of a body takes this much at once. libh2o's own 4 KiB would double its way up,
// copying, through seven reads per body of 256 KiB.
constexpr size_t kReadBufferBytes = 512u << 10;

}  // namespace

struct ReceiveServer::Loop {
  struct Connection {
    Loop* loop = nullptr;
    h2o_socket_t* socket = nullptr;
    std::list<Connection>::iterator place;
  };
  struct CatchAll {
    h2o_handler_t base;  // first: libh2o allocates and casts
    Loop* loop;
  };

  // Constant after open().
  ReceiveOptions options;
  Ingest* ingest = nullptr;
  ReceiveStats* stats = nullptr;
  VerifyText verify_text;
  Descriptor stop_event;
  TlsContext tls;

  // The loop's thread only.
  FaultPlan faults;
  Listener listener;
  h2o_globalconf_t config{};
  h2o_context_t context{};
  h2o_accept_ctx_t accept_context{};
  h2o_evloop_t* events = nullptr;
  h2o_socket_t* listening = nullptr;
  h2o_socket_t* stop_socket = nullptr;
  std::list<Connection> connections;
  HeldRequests held;
  uint64_t stops = 0;  // a second one ends the drain
  bool in_outage = false;
  bool owes_turn = false;  // answers given between two turns: libh2o goes on with them in the next
  MonoTime begin;
  MonoTime next_progress = kNever;

  Loop(const ReceiveOptions& receive_options, Ingest* ingest_in, ReceiveStats* stats_in,
       VerifyText verify)
      : options(receive_options),
        ingest(ingest_in),
        stats(stats_in),
        verify_text(std::move(verify)),
        stop_event(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)),
        faults(receive_options.faults, receive_options.seed) {}

  void start();
  void turn(Duration longest);
  Duration until_next_work() const;
  void drain();
  void tear_down();
  bool has_request_in_progress();

  static void on_accept(h2o_socket_t* socket, const char* error);
  static void on_stop(h2o_socket_t* socket, const char* error);
  static void on_connection_closed(void* connection);
  static int on_request(h2o_handler_t* handler, h2o_req_t* request);

  void take_get(h2o_req_t* request);
  void take_ingest(h2o_req_t* request);
  IngestAnswer decide_answer(h2o_req_t* request, const FaultDecision& fault);
  void answer(h2o_req_t* request, const IngestAnswer& text, std::optional<int> retry_after_s);
  void commit();
  void answer_due();
  void follow_outages();
  void show_progress();
};

// ---- starting and turning

void ReceiveServer::Loop::start() {
  h2o_socket_buffer_prototype._initial_buf.capacity = kReadBufferBytes;
  h2o_socket_buffer_mmap_settings.threshold = SIZE_MAX;  // no bodies in files below /tmp
  h2o_config_init(&config);
  config.server_name = h2o_iovec_init(H2O_STRLIT("sluice-receive"));
  config.max_request_entity_size = static_cast<size_t>(options.max_body.value) * 2 + (1u << 20);
  config.http1.req_timeout = kIdleConnectionMs;
  config.http2.idle_timeout = kIdleConnectionMs;
  h2o_hostconf_t* const host =
      h2o_config_register_host(&config, h2o_iovec_init(H2O_STRLIT("default")), 65535);
  h2o_pathconf_t* const all_paths = h2o_config_register_path(host, "/", 0);
  auto* const route = reinterpret_cast<CatchAll*>(h2o_create_handler(all_paths, sizeof(CatchAll)));
  route->base.on_req = on_request;
  route->loop = this;
  events = h2o_evloop_create();
  h2o_context_init(&context, events, &config);
  accept_context.ctx = &context;
  accept_context.hosts = config.hosts;
  accept_context.ssl_ctx = tls.get();
  listening = h2o_evloop_socket_create(events, ::dup(listener.fd()), H2O_SOCKET_FLAG_DONT_READ);
  listening->data = this;
  h2o_socket_read_start(listening, on_accept);
  stop_socket =
      h2o_evloop_socket_create(events, ::dup(stop_event.get()), H2O_SOCKET_FLAG_DONT_READ);
  stop_socket->data = this;
  h2o_socket_read_start(stop_socket, on_stop);
  if (!options.quiet && ::isatty(STDERR_FILENO) == 1) next_progress = begin + 1_s;
}

// Events, then one commit for all that wait for it, then the answers that are due.
void ReceiveServer::Loop::turn(Duration longest) {
  const int64_t wait_ms = std::min(longest, until_next_work()).value / 1'000'000;
  owes_turn = false;
  h2o_evloop_run(events, static_cast<int32_t>(wait_ms));
  commit();
  answer_due();
  follow_outages();
  show_progress();
}

// libh2o computes how long to wait from its timers alone. What an answer set off outside of a turn
// is pending, and the connection reads no further request before it is done: such a turn must not
// wait.
Duration ReceiveServer::Loop::until_next_work() const {
  if (owes_turn) return Duration(0);
  const MonoTime now = read_mono_clock();
  Duration wait = kIdleTurn;
  if (held.next_due() != kNever) wait = std::min(wait, held.next_due() - now + 1_ms);
  if (!held.empty()) wait = std::min(wait, kHungCheck);
  if (next_progress != kNever) wait = std::min(wait, next_progress - now + 1_ms);
  if (const auto change = faults.until_outage_change(now - begin)) {
    wait = std::min(wait, *change + 1_ms);
  }
  return std::max(wait, Duration(0));
}

void ReceiveServer::Loop::on_accept(h2o_socket_t* socket, const char* error) {
  Loop* const loop = static_cast<Loop*>(socket->data);
  if (error != nullptr) return;
  for (int i = 0; i < 64; ++i) {
    h2o_socket_t* const accepted = h2o_evloop_socket_accept(socket);
    if (accepted == nullptr) return;
    loop->connections.push_back(Connection{loop, accepted, {}});
    Connection& connection = loop->connections.back();
    connection.place = std::prev(loop->connections.end());
    accepted->on_close.cb = on_connection_closed;
    accepted->on_close.data = &connection;
    loop->stats->connections += 1;
    loop->stats->connections_total += 1;
    h2o_accept(&loop->accept_context, accepted);
  }
}

void ReceiveServer::Loop::on_connection_closed(void* closed) {
  Connection* const connection = static_cast<Connection*>(closed);
  connection->loop->stats->connections -= 1;
  connection->loop->connections.erase(connection->place);
}

void ReceiveServer::Loop::on_stop(h2o_socket_t* socket, const char*) {
  Loop* const loop = static_cast<Loop*>(socket->data);
  uint64_t times = 0;
  if (::read(loop->stop_event.get(), &times, sizeof times) == sizeof times) loop->stops += times;
}

// ---- requests

int ReceiveServer::Loop::on_request(h2o_handler_t* handler, h2o_req_t* request) {
  Loop* const loop = reinterpret_cast<CatchAll*>(handler)->loop;
  const std::string_view method = text_of(request->method);
  if (method == "POST") {
    loop->take_ingest(request);
  } else if (method == "GET" || method == "HEAD") {
    loop->take_get(request);
  } else {
    send_answer(request, HttpAnswer{405, "{\"error\":\"send lines with POST\"}\n", kJson, {}});
  }
  return 0;
}

void ReceiveServer::Loop::take_get(h2o_req_t* request) {
  const std::string_view path = text_of(request->path_normalized);
  std::string text = "{\"error\":\"POST lines here, or GET /health, /stats or /verify\"}\n";
  int status = 404;
  if (path == "/health") {
    status = 200;
    text = "{\"status\":\"ok\"}\n";
  } else if (path == "/stats") {
    status = 200;
    text = stats->json(static_cast<double>((read_mono_clock() - begin).value) / 1e9);
  } else if (path == "/verify" && options.verify) {
    status = 200;
    text = verify_text();
  }
  send_answer(request, HttpAnswer{status, text, kJson, {}});
}

void ReceiveServer::Loop::take_ingest(h2o_req_t* request) {
  using End = FaultDecision::End;
  const FaultDecision fault = faults.decide();
  stats->faults_injected += fault.is_fault() ? 1 : 0;
  if (fault.end == End::kResetBody) return send_reset(request);
  if (fault.end == End::kHang) {
    held.hold(request).due = kNever;
    return;
  }
  IngestAnswer decided = decide_answer(request, fault);
  const bool resets = fault.end == End::kResetResponse;
  const bool owes_commit = ingest->owes_commit();
  if (!resets && !owes_commit && fault.delay.value == 0) {
    return answer(request, decided, fault.retry_after_s);
  }
  HeldRequest& waiting = held.hold(request);
  waiting.answer = std::move(decided);
  waiting.retry_after_s = fault.retry_after_s;
  waiting.due = fault.delay.value == 0 ? MonoTime(0) : read_mono_clock() + fault.delay;
  waiting.owes_commit = owes_commit;
  waiting.resets = resets;
}

IngestAnswer ReceiveServer::Loop::decide_answer(h2o_req_t* request, const FaultDecision& fault) {
  if (fault.end == FaultDecision::End::kStatus) {
    return IngestAnswer{fault.status, "{\"error\":\"injected fault\"}\n"};
  }
  IngestRequest ingest_request;
  ingest_request.content_type = request_header(request, H2O_TOKEN_CONTENT_TYPE);
  ingest_request.content_encoding = request_header(request, H2O_TOKEN_CONTENT_ENCODING);
  ingest_request.idempotency_key = request_header(request, "idempotency-key");
  ingest_request.body = text_of(request->entity);
  return ingest->take(ingest_request, read_wall_clock());
}

void ReceiveServer::Loop::answer(h2o_req_t* request, const IngestAnswer& decided,
                                 std::optional<int> retry_after_s) {
  stats->answers[decided.status] += 1;
  send_answer(request, HttpAnswer{decided.status, decided.text, kJson, retry_after_s});
}

void ReceiveServer::Loop::commit() {
  if (!ingest->owes_commit()) return;
  const Result<void> committed = ingest->commit();
  held.commit_done([&](HeldRequest& waiting) {
    if (committed.ok()) return;
    waiting.answer = IngestAnswer{500, "{\"error\":\"lines could not be made durable\"}\n"};
  });
}

void ReceiveServer::Loop::answer_due() {
  if (held.empty()) return;
  held.expire_hung_up();
  const MonoTime now = read_mono_clock();
  while (const auto due = held.take_due(now)) {
    owes_turn = true;
    if (due->resets) {
      send_reset(due->request);
    } else {
      answer(due->request, due->answer, due->retry_after_s);
    }
  }
}

void ReceiveServer::Loop::follow_outages() {
  const bool outage = stops == 0 && faults.is_outage(read_mono_clock() - begin);
  if (outage == in_outage || stops != 0) return;
  in_outage = outage;
  if (!outage) {
    (void)listener.resume();
    h2o_socket_read_start(listening, on_accept);
    return;
  }
  stats->outages += 1;
  h2o_socket_read_stop(listening);
  (void)listener.pause();
  for (Connection& connection : connections) reset_connection(h2o_socket_get_fd(connection.socket));
}

void ReceiveServer::Loop::show_progress() {
  const MonoTime now = read_mono_clock();
  if (now < next_progress) return;
  next_progress = now + 1_s;
  fmt::print(stderr, "\r\x1b[K{}", stats->progress_text());
  std::fflush(stderr);
}

// ---- stopping

bool ReceiveServer::Loop::has_request_in_progress() {
  if (held.has_waiting()) return true;
  // A stream of HTTP/2 is a request; a connection of HTTP/1 always has one, begun or not.
  const auto any = [](h2o_req_t*, void*) { return 1; };
  const auto begun = [](h2o_req_t* request, void*) -> int {
    return request->conn->callbacks->get_socket(request->conn)->input->size > 0 ? 1 : 0;
  };
  return config.http2.callbacks.foreach_request(&context, any, nullptr) != 0 ||
         config.http1.callbacks.foreach_request(&context, begun, nullptr) != 0;
}

void ReceiveServer::Loop::drain() {
  if (next_progress != kNever) fmt::print(stderr, "\r\x1b[K");
  next_progress = kNever;
  h2o_socket_close(listening);
  (void)listener.pause();
  h2o_context_request_shutdown(&context);
  const MonoTime deadline = read_mono_clock() + kDrainMax;
  MonoTime busy_until = read_mono_clock();
  for (MonoTime now = busy_until; stops < 2 && now < deadline && now < busy_until + kQuiet;
       now = read_mono_clock()) {
    turn(10_ms);
    if (has_request_in_progress()) busy_until = read_mono_clock();
  }
}

void ReceiveServer::Loop::tear_down() {
  const MonoTime deadline = read_mono_clock() + kCloseMax;
  for (Connection& connection : connections) reset_connection(h2o_socket_get_fd(connection.socket));
  do {
    while (auto hanging = held.take_due(kNever)) send_reset(hanging->request);
    h2o_evloop_run(events, 10);
  } while (!connections.empty() && read_mono_clock() < deadline);
  h2o_socket_close(stop_socket);
  h2o_evloop_run(events, 0);
  if (!connections.empty()) return;  // a stuck connection refers to the loop: the exit ends both
  // The reminder of the shutdown that drain() asked for; libh2o asserts that no timer is left.
  h2o_timeout_unlink(&context.http2._graceful_shutdown_timeout);
  h2o_multithread_queue_t* const queue = context.queue;
  h2o_context_dispose(&context);
  h2o_config_dispose(&config);
  h2o_evloop_destroy(events);
#if H2O_LIBRARY_VERSION_MAJOR == 0 && H2O_LIBRARY_VERSION_MINOR == 13
  free(queue);  // library 0.13 closes its queue, but forgets to free it; LeakSanitizer does not
#endif
}

// ---- the public face

ReceiveServer::ReceiveServer(const ReceiveOptions& options, Ingest* ingest, ReceiveStats* stats,
                             VerifyText verify_text)
    : loop_(std::make_unique<Loop>(options, ingest, stats, std::move(verify_text))) {}

ReceiveServer::~ReceiveServer() = default;

std::string ReceiveServer::open() {
  Loop& loop = *loop_;
  if (!loop.options.cert.empty()) {
    std::string wrong = make_tls_context(loop.options.cert, loop.options.key, &loop.tls);
    if (!wrong.empty()) return wrong;
  }
  loop.begin = read_mono_clock();
  return loop.listener.open(loop.options.listen_host, loop.options.listen_port);
}

uint16_t ReceiveServer::port() const {
  return loop_->listener.port();
}

std::string ReceiveServer::url() const {
  const std::string& host = loop_->options.listen_host;
  const bool is_ipv6 = host.find(':') != std::string::npos;
  return fmt::format("{}://{}{}{}:{}", loop_->tls != nullptr ? "https" : "http", is_ipv6 ? "[" : "",
                     host, is_ipv6 ? "]" : "", port());
}

void ReceiveServer::run() {
  loop_->start();
  while (loop_->stops == 0) loop_->turn(kIdleTurn);
  loop_->drain();
  loop_->tear_down();
}

void ReceiveServer::stop() noexcept {
  const uint64_t one = 1;
  (void)!::write(loop_->stop_event.get(), &one, sizeof one);
}

double ReceiveServer::uptime_seconds() const {
  return static_cast<double>((read_mono_clock() - loop_->begin).value) / 1e9;
}

}  // namespace sluice
