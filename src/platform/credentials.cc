// SPDX-License-Identifier: Apache-2.0
#include "platform/credentials.h"

#include <fcntl.h>
#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/params.h>
#include <strings.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <string_view>

#include "sluice/check.h"

namespace sluice {
namespace {

constexpr size_t kSecretBytesMax = 8 << 10;
// Shorter texts are in every answer by chance, and are no secrets.
constexpr size_t kHiddenBytesMin = 4;
// Of secrets that were replaced, as many as a minute of rotations could leave in flight.
constexpr size_t kKnownMax = 64;
constexpr int64_t kNanosPerSecond = 1'000'000'000;
constexpr size_t kDigestBytes = 32;

bool same_name(std::string_view a, std::string_view b) {
  return a.size() == b.size() && ::strncasecmp(a.data(), b.data(), a.size()) == 0;
}

bool frames_the_request(std::string_view name) {
  constexpr std::array<std::string_view, 6> kOurs = {"Content-Length",   "Transfer-Encoding",
                                                     "Content-Encoding", "Idempotency-Key",
                                                     "Expect",           "Upgrade"};
  return std::any_of(kOurs.begin(), kOurs.end(),
                     [name](std::string_view ours) { return same_name(name, ours); });
}

bool valid_name(std::string_view name) {
  constexpr std::string_view kPunctuation = "!#$%&'*+-.^_`|~";
  return !name.empty() && std::all_of(name.begin(), name.end(), [&](char c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
           kPunctuation.find(c) != std::string_view::npos;
  });
}

bool valid_value(std::string_view value) {
  return std::none_of(value.begin(), value.end(), [](char c) {
    return (static_cast<unsigned char>(c) < 0x20 && c != '\t') || c == 0x7f;
  });
}

// Nothing when it cannot be read, is no file, or is too large for a secret.
std::optional<std::string> read_secret(const std::string& path) {
  const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (fd < 0) return std::nullopt;
  std::string text(kSecretBytesMax + 1, '\0');
  size_t size = 0;
  ssize_t got = 1;
  while (got > 0 && size < text.size()) {
    got = ::read(fd, text.data() + size, text.size() - size);
    if (got < 0 && errno == EINTR)
      got = 1;
    else if (got > 0)
      size += static_cast<size_t>(got);
  }
  ::close(fd);
  if (got < 0 || size > kSecretBytesMax) return std::nullopt;
  text.resize(size);
  // As the loader of the configuration does.
  if (text.ends_with('\n')) text.pop_back();
  if (text.ends_with('\r')) text.pop_back();
  return text;
}

std::string base64(std::string_view text) {
  std::string encoded(4 * ((text.size() + 2) / 3) + 1, '\0');
  const int length = EVP_EncodeBlock(reinterpret_cast<unsigned char*>(encoded.data()),
                                     reinterpret_cast<const unsigned char*>(text.data()),
                                     static_cast<int>(text.size()));
  encoded.resize(static_cast<size_t>(length));
  return encoded;
}

using MacContext = std::unique_ptr<EVP_MAC_CTX, decltype(&EVP_MAC_CTX_free)>;

MacContext hmac_sha256(const std::string& key) {
  const std::unique_ptr<EVP_MAC, decltype(&EVP_MAC_free)> mac(
      EVP_MAC_fetch(nullptr, "HMAC", nullptr), EVP_MAC_free);
  MacContext context(mac ? EVP_MAC_CTX_new(mac.get()) : nullptr, EVP_MAC_CTX_free);
  std::array<char, 7> digest = {'S', 'H', 'A', '2', '5', '6', '\0'};
  const std::array<OSSL_PARAM, 2> params = {
      OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, digest.data(), 0),
      OSSL_PARAM_construct_end()};
  const bool good =
      context && EVP_MAC_init(context.get(), reinterpret_cast<const unsigned char*>(key.data()),
                              key.size(), params.data()) == 1;
  SLUICE_CHECK(good, "the library that speaks TLS has HMAC-SHA256");
  return context;
}

// Overwrites each place of `secret` in `text`, and what the end of the text cut off from it.
void hide(std::span<char> text, std::string_view secret) {
  const std::string_view view(text.data(), text.size());
  for (size_t at = view.find(secret); at != std::string_view::npos; at = view.find(secret, at)) {
    std::fill_n(text.data() + at, secret.size(), '*');
    at += secret.size();
  }
  for (size_t length = std::min(secret.size(), text.size()); length >= kHiddenBytesMin; --length) {
    if (!view.ends_with(secret.substr(0, length))) continue;
    std::fill_n(text.data() + (text.size() - length), length, '*');
    return;
  }
}

}  // namespace

bool HeaderList::append(const std::string& line) {
  curl_slist* longer = curl_slist_append(list_, line.c_str());
  if (longer == nullptr) return false;
  list_ = longer;
  return true;
}

LiveSecret::LiveSecret(const Secret& secret) : text_(secret.reveal()) {
  for (const SecretPiece& piece : secret.pieces()) pieces_.push_back({piece});
}

bool LiveSecret::stat_of(const std::string& path, Stamp& stamp) {
  struct stat status {};
  if (::stat(path.c_str(), &status) != 0) return false;
  stamp = {status.st_dev, status.st_ino, status.st_size, status.st_mtim, status.st_ctim};
  return S_ISREG(status.st_mode);
}

bool LiveSecret::same(const Stamp& a, const Stamp& b) {
  return a.device == b.device && a.inode == b.inode && a.size == b.size &&
         a.modified.tv_sec == b.modified.tv_sec && a.modified.tv_nsec == b.modified.tv_nsec &&
         a.changed.tv_sec == b.changed.tv_sec && a.changed.tv_nsec == b.changed.tv_nsec;
}

