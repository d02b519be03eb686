// SPDX-License-Identifier: Apache-2.0
// credentials.h — the headers that every request of a wire has, and the secrets in them.
//
// In:      the user's headers and ways to prove who sends; files that hold secrets and may change.
// Out:     a list of headers for the next request, a signature for its body, and answers without
//          the secrets that a peer repeats in them.
// Owns:    the secrets in memory, and the lists; a request shares the list that it was sent with.
// Thread:  the loop's.
// Limits:  files are looked at once in kLookEvery (a stat() each), and for the first request after
//          a 401 or 403 in any case. A secret has at most 8 KiB.
// Fails:   set_up() names what is wrong. Later, a file that is missing, empty, too large or not fit
//          for a header leaves the secret as it was: half a rotation must not stop delivery.
// Why so:  tokens are rotated by writing a file. A restart or a signal for that is one more thing
//          that is forgotten, and the file is already there.
#pragma once

#include <curl/curl.h>
#include <sys/stat.h>

#include <cstddef>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "sluice/config.h"
#include "sluice/result.h"
#include "sluice/units.h"
#include "sluice/wire.h"

namespace sluice {

// A list of libcurl's with its home.
class HeaderList {
 public:
  HeaderList() = default;
  HeaderList(HeaderList&& other) noexcept : list_(std::exchange(other.list_, nullptr)) {}
  HeaderList& operator=(HeaderList&& other) noexcept {
    std::swap(list_, other.list_);
    return *this;
  }
  ~HeaderList() { curl_slist_free_all(list_); }

  bool append(const std::string& line);
  curl_slist* get() const { return list_; }

 private:
  curl_slist* list_ = nullptr;
};

// A secret that follows its files.
class LiveSecret {
 public:
  explicit LiveSecret(const Secret& secret);

  const std::string& text() const { return text_; }
  // Reads the files again if one of them is another than before. True: the text changed.
  bool refresh();

 private:
  struct Stamp {
    dev_t device;
    ino_t inode;
    off_t size;
    timespec modified;
    timespec changed;
  };
  struct Piece {
    SecretPiece source;
    Stamp stamp{};
  };

  static bool stat_of(const std::string& path, Stamp& stamp);
  static bool same(const Stamp& a, const Stamp& b);

  std::string text_;
  std::vector<Piece> pieces_;
};

class Credentials {
 public:
  static constexpr Duration kLookEvery{1'000'000'000};

  Result<void> set_up(const std::vector<std::pair<std::string, Secret>>& headers,
                      const Authentication& auth);

  // For the next request.
  void refresh(MonoTime now);
  const std::shared_ptr<const HeaderList>& headers() const { return list_; }
  bool has_content_type() const { return has_content_type_; }
  // Empty: none of our own.
  const std::string& proxy_username() const { return proxy_username_; }
  const std::string& proxy_password() const { return proxy_password_->text(); }
  bool signs() const { return sign_key_.has_value(); }
  // "NAME: t=SECONDS,v1=HEX" with its NUL: HMAC-SHA256 over "SECONDS." and the body.
  // REQUIRES: signs(); `line` has 256 bytes or more.
  void write_signature(std::span<const std::byte> body, WallTime wall, std::span<char> line) const;

  // Hides each secret that the answer's text repeats; a 401 or 403 makes the next look immediate.
  void after(WireAnswer& answer);

 private:
  struct Header {
    std::string name;
    LiveSecret value;
  };

  Result<void> build();
  void remember(const std::string& secret);

  std::vector<Header> headers_;
  std::optional<LiveSecret> bearer_;
  std::string username_;
  std::optional<LiveSecret> password_;
  std::string proxy_username_;
  std::optional<LiveSecret> proxy_password_;
  std::optional<LiveSecret> sign_key_;
  std::string sign_header_;

  std::shared_ptr<const HeaderList> list_;
  bool has_content_type_ = false;
  MonoTime look_at_;
  std::vector<std::string> known_;  // what no text may show, of now and of before
};

}  // namespace sluice
