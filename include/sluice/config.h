// SPDX-License-Identifier: Apache-2.0
// config.h — the typed configuration: what a user may decide, with its unit, its default and its
// effect.
//
// In:      filled once by src/control/config_load.h from flags, SLUICE_… variables and YAML files.
// Out:     plain structs. Each part of the agent gets the few fields it needs by value.
// Owns:    its strings. Secrets are wrapped so that no log, dump or failed test can show them.
// Thread:  value types; never changed after loading. A reload is a new object.
// Limits:  ranges are checked by the loader (src/control/option_table.cc holds each range once), so
//          the rest of the program may trust them.
// Why so:  the initialisers below are the only place where a default is written. Help text, the
//          reference in docs/configuration.md and `sluice check --print` are derived from them.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "sluice/line_form.h"
#include "sluice/units.h"

namespace sluice {

// A piece of a secret: text, or the path of a file that holds it and may change.
struct SecretPiece {
  bool is_file = false;
  std::string text;

  bool operator==(const SecretPiece&) const = default;
};

// A text that must not be shown: tokens, passwords. Every printer prints three stars.
class Secret {
 public:
  Secret() = default;
  explicit Secret(std::string text, std::vector<SecretPiece> pieces = {})
      : text_(std::move(text)), pieces_(std::move(pieces)) {}
  // For the one place that hands it to the wire.
  const std::string& reveal() const { return text_; }
  // What it was put together from; empty when no file is among it. The wire reads those again.
  const std::vector<SecretPiece>& pieces() const { return pieces_; }
  bool empty() const { return text_.empty(); }
  bool operator==(const Secret&) const = default;

  template <class Stream>
  friend Stream& operator<<(Stream& out, const Secret&) {
    out << "***";
    return out;
  }

 private:
  std::string text_;
  std::vector<SecretPiece> pieces_;
};

enum class StartFrom : uint8_t { kBeginning, kEnd };
enum class CarriageReturn : uint8_t { kKeep, kStrip };
enum class Framing : uint8_t { kJson, kNdjson };
enum class Overflow : uint8_t { kBlock, kDropOldest };
// What goes to the spool when a destination does not take it: nothing, what was read of files that
// were rotated or deleted, or everything.
enum class SpoolMode : uint8_t { kOff, kAtRisk, kAll };
enum class Compression : uint8_t { kNone, kGzip, kZstd };
enum class DeliveryOrder : uint8_t { kParallel, kFile };
enum class EndpointBalance : uint8_t { kFailover, kSpread };
enum class HttpVersion : uint8_t { kAuto, kHttp1, kHttp2 };
enum class TlsVersion : uint8_t { k12, k13 };
enum class IoBackend : uint8_t { kAuto, kUring, kPread };
// Whose symbolic links lead to files that are followed.
enum class FollowLinks : uint8_t {
  kTrusted,  // root's, the agent's own, and those of who owns what they lead to
  kAll,
  kNone,
};
enum class LogLevel : uint8_t { kDebug, kInfo, kWarning, kError, kOff };
enum class LogFormat : uint8_t { kText, kJson };
enum class ProgressMode : uint8_t { kAuto, kOn, kOff };

// How hard the codec works. kAuto follows the backlog, kFast takes the fastest codec of build and
// CPU, kFixed is a level of the codec: 1 to 12 for gzip, 1 to 19 for zstd.
struct CompressionLevel {
  enum class Mode : uint8_t { kAuto, kFast, kFixed };
  Mode mode = Mode::kAuto;
  int32_t fixed = 1;  // read only when mode is kFixed

  bool operator==(const CompressionLevel&) const = default;
};

// A token bucket: `per_second` units flow in, at most `burst` wait. Off when per_second is 0. The
// loader sets burst to one second's worth when the user gives none, so burst > 0 whenever it is on.
struct RateLimit {
  int64_t per_second = 0;
  int64_t burst = 0;

  bool on() const { return per_second > 0; }
  bool operator==(const RateLimit&) const = default;
};

struct ListenAddress {
  std::string host;  // an address or a name; "[::1]" is stored without the brackets
  uint16_t port = 0;

  bool operator==(const ListenAddress&) const = default;
};

// A set of files that are treated alike.
struct SourceConfig {
  // Unique among sources; appears in metrics and messages.
  std::string name = "default";

  // Glob patterns of files to follow: * ? [a-z] {a,b} and ** for any number of directories.
  // More patterns follow more files; a pattern that matches nothing yet is only a warning.
  std::vector<std::string> paths = {"/var/log/*.log"};

  // Glob patterns of files to leave alone, applied after `paths`; a pattern without a slash is
  // compared with the file's name. More patterns follow fewer files.
  std::vector<std::string> exclude;

  // Where to start in a file that was never seen before. kBeginning ships what is already there;
  // kEnd ships only what is written from now on. Known files go on at their checkpoint.
  StartFrom from = StartFrom::kBeginning;

