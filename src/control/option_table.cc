// SPDX-License-Identifier: Apache-2.0
#include "control/option_table.h"

#include <algorithm>
#include <array>

#include "sluice/units.h"

namespace sluice {
namespace {

constexpr int64_t kMillisecond = 1'000'000;
constexpr int64_t kSecond = 1'000'000'000;
constexpr int64_t kHour = 3600 * kSecond;
constexpr int64_t kKiB = 1 << 10;
constexpr int64_t kMiB = 1 << 20;
constexpr int64_t kGiB = 1 << 30;

constexpr std::string_view kFollow = "What to follow";
constexpr std::string_view kDeliver = "Where to deliver";
constexpr std::string_view kRequests = "Requests";
constexpr std::string_view kRates = "Rates and retries";
constexpr std::string_view kCredentials = "Credentials";
constexpr std::string_view kSecurity = "TLS";
constexpr std::string_view kHost = "The agent and its host";
constexpr std::string_view kSeeing = "Seeing what happens";

using A = AgentConfig;
using S = SourceConfig;
using D = DestinationConfig;
using T = TlsConfig;
using U = Authentication;

template <class Record, class Type>
constexpr auto at(Type Record::*member) {
  if constexpr (std::is_same_v<Record, AgentConfig>)
    return AgentField(member);
  else if constexpr (std::is_same_v<Record, SourceConfig>)
    return SourceField(member);
  else if constexpr (std::is_same_v<Record, DestinationConfig>)
    return DestinationField(member);
  else if constexpr (std::is_same_v<Record, TlsConfig>)
    return TlsField(member);
  else
    return AuthField(member);
}

// clang-format off
constexpr auto kTable = std::to_array<Option>({
  {.group = kFollow, .name = "paths", .field = at(&S::paths),
   .help = "Glob patterns of files to follow: * ? [a-z] {a,b} and ** for any number of directories.",
   .tune = "A pattern that matches nothing yet is a warning: files may appear later.",
   .example = "/var/log/*.log,/srv/**/*.log", .form = Form::kPatterns},
  {.group = kFollow, .name = "exclude", .field = at(&S::exclude),
   .help = "Glob patterns of files to leave alone; one without a slash is compared with the file's name.",
   .tune = "More patterns follow fewer files.",
   .example = "*.gz,/var/log/private/**", .form = Form::kPatterns},
  {.group = kFollow, .name = "from", .field = at(&S::from),
   .help = "Where to start in a file never seen before.",
   .tune = "beginning ships what is already there; end ships only what is written from now on.",
   .example = "end"},
  {.group = kFollow, .name = "labels", .field = at(&S::labels),
   .help = "Static fields added to every record.",
   .tune = "Each adds its length to every record.",
   .example = "app=shop,env=prod"},
  {.group = kFollow, .name = "max-line", .field = at(&S::max_line),
   .help = "Longest line before it is split into marked pieces; nothing is dropped.",
   .tune = "Higher keeps longer lines whole and needs more memory; lower splits earlier.",
   .example = "256KiB", .min = kKiB, .max = 64 * kMiB},
  {.group = kFollow, .name = "carriage-return", .field = at(&S::carriage_return),
   .help = "A carriage return right before the newline: removed, or kept in the record.",
   .tune = "keep when the destination wants the bytes as they are.",
   .example = "keep"},
  {.group = kFollow, .name = "format", .field = at(&S::format),
   .help = "What a line is: text, or what a container runtime writes (cri: containerd, CRI-O; docker: json-file).",
   .tune = "cri and docker unwrap the text, join the parts of long lines and add \"stream\" and \"time\".",
   .example = "cri"},
  {.group = kFollow, .name = "encoding", .field = at(&S::encoding),
   .help = "The encoding of the files; records are always UTF-8.",
   .tune = "Set it for files of Windows programs; a byte order mark at the beginning is removed.",
   .example = "utf-16le"},
  {.group = kFollow, .name = "destinations", .field = at(&S::destinations),
   .help = "Names of the destinations that get these lines; each gets all of them.",
   .tune = "Without it a source goes to every destination.",
   .example = "[main, archive]", .form = Form::kNames, .file_only = true,
   .default_text = "all"},
  {.group = kFollow, .name = "name", .field = at(&S::name),
   .help = "The name of a source or destination in a list; in a map the key is the name.",
   .tune = "Appears in metrics and messages.",
   .example = "nginx", .form = Form::kName, .file_only = true,
   .default_text = "from its position"},

  {.group = kDeliver, .name = "endpoint", .field = at(&D::endpoints),
   .help = "Where requests go: an http:// or https:// URL, or several of the same destination.",
   .tune = "user:password@ in it becomes an Authorization header and is never shown.",
   .example = "https://logs.example.com/ingest", .form = Form::kUrls, .max = 16},
  {.group = kDeliver, .name = "balance", .field = at(&D::balance),
   .help = "Which of several endpoints gets a request: the first that takes them, or the least busy one.",
   .tune = "failover when the others are reserves; spread when they are equals.",
   .example = "spread"},
  {.group = kDeliver, .name = "framing", .field = at(&D::framing),
   .help = "The body: one JSON array of records, or one JSON record per line.",
   .tune = "ndjson when the destination reads a stream.",
   .example = "ndjson"},
  {.group = kDeliver, .name = "headers", .field = at(&D::headers),
   .help = "Extra request headers; values are secrets and never shown.",
   .tune = "Take tokens from ${NAME} or ${file:/path} instead of writing them down.",
   .example = "Authorization: Bearer ${TOKEN}"},
  {.group = kDeliver, .name = "with-offset", .field = at(&D::with_offset),
   .help = "Adds the byte offset of the line in its file to every record, as \"offset\".",
   .tune = "Costs about 20 bytes per record before compression.",
   .example = "true"},
  {.group = kDeliver, .name = "with-id", .field = at(&D::with_id),
   .help = "Adds a deterministic id to every record, as \"id\".",
   .tune = "Lets the destination drop a line that was sent twice.",
   .example = "true"},
  {.group = kDeliver, .name = "order", .field = at(&D::order),
   .help = "parallel: requests may overtake each other; file: lines of one file stay in order.",
   .tune = "file costs speed on single hot files.",
   .example = "file"},
  {.group = kDeliver, .name = "http-version", .field = at(&D::http_version),
   .help = "auto: HTTP/2 where TLS negotiates it, else HTTP/1.1.",
   .tune = "Set it when a proxy on the way speaks only one.",
   .example = "1.1"},
  {.group = kDeliver, .name = "proxy", .field = at(&D::proxy),
   .help = "A proxy as http://, https://, socks5:// or socks5h://HOST:PORT; off: none at all.",
   .tune = "Empty: http_proxy, https_proxy, all_proxy and no_proxy of the environment, as curl reads them.",
   .example = "http://proxy.example.com:3128", .default_text = "as the environment says"},
  {.group = kDeliver, .name = "no-proxy", .field = at(&D::no_proxy),
   .help = "Hosts, domains and networks that are reached without the proxy, with commas between.",
   .tune = "Instead of the variable no_proxy.",
   .example = "localhost,.example.com,10.0.0.0/8"},

  {.group = kRequests, .name = "batch", .field = at(&D::batch),
   .help = "Most lines in a request; 0: no limit.",
   .tune = "Higher makes fewer, larger requests; lower makes more, each with its own cost.",
   .example = "100", .max = 10'000'000},
  {.group = kRequests, .name = "batch-bytes", .field = at(&D::batch_bytes),
   .help = "Most bytes in a request's body before compression.",
   .tune = "Higher compresses better and needs more memory per request; lower delivers smaller pieces.",
   .example = "1MiB", .min = kKiB, .max = 64 * kMiB},
  {.group = kRequests, .name = "wait", .field = at(&D::wait),
   .help = "Longest time a line waits for company while requests are in flight.",
   .tune = "Higher makes fuller requests at middle rates; lower makes more requests.",
   .example = "1s", .max = kHour},
  {.group = kRequests, .name = "workers", .field = at(&D::workers),
   .help = "Requests in flight at most; how many there are follows the destination's answers. "
           "auto: 8.",
   .tune = "Higher hides a longer round trip and needs one body of memory each.",
   .example = "16", .form = Form::kCountOrAuto, .max = 256},
  {.group = kRequests, .name = "queue", .field = at(&D::queue),
   .help = "Most lines read but not yet in a request; 0: bounded by memory alone.",
   .tune = "Higher evens out bursts; lower keeps less in memory.",
   .example = "100k"},
  {.group = kRequests, .name = "overflow", .field = at(&D::overflow),
   .help = "When the queue is full: block stops reading, drop-oldest gives up the oldest lines.",
   .tune = "block loses nothing; what drop-oldest gives up is counted to the line.",
   .example = "drop-oldest"},
  {.group = kRequests, .name = "compression", .field = at(&D::compression),
   .help = "The Content-Encoding of the body.",
   .tune = "zstd is faster and smaller where the destination takes it.",
   .example = "zstd"},
  {.group = kRequests, .name = "level", .field = at(&D::level),
   .help = "How hard the codec works: auto follows the backlog, fast, 1 to 12 (gzip), 1 to 19 (zstd).",
   .tune = "Higher sends fewer bytes and costs more CPU.",
   .example = "6"},

  {.group = kRates, .name = "rate-bytes", .field = at(&D::rate_bytes),
   .help = "Most bytes of request bodies per second, on the wire, with an optional burst.",
   .tune = "Lower spares the network; lines wait in their files. The burst is one second's worth by default.",
   .example = "10MB/s burst 20MB", .form = Form::kByteRate},
  {.group = kRates, .name = "rate-lines", .field = at(&D::rate_lines),
   .help = "Most lines per second, with an optional burst.",
   .tune = "Lower spares the destination; lines wait in their files.",
   .example = "50k/s", .form = Form::kCountRate},
  {.group = kRates, .name = "rate-requests", .field = at(&D::rate_requests),
   .help = "Most requests per second, with an optional burst.",
   .tune = "Lower makes fuller requests.",
   .example = "20/s burst 40", .form = Form::kCountRate},
  {.group = kRates, .name = "retry-min-delay", .field = at(&D::retry_min_delay),
   .help = "Pause before a failed request is sent again; each failure doubles it.",
   .tune = "Higher is kinder to a destination in trouble.",
   .example = "500ms", .min = kMillisecond, .max = kHour},
  {.group = kRates, .name = "retry-max-delay", .field = at(&D::retry_max_delay),
   .help = "Longest pause before a failed request is sent again; retries never end.",
   .tune = "Lower notices sooner that the destination is back.",
   .example = "1m", .min = kMillisecond, .max = 24 * kHour},
  {.group = kRates, .name = "dead-letter-max", .field = at(&D::dead_letter_max),
   .help = "Most bytes of dead letters: lines that the destination refuses while it takes others.",
   .tune = "When it is reached such lines wait in their files; nothing is dropped.",
   .example = "1GiB", .min = kMiB, .max = 1024 * kGiB},
  {.group = kRates, .name = "spool", .field = at(&D::spool),
   .help = "What goes to disk, compressed, when the destination takes nothing for 2 s: lines of files that "
           "were rotated or deleted (at-risk), everything (all), or nothing (off).",
   .tune = "at-risk keeps the rest in the files; all empties them; off needs no disk and may hold deleted "
           "files open.",
   .example = "all"},
  {.group = kRates, .name = "spool-max", .field = at(&D::spool_max),
   .help = "Most bytes of the spool of this destination.",
   .tune = "Higher outlasts longer outages.",
   .example = "10GiB", .min = 16 * kMiB, .max = 1024 * kGiB},
  {.group = kRates, .name = "spool-full", .field = at(&D::spool_full),
   .help = "When the spool is full: block stops reading, drop-oldest gives up its oldest lines.",
   .tune = "block loses nothing; what drop-oldest gives up is counted to the line.",
   .example = "drop-oldest"},
  {.group = kRates, .name = "request-timeout", .field = at(&D::request_timeout),
   .help = "Whole time of one request before it is given up and sent again.",
   .tune = "Too low sends lines twice to a slow destination; too high notices a dead one late.",
   .example = "10s", .min = 10 * kMillisecond, .max = 24 * kHour},
  {.group = kRates, .name = "connect-timeout", .field = at(&D::connect_timeout),
   .help = "The part of it that a connection may take.",
   .tune = "Raise it for far or slow networks.",
   .example = "10s", .min = kMillisecond, .max = kHour},

  {.group = kCredentials, .name = "bearer", .field = at(&U::bearer),
   .help = "A token, sent as Authorization: Bearer; never shown.",
   .tune = "As ${file:/path} it is read again when the file changes.",
   .example = "${file:/run/secrets/token}"},
  {.group = kCredentials, .name = "username", .field = at(&U::username),
   .help = "The user of basic authentication.",
   .tune = "Goes with password; without one the password is empty.",
   .example = "agent"},
  {.group = kCredentials, .name = "password", .field = at(&U::password),
   .help = "The password of basic authentication; never shown.",
   .tune = "As ${file:/path} it is read again when the file changes.",
   .example = "${file:/run/secrets/password}"},
  {.group = kCredentials, .name = "sign-key", .field = at(&U::sign_key),
   .help = "Signs each request with HMAC-SHA256 over time and body; never shown.",
   .tune = "For destinations that check who wrote a body and when.",
   .example = "${file:/run/secrets/sign-key}"},
  {.group = kCredentials, .name = "sign-header", .field = at(&U::sign_header),
   .help = "The header that holds the signature.",
   .tune = "Set it when the destination expects another name.",
   .example = "X-Hub-Signature"},
  {.group = kCredentials, .name = "proxy-username", .field = at(&U::proxy_username),
   .help = "The user that the proxy knows; needs proxy.",
   .tune = "Goes with proxy-password. The destination does not see it.",
   .example = "agent"},
  {.group = kCredentials, .name = "proxy-password", .field = at(&U::proxy_password),
   .help = "The password for the proxy; never shown.",
   .tune = "As ${file:/path} it is read again when the file changes.",
   .example = "${file:/run/secrets/proxy}"},

  {.group = kSecurity, .name = "tls-ca", .field = at(&T::ca_file),
   .help = "PEM file of the authorities to trust, or a directory of them named by hash; empty: those of the system.",
   .tune = "For a private authority. Read again for each new connection.",
   .example = "/etc/sluice/ca.pem", .form = Form::kPath},
  {.group = kSecurity, .name = "tls-cert", .field = at(&T::cert_file),
   .help = "PEM file of the agent's own certificate; needs tls-key.",
   .tune = "For destinations that ask for one.",
   .example = "/etc/sluice/agent.pem", .form = Form::kPath},
  {.group = kSecurity, .name = "tls-key", .field = at(&T::key_file),
   .help = "PEM file of the key of tls-cert.",
   .tune = "Readable by the agent alone.",
   .example = "/etc/sluice/agent.key", .form = Form::kPath},
  {.group = kSecurity, .name = "tls-verify", .field = at(&T::verify),
   .help = "Check the destination's certificate and name.",
   .tune = "false accepts anybody who answers: tests only.",
   .example = "false"},
  {.group = kSecurity, .name = "tls-min-version", .field = at(&T::min_version),
   .help = "The oldest version of TLS that is spoken.",
   .tune = "1.3 refuses destinations that have only 1.2.",
   .example = "1.3"},
  {.group = kSecurity, .name = "tls-pin", .field = at(&T::pin),
   .help = "Public keys of which the destination must have one, as sha256//BASE64; several with ';'.",
   .tune = "Trusts one key where an authority signs for too many. Pin the next key too before you change it.",
   .example = "sha256//47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU="},
  {.group = kSecurity, .name = "tls-server-name", .field = at(&T::server_name),
   .help = "The name to ask for (SNI), to find in the certificate and to send as Host, instead of the endpoint's.",
   .tune = "For an endpoint that is an address, a tunnel or a load balancer.",
   .example = "logs.example.com"},

  {.group = kHost, .name = "host", .field = at(&A::host),
   .help = "The \"host\" of every record.",
   .tune = "Set it where the host's name says nothing, as in containers.",
   .example = "web-1", .default_text = "the host's name"},
  {.group = kHost, .name = "state", .field = at(&A::state_dir),
   .help = "Directory of the checkpoint store; one agent per directory.",
   .tune = "Put it on a disk that survives a restart.",
   .example = "/var/lib/sluice", .form = Form::kPath,
   .default_text = "/var/lib/sluice for root, else ~/.local/state/sluice"},
  {.group = kHost, .name = "shards", .field = at(&A::shards),
   .help = "Threads that read, encode and compress; auto: one per CPU of the process.",
   .tune = "Higher uses more cores when behind; each needs its share of memory.",
   .example = "2", .form = Form::kCountOrAuto, .max = 256},
  {.group = kHost, .name = "pin", .field = at(&A::pin),
   .help = "Binds each shard to one CPU.",
   .tune = "Steadier with cores to spare, slower on a busy machine.",
   .example = "true"},
  {.group = kHost, .name = "memory", .field = at(&A::memory),
   .help = "The sum of all buffers; when they are in use, lines wait in their files.",
   .tune = "Higher helps with many hot files, many workers and large requests.",
   .example = "128MiB", .min = 8 * kMiB, .max = 64 * kGiB},
  {.group = kHost, .name = "io", .field = at(&A::io),
   .help = "How files are read: auto probes for io_uring and falls back to pread.",
   .tune = "Both behave alike; set it to compare them.",
   .example = "pread"},
  {.group = kHost, .name = "follow-links", .field = at(&A::follow_links),
   .help = "Whose symbolic links are followed. trusted: of root, the agent, or who owns the target.",
   .tune = "all lets whoever may write to a followed directory have any file of the machine delivered.",
   .example = "none"},
  {.group = kHost, .name = "shutdown-timeout", .field = at(&A::shutdown_timeout),
   .help = "How long a graceful stop may deliver what was read; the rest is sent after the next start.",
   .tune = "Higher leaves fewer duplicates; lower stops sooner.",
   .example = "10s", .max = kHour},
  {.group = kHost, .name = "checkpoint-interval", .field = at(&A::checkpoint_interval),
   .help = "How often acknowledged positions are stored.",
   .tune = "Higher writes less; lower repeats fewer lines after a crash.",
   .example = "5s", .min = 10 * kMillisecond, .max = kHour},
  {.group = kHost, .name = "reconcile-interval", .field = at(&A::reconcile_interval),
   .help = "How often directories are compared with what is known, in case a notification was lost.",
   .tune = "Higher costs less with huge directories; lower finds such files sooner.",
   .example = "30s", .min = 10 * kMillisecond, .max = 24 * kHour},

  {.group = kSeeing, .name = "admin", .field = at(&A::admin),
   .help = "Where /metrics and /health answer, or off.",
   .tune = "Anybody who reaches it can read it; the default is this machine only.",
   .example = "0.0.0.0:9686"},
  {.group = kSeeing, .name = "progress", .field = at(&A::progress),
   .help = "The progress line on stderr; auto: when stderr is a terminal.",
   .tune = "off for scripts that run in a terminal.",
   .example = "off"},
  {.group = kSeeing, .name = "log-level", .field = at(&A::log_level),
   .help = "The least severe messages of the agent's own log on stderr.",
   .tune = "debug to see decisions, warning for silence while all is well.",
   .example = "debug"},
  {.group = kSeeing, .name = "log-format", .field = at(&A::log_format),
   .help = "Plain lines for people or JSON lines for machines.",
   .tune = "json when another program reads the log.",
   .example = "json"},
});
// clang-format on

char flag_letter(char letter) {
  return letter == '_' ? '-' : letter;
}

bool same_name(std::string_view left, std::string_view right) {
  return std::equal(left.begin(), left.end(), right.begin(), right.end(),
                    [](char a, char b) { return flag_letter(a) == flag_letter(b); });
}

}  // namespace

Scope Option::scope() const {
  // TLS and authentication live inside a destination.
  return field.index() >= 3 ? Scope::kDestination : static_cast<Scope>(field.index());
}

std::span<const Option> option_table() {
  return kTable;
}

const Option* find_option(std::string_view name) {
  const auto found = std::find_if(kTable.begin(), kTable.end(), [name](const Option& option) {
    return same_name(option.name, name);
  });
  return found == kTable.end() ? nullptr : &*found;
}

std::string flag_of(const Option& option) {
  return std::string("-").append(option.name);
}

std::string key_of(const Option& option) {
  std::string key(option.name);
  std::replace(key.begin(), key.end(), '-', '_');
  return key;
}

std::string variable_of(const Option& option) {
  std::string name = std::string("SLUICE_").append(key_of(option));
  for (char& letter : name)
    if (letter >= 'a' && letter <= 'z') letter = static_cast<char>(letter - 'a' + 'A');
  return name;
}

std::string_view scope_name(Scope scope) {
  constexpr std::array<std::string_view, 3> kNames = {"agent", "source", "destination"};
  return kNames[static_cast<size_t>(scope)];
}

}  // namespace sluice
