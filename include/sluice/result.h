// SPDX-License-Identifier: Apache-2.0
// result.h — the contract for operations that can fail: a value, or what failed and where.
//
// In:      a value, or an Error of 16 bytes: kind, errno of the system, a static text that names
//          the operation ("open", "fdatasync checkpoint"). No allocation.
// Out:     `ok()`, `value()`, `error()`; reading the wrong side is a bug and stops the process.
// Thread:  a value type.
// Fails:   never. Exceptions are not thrown in flow or platform; libraries that throw are fenced
//          where they are called.
// Why so:  std::expected is C++23, and clang 14, which runs our fuzzers and clang-tidy, does not
//          see it even there. The spelling is kept close so that it can take over later.
#pragma once

#include <cerrno>
#include <cstdint>
#include <cstring>
#include <string>
#include <type_traits>
#include <utility>
#include <variant>

#include "sluice/check.h"

namespace sluice {

// The kind of a failure, as far as somebody decides by it.
enum class Errc : int32_t {
  kSystem = 1,   // see sys_errno
  kNotFound,     // the named thing does not exist (any more)
  kDenied,       // permissions
  kCorrupt,      // bytes on disk or on the wire do not decode
  kUnsupported,  // this kernel, build or version cannot do it
  kExhausted,    // a limit was reached; try again after something was released
  kBusy,         // somebody else holds it
  kInvalid,      // the input is wrong
};

struct Error {
  Errc code = Errc::kSystem;
  int32_t sys_errno = 0;
  const char* where = "";  // static storage: the name of the operation

  // The failure of a system call that just returned.
  static Error from_errno(const char* where_text) noexcept { return from_errno(where_text, errno); }
  static Error from_errno(const char* where_text, int err) noexcept {
    const Errc kind =
        err == ENOENT || err == ENOTDIR ? Errc::kNotFound
        : err == EACCES || err == EPERM ? Errc::kDenied
        : err == EMFILE || err == ENFILE || err == ENOMEM || err == ENOSPC || err == EDQUOT
            ? Errc::kExhausted
            : Errc::kSystem;
    return Error{kind, err, where_text};
  }

  // One line for people: "open: Permission denied".
  std::string message() const {
    std::string text = where;
    if (sys_errno != 0) text.append(": ").append(std::strerror(sys_errno));
    return text;
  }
};
static_assert(sizeof(Error) == 16);

template <class T>
class [[nodiscard]] Result {
 public:
  Result(T value)
      : state_(std::in_place_index<0>, std::move(value)) {}  // NOLINT(google-explicit-constructor)
  Result(Error error)
      : state_(std::in_place_index<1>, error) {}  // NOLINT(google-explicit-constructor)

  bool ok() const { return state_.index() == 0; }
  explicit operator bool() const { return ok(); }

  T& value() & {
    SLUICE_CHECK(ok(), "a failed Result has no value");
    return *std::get_if<0>(&state_);
  }
  const T& value() const& {
    SLUICE_CHECK(ok(), "a failed Result has no value");
    return *std::get_if<0>(&state_);
  }
  T&& value() && {
    SLUICE_CHECK(ok(), "a failed Result has no value");
    return std::move(*std::get_if<0>(&state_));
  }
  T value_or(T fallback) && { return ok() ? std::move(*this).value() : std::move(fallback); }
  const Error& error() const {
    SLUICE_CHECK(!ok(), "a successful Result has no error");
    return *std::get_if<1>(&state_);
  }
  T& operator*() & { return value(); }
  const T& operator*() const& { return value(); }
  T* operator->() { return &value(); }
  const T* operator->() const { return &value(); }

 private:
  std::variant<T, Error> state_;
};

template <>
class [[nodiscard]] Result<void> {
 public:
  Result() = default;
  Result(Error error) : error_(error), failed_(true) {}  // NOLINT(google-explicit-constructor)

  bool ok() const { return !failed_; }
  explicit operator bool() const { return ok(); }
  const Error& error() const {
    SLUICE_CHECK(failed_, "a successful Result has no error");
    return error_;
  }

 private:
  Error error_{};
  bool failed_ = false;
};

}  // namespace sluice