  // Static fields of every record of this source. Each adds its length to every record.
  std::map<std::string, std::string> labels;

  // Names of the destinations that get these lines; every one gets all of them. The loader fills
  // in all destinations when the user names none, so it is never empty after loading.
  std::vector<std::string> destinations;

  // Bytes of a line before it is split into marked pieces; nothing is dropped. Raising it keeps
  // longer lines whole and needs more memory per file; lowering it splits earlier.
  Bytes max_line = Bytes(1 << 20);

  // A carriage return right before the newline: kStrip removes it from the record, kKeep ships it.
  CarriageReturn carriage_return = CarriageReturn::kStrip;

  // What a line of these files is: text, or what a container runtime wraps round it. kCri and
  // kDocker unwrap it, join the parts of long lines and add the record's "stream" and "time".
  LineFormat format = LineFormat::kText;

  // What the bytes of these files mean. Container logs are always UTF-8.
  TextEncoding encoding = TextEncoding::kUtf8;
};

// TLS towards one destination, for https endpoints.
struct TlsConfig {
  // PEM file of the authorities to trust, or a directory of them named by hash (openssl rehash);
  // empty: those of the system. This and the next two are read again for each new connection.
  std::string ca_file;
  // PEM files of the agent's own certificate and key, for destinations that ask for one. Both or
  // neither.
  std::string cert_file;
  std::string key_file;
  // Check the destination's certificate and name. Off accepts anybody who answers: tests only.
  bool verify = true;
  // The oldest version that is spoken.
  TlsVersion min_version = TlsVersion::k12;
  // Public keys of which the destination must have one: "sha256//BASE64", several with ';'. Checked
  // beside the certificate, and also when that is not checked.
  std::string pin;
  // The name that is asked for (SNI), that the certificate must have and that the request names as
  // its Host, when it is not the endpoint's.
  std::string server_name;
};

// How requests prove who sends them. Each secret may come from a file that is read again when it
// changes.
struct Authentication {
  Secret bearer;         // Authorization: Bearer ...
  std::string username;  // Authorization: Basic ..., with the password
  Secret password;
  // Signs each request: HMAC-SHA256 over time and body, in a header of its own.
  Secret sign_key;
  std::string sign_header = "X-Signature";
  // For the proxy on the way; not seen by the destination.
  std::string proxy_username;
  Secret proxy_password;
};

// A service that takes lines, and how hard it may be pushed.
struct DestinationConfig {
  // Unique among destinations; appears in metrics and messages.
  std::string name = "default";

  // Where requests go: http:// or https://. Never holds user:password; the loader moves those
  // into an Authorization header.
  // Several are one and the same destination at several addresses; `balance` says who gets what.
  std::vector<std::string> endpoints = {"http://127.0.0.1:8080/ingest"};

  // kFailover: the first that takes requests, in this order. kSpread: the least busy one.
  EndpointBalance balance = EndpointBalance::kFailover;

  // The body: one JSON array of records, or one JSON record per line.
  Framing framing = Framing::kJson;