bool LiveSecret::refresh() {
  std::vector<Stamp> stamps(pieces_.size());
  bool changed = false;
  for (size_t i = 0; i < pieces_.size(); ++i) {
    if (!pieces_[i].source.is_file) continue;
    if (!stat_of(pieces_[i].source.text, stamps[i])) return false;
    changed |= !same(stamps[i], pieces_[i].stamp);
  }
  if (!changed) return false;
  std::string text;
  for (const Piece& piece : pieces_) {
    std::optional<std::string> part = piece.source.text;
    if (piece.source.is_file) part = read_secret(piece.source.text);
    // Empty: caught between truncating and writing.
    if (!part || (piece.source.is_file && part->empty()) || !valid_value(*part)) return false;
    text += *part;
  }
  if (text.size() > kSecretBytesMax) return false;
  for (size_t i = 0; i < pieces_.size(); ++i) pieces_[i].stamp = stamps[i];
  return std::exchange(text_, std::move(text)) != text_;
}

Result<void> Credentials::set_up(const std::vector<std::pair<std::string, Secret>>& headers,
                                 const Authentication& auth) {
  for (const auto& [name, value] : headers) {
    if (frames_the_request(name)) continue;
    if (!valid_name(name) || !valid_value(value.reveal())) {
      return Error{Errc::kInvalid, 0,
                   "a header's name or value has bytes that a header cannot hold"};
    }
    has_content_type_ |= same_name(name, "Content-Type");
    headers_.push_back({name, LiveSecret(value)});
  }
  if (!auth.bearer.empty()) bearer_.emplace(auth.bearer);
  username_ = auth.username;
  if (!auth.username.empty()) password_.emplace(auth.password);
  proxy_username_ = auth.proxy_username;
  if (!auth.proxy_username.empty()) proxy_password_.emplace(auth.proxy_password);
  if (!auth.sign_key.empty()) sign_key_.emplace(auth.sign_key);
  sign_header_ = auth.sign_header;
  return build();
}

void Credentials::refresh(MonoTime now) {
  if (now < look_at_) return;
  look_at_ = now + kLookEvery;
  bool changed = false;
  for (Header& header : headers_) changed |= header.value.refresh();
  for (std::optional<LiveSecret>* secret : {&bearer_, &password_, &proxy_password_, &sign_key_}) {
    if (secret->has_value()) changed |= (*secret)->refresh();
  }
  // Without memory for the new list the old one goes on.
  if (changed && !build()) look_at_ = now;
}

Result<void> Credentials::build() {
  HeaderList list;
  // Bodies are sent without asking first: a round trip per request is worse than a refused body.
  bool good = list.append("Expect:");
  for (const Header& header : headers_) {
    const std::string& value = header.value.text();
    // libcurl's spelling of a header without a value ends with a semicolon.
    good = good && list.append(value.empty() ? header.name + ";" : header.name + ": " + value);
    remember(value);
  }
  if (bearer_) {
    good = good && list.append("Authorization: Bearer " + bearer_->text());
    remember(bearer_->text());
  }
  if (password_) {
    const std::string pair = base64(username_ + ":" + password_->text());
    good = good && list.append("Authorization: Basic " + pair);
    remember(pair);
    remember(password_->text());
  }
  if (proxy_password_) {
    remember(base64(proxy_username_ + ":" + proxy_password_->text()));
    remember(proxy_password_->text());
  }
  if (sign_key_) remember(sign_key_->text());
  if (!good) return Error{Errc::kExhausted, 0, "headers"};
  list_ = std::make_shared<const HeaderList>(std::move(list));
  return {};
}

// A value such as "Bearer abc" is two words, and a peer may repeat the second alone.
void Credentials::remember(const std::string& secret) {
  const size_t blank = secret.rfind(' ');
  for (const std::string& text :
       {secret, blank == std::string::npos ? std::string() : secret.substr(blank + 1)}) {
    if (text.size() < kHiddenBytesMin) continue;
    if (std::find(known_.begin(), known_.end(), text) != known_.end()) continue;
    if (known_.size() >= kKnownMax + 4 * headers_.size()) known_.erase(known_.begin());
    known_.push_back(text);
  }
}

void Credentials::write_signature(std::span<const std::byte> body, WallTime wall,
                                  std::span<char> line) const {
  const std::string seconds = std::to_string(wall.value / kNanosPerSecond);
  const std::string prefix = seconds + ".";
  const MacContext mac = hmac_sha256(sign_key_->text());
  std::array<unsigned char, kDigestBytes> digest{};
  size_t length = 0;
  EVP_MAC_update(mac.get(), reinterpret_cast<const unsigned char*>(prefix.data()), prefix.size());
  EVP_MAC_update(mac.get(), reinterpret_cast<const unsigned char*>(body.data()), body.size());
  EVP_MAC_final(mac.get(), digest.data(), &length, digest.size());
  SLUICE_CHECK(length == kDigestBytes, "SHA-256 has 32 bytes");
  std::string text = sign_header_ + ": t=" + seconds + ",v1=";
  constexpr std::string_view kDigits = "0123456789abcdef";
  for (const unsigned char byte : digest) text.append({kDigits[byte >> 4], kDigits[byte & 15]});
  SLUICE_CHECK(text.size() < line.size(), "a signature fits its line");
  std::copy_n(text.c_str(), text.size() + 1, line.data());
}

void Credentials::after(WireAnswer& answer) {
  if (answer.status == 401 || answer.status == 403 || answer.status == 407) look_at_ = MonoTime();
  const std::span<char> text(answer.text.data(), answer.text_view().size());
  for (const std::string& secret : known_) hide(text, secret);
}

}  // namespace sluice