  // Most lines in a request; 0: no limit. Raising it makes fewer, larger requests when lines are
  // short (512 KiB are about 3,000 records of short lines, so the default seldom binds); lowering
  // it makes more requests, each with its own cost on both sides.
  Lines batch = Lines(10'000);

  // Most bytes in a request's body before compression. Raising it compresses better, costs fewer
  // CPU cycles per line and more memory per request in flight; lowering it delivers smaller pieces.
  Bytes batch_bytes = Bytes(512 << 10);

  // The longest time that a line waits for company when requests are in flight; an idle
  // destination gets it within milliseconds anyway. Raising it makes fuller requests at middle
  // rates, lowering it makes more requests.
  Duration wait = Duration(200'000'000);

  // Requests in flight at most; how many there are follows the destination's answers. 0: auto.
  // Raising it hides a longer round trip and needs one body of memory each; 1 makes the
  // destination see one request after the other.
  int32_t workers = 0;
  // Bodies shrink by four to eight, so eight requests are planned for with the memory of four.
  int32_t most_workers() const { return workers > 0 ? workers : 8; }
  int32_t planned_workers() const { return workers > 0 ? workers : 4; }

  // Lines read but not yet in a request; 0: bounded by `memory` alone. When reached, `overflow`
  // decides. Raising it evens out bursts; lowering it keeps less in memory.
  Lines queue = Lines(0);

  // When the queue is full: kBlock stops reading (the lines wait in their files, nothing is lost),
  // kDropOldest gives up the oldest waiting lines, counted to the line.
  Overflow overflow = Overflow::kBlock;

  // The Content-Encoding of the body.
  Compression compression = Compression::kGzip;

  // Raising it sends fewer bytes and costs more CPU per line.
  CompressionLevel level;

  // Limits of bytes (of request bodies on the wire), lines and requests per second. Off by default.
  RateLimit rate_bytes;
  RateLimit rate_lines;
  RateLimit rate_requests;

  // The first and the longest pause before a failed request is sent again; each failure doubles the
  // pause. Raising the longest is kinder to a destination that is down, lowering it notices sooner
  // that it is back. A Retry-After of the destination counts more.
  Duration retry_min_delay = Duration(100'000'000);
  Duration retry_max_delay = Duration(30'000'000'000);

  // Most bytes of dead letters, which hold the lines that this destination refuses and others are
  // taken beside. When it is reached the files of refused lines wait. Raising it keeps more of
  // them.
  Bytes dead_letter_max = Bytes(256 << 20);

  // Whether lines that the destination does not take go to disk, compressed: kOff leaves them in
  // their files, kAll keeps a copy of all that wait, so that files may be deleted.
  SpoolMode spool = SpoolMode::kAtRisk;

  // Most bytes of the spool. Raising it outlasts longer outages.
  Bytes spool_max = Bytes(1 << 30);

  // When it is full: kBlock stops reading, kDropOldest gives up the oldest spooled lines, counted.
  Overflow spool_full = Overflow::kBlock;

  // The whole time of one request before it is given up and sent again. Too low a value sends the
  // same lines twice to a slow destination; too high a value notices a dead one late.
  Duration request_timeout = Duration(30'000'000'000);

  // The part of it that a connection may take.
  Duration connect_timeout = Duration(5'000'000'000);

  // kParallel: requests may overtake each other. kFile: at most one request with lines of the same
  // file is in flight, which keeps each file's order and costs speed on single hot files.
  DeliveryOrder order = DeliveryOrder::kParallel;

  // Extra request headers. Values may be tokens, so all are secrets.
  std::map<std::string, Secret> headers;

  TlsConfig tls;
  Authentication auth;

  // Adds the byte offset of the line in its file to every record, as "offset".
  bool with_offset = false;

  // Adds a deterministic id to every record, as "id": the same line gets the same id when it is
  // sent again, so that the destination can drop the duplicate.
  bool with_id = false;

  // kAuto: HTTP/2 where TLS negotiates it, else HTTP/1.1.
  HttpVersion http_version = HttpVersion::kAuto;

  // http://, https://, socks5:// or socks5h://HOST:PORT; "off"; empty: as the environment says.
  // `no_proxy` names hosts that are reached without, as curl's variable does.
  std::string proxy;
  std::string no_proxy;
};

struct AgentConfig {
  // Never empty after loading.
  std::vector<SourceConfig> sources;
  std::vector<DestinationConfig> destinations;

  // The "host" of every record. Default: the host's name, filled in by the loader.
  std::string host;

  // The directory of the checkpoint store. Default, filled in by the loader: /var/lib/sluice for
  // root, else $XDG_STATE_HOME/sluice or ~/.local/state/sluice. One agent per directory.
  std::string state_dir;

  // Threads that read, encode and compress; 0: one per CPU that the process may use. Raising it
  // uses more cores when the agent is behind; each shard needs its share of `memory`.
  int32_t shards = 0;

  // Binds each shard to one CPU. Steadier on a machine that has cores to spare for the agent,
  // slower on a busy one.
  bool pin = false;

  // The sum of all buffers. When they are in use, reading pauses: lines wait in their files.
  // Raising it helps with many hot files, many workers and large requests.
  Bytes memory = Bytes(64 << 20);

  // How files are read. kAuto probes for io_uring and falls back to pread; both behave alike.
  IoBackend io = IoBackend::kAuto;

  // Which symbolic links are followed. kAll trusts everybody who may make one in a directory that
  // a pattern leads through.
  FollowLinks follow_links = FollowLinks::kTrusted;

  // Where /metrics and /health answer; nothing: no admin port.
  std::optional<ListenAddress> admin = ListenAddress{"127.0.0.1", 9686};

  // How long a graceful stop may deliver what was read. What is left after it is sent again after
  // the next start. Raising it leaves fewer duplicates, lowering it stops sooner.
  Duration shutdown_timeout = Duration(30'000'000'000);

  LogLevel log_level = LogLevel::kInfo;
  LogFormat log_format = LogFormat::kText;

  // How often acknowledged positions are stored. Raising it writes less, lowering it repeats fewer
  // lines after a crash.
  Duration checkpoint_interval = Duration(1'000'000'000);

  // How often directories are compared with what is known, in case a notification was lost.
  // Raising it costs less with huge directories, lowering it finds such files sooner.
  Duration reconcile_interval = Duration(10'000'000'000);

  // The progress line on stderr. kAuto: when stderr is a terminal.
  ProgressMode progress = ProgressMode::kAuto;
};

}  // namespace sluice
