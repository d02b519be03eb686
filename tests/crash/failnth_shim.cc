// SPDX-License-Identifier: Apache-2.0
// Preloaded into the agent: the n-th call of one kind fails, once or from then on.
//
//   FAILNTH=kind:n:once|on     which
//   FAILNTH_COUNT=path         the number of calls of that kind is kept in this file, 8 bytes
//
// Functions of libc that libc itself calls are not seen, so an n means the same on every run as far
// as the program's threads let it. No call of the kinds is made in here, malloc included. Both
// spellings are wrapped, open and open64, so neither may stand for the other.
#undef _FILE_OFFSET_BITS
#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/file.h>
#include <sys/inotify.h>
#include <sys/mman.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <atomic>

extern "C" {
void* __libc_malloc(size_t size);
void* __libc_calloc(size_t count, size_t size);
void* __libc_realloc(void* old, size_t size);
}

namespace {

struct Order {
  char kind[24] = {};
  long n = 0;
  bool from_then_on = false;
  std::atomic<long>* calls = nullptr;  // in a shared mapping
};

Order order;
std::atomic<bool> ready{false};

// Raw system calls: the wrappers below would count these.
void* map_count(const char* path) {
  const long fd = syscall(SYS_openat, AT_FDCWD, path, O_RDWR | O_CLOEXEC);
  if (fd < 0) return nullptr;
  const long at = syscall(SYS_mmap, nullptr, 8, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  syscall(SYS_close, fd);
  return at < 0 && at > -4096 ? nullptr : reinterpret_cast<void*>(at);
}

__attribute__((constructor)) void read_order() {
  const char* text = getenv("FAILNTH");
  const char* count = getenv("FAILNTH_COUNT");
  if (text == nullptr || count == nullptr) return;
  const char* colon = strchr(text, ':');
  if (colon == nullptr || static_cast<size_t>(colon - text) >= sizeof order.kind) return;
  memcpy(order.kind, text, static_cast<size_t>(colon - text));
  char* mode = nullptr;
  order.n = strtol(colon + 1, &mode, 10);
  order.from_then_on = strcmp(mode, ":on") == 0;
  order.calls = static_cast<std::atomic<long>*>(map_count(count));
  ready.store(order.calls != nullptr, std::memory_order_release);
}

bool fails(const char* kind) {
  if (!ready.load(std::memory_order_acquire) || strcmp(kind, order.kind) != 0) return false;
  const long call = order.calls->fetch_add(1) + 1;
  return order.from_then_on ? call >= order.n : call == order.n;
}

bool fails_with(const char* kind, int err) {
  if (!fails(kind)) return false;
  errno = err;
  return true;
}

// Descriptors of wake-ups and signals: in no kernel can reading or writing them fail like a disk.
constexpr int kDescriptorsMax = 4096;
std::atomic<bool> wakes[kDescriptorsMax];

bool is_wake(int fd) {
  return fd >= 0 && fd < kDescriptorsMax && wakes[fd].load();
}
int note_wake(int fd) {
  if (fd >= 0 && fd < kDescriptorsMax) wakes[fd].store(true);
  return fd;
}

template <class Function>
Function* real(const char* name) {
  return reinterpret_cast<Function*>(dlsym(RTLD_NEXT, name));
}

}  // namespace

// A wrapper that fails with `result` and errno `err`, or calls the real one.
#define FAILNTH_WRAP(kind, err, result, type, name, parameters, arguments) \
  extern "C" type name parameters {                                        \
    if (fails_with(kind, err)) return result;                              \
    static auto* const next = real<type parameters>(#name);                \
    return next arguments;                                                 \
  }

extern "C" int open(const char* path, int flags, ...) {
  if (fails_with("open", EMFILE)) return -1;
  va_list rest;
  va_start(rest, flags);
  const mode_t mode = va_arg(rest, mode_t);
  va_end(rest);
  return static_cast<int>(syscall(SYS_openat, AT_FDCWD, path, flags, mode));
}
extern "C" int open64(const char* path, int flags, ...) {
  if (fails_with("open", EMFILE)) return -1;
  va_list rest;
  va_start(rest, flags);
  const mode_t mode = va_arg(rest, mode_t);
  va_end(rest);
  return static_cast<int>(syscall(SYS_openat, AT_FDCWD, path, flags, mode));
}
// SQLite's locks, mostly; descriptors of sockets too.
extern "C" int fcntl64(int fd, int command, ...) {
  if (fails_with("fcntl", EIO)) return -1;
  va_list rest;
  va_start(rest, command);
  void* const argument = va_arg(rest, void*);
  va_end(rest);
  return static_cast<int>(syscall(SYS_fcntl, fd, command, argument));
}
extern "C" int fcntl(int fd, int command, ...) {
  if (fails_with("fcntl", EIO)) return -1;
  va_list rest;
  va_start(rest, command);
  void* const argument = va_arg(rest, void*);
  va_end(rest);
  return static_cast<int>(syscall(SYS_fcntl, fd, command, argument));
}

extern "C" ssize_t read(int fd, void* into, size_t bytes) {
  if (!is_wake(fd) && fails_with("read", EIO)) return -1;
  return syscall(SYS_read, fd, into, bytes);
}
extern "C" ssize_t write(int fd, const void* from, size_t bytes) {
  if (!is_wake(fd) && fails_with("write", ENOSPC)) return -1;
  return syscall(SYS_write, fd, from, bytes);
}
FAILNTH_WRAP("pread", EIO, -1, ssize_t, pread, (int fd, void* into, size_t bytes, off_t at),
             (fd, into, bytes, at))
FAILNTH_WRAP("pread", EIO, -1, ssize_t, pread64, (int fd, void* into, size_t bytes, off64_t at),
             (fd, into, bytes, at))
FAILNTH_WRAP("pwrite", ENOSPC, -1, ssize_t, pwrite,
             (int fd, const void* from, size_t bytes, off_t at), (fd, from, bytes, at))
FAILNTH_WRAP("pwrite", ENOSPC, -1, ssize_t, pwrite64,
             (int fd, const void* from, size_t bytes, off64_t at), (fd, from, bytes, at))
FAILNTH_WRAP("stat", EIO, -1, int, statx,
             (int fd, const char* path, int flags, unsigned mask, struct statx* into),
             (fd, path, flags, mask, into))
FAILNTH_WRAP("stat", EIO, -1, int, stat, (const char* path, struct stat* into), (path, into))
FAILNTH_WRAP("stat", EIO, -1, int, stat64, (const char* path, struct stat64* into), (path, into))
FAILNTH_WRAP("stat", EIO, -1, int, lstat, (const char* path, struct stat* into), (path, into))
FAILNTH_WRAP("stat", EIO, -1, int, lstat64, (const char* path, struct stat64* into), (path, into))
FAILNTH_WRAP("stat", EIO, -1, int, fstat, (int fd, struct stat* into), (fd, into))
FAILNTH_WRAP("stat", EIO, -1, int, fstat64, (int fd, struct stat64* into), (fd, into))
FAILNTH_WRAP("fsync", EIO, -1, int, fsync, (int fd), (fd))
FAILNTH_WRAP("fsync", EIO, -1, int, fdatasync, (int fd), (fd))
FAILNTH_WRAP("rename", EIO, -1, int, rename, (const char* from, const char* to), (from, to))
FAILNTH_WRAP("unlink", EIO, -1, int, unlink, (const char* path), (path))
FAILNTH_WRAP("mkdir", EACCES, -1, int, mkdir, (const char* path, mode_t mode), (path, mode))
FAILNTH_WRAP("ftruncate", EIO, -1, int, ftruncate, (int fd, off_t size), (fd, size))
FAILNTH_WRAP("ftruncate", EIO, -1, int, ftruncate64, (int fd, off64_t size), (fd, size))
FAILNTH_WRAP("lseek", EIO, -1, off_t, lseek, (int fd, off_t at, int how), (fd, at, how))
FAILNTH_WRAP("lseek", EIO, -1, off64_t, lseek64, (int fd, off64_t at, int how), (fd, at, how))
FAILNTH_WRAP("flock", ENOLCK, -1, int, flock, (int fd, int what), (fd, what))
FAILNTH_WRAP("directory", ENOMEM, nullptr, DIR*, fdopendir, (int fd), (fd))
FAILNTH_WRAP("directory", EIO, nullptr, dirent*, readdir, (DIR * stream), (stream))
FAILNTH_WRAP("directory", EIO, nullptr, dirent64*, readdir64, (DIR * stream), (stream))
FAILNTH_WRAP("realpath", EIO, nullptr, char*, realpath, (const char* path, char* into),
             (path, into))
FAILNTH_WRAP("mmap", ENOMEM, MAP_FAILED, void*, mmap,
             (void* at, size_t bytes, int rights, int flags, int fd, off_t from),
             (at, bytes, rights, flags, fd, from))
FAILNTH_WRAP("mmap", ENOMEM, MAP_FAILED, void*, mmap64,
             (void* at, size_t bytes, int rights, int flags, int fd, off64_t from),
             (at, bytes, rights, flags, fd, from))
FAILNTH_WRAP("socket", EMFILE, -1, int, socket, (int domain, int type, int protocol),
             (domain, type, protocol))
FAILNTH_WRAP("connect", ENETUNREACH, -1, int, connect,
             (int fd, const sockaddr* to, socklen_t bytes), (fd, to, bytes))
FAILNTH_WRAP("send", ECONNRESET, -1, ssize_t, send,
             (int fd, const void* from, size_t bytes, int flags), (fd, from, bytes, flags))
FAILNTH_WRAP("recv", ECONNRESET, -1, ssize_t, recv, (int fd, void* into, size_t bytes, int flags),
             (fd, into, bytes, flags))
FAILNTH_WRAP("setsockopt", ENOBUFS, -1, int, setsockopt,
             (int fd, int level, int name, const void* value, socklen_t bytes),
             (fd, level, name, value, bytes))
FAILNTH_WRAP("getsockopt", ENOBUFS, -1, int, getsockopt,
             (int fd, int level, int name, void* value, socklen_t* bytes),
             (fd, level, name, value, bytes))
FAILNTH_WRAP("epoll_create", EMFILE, -1, int, epoll_create1, (int flags), (flags))
FAILNTH_WRAP("epoll_ctl", ENOSPC, -1, int, epoll_ctl,
             (int set, int what, int fd, epoll_event* event), (set, what, fd, event))
FAILNTH_WRAP("epoll_wait", EINTR, -1, int, epoll_pwait2,
             (int set, epoll_event* events, int room, const timespec* timeout,
              const sigset_t* mask),
             (set, events, room, timeout, mask))
FAILNTH_WRAP("epoll_wait", EINTR, -1, int, epoll_wait,
             (int set, epoll_event* events, int room, int timeout), (set, events, room, timeout))
extern "C" int eventfd(unsigned value, int flags) {
  if (fails_with("eventfd", EMFILE)) return -1;
  return note_wake(static_cast<int>(syscall(SYS_eventfd2, value, flags)));
}
extern "C" int signalfd(int fd, const sigset_t* mask, int flags) {
  if (fails_with("signalfd", EMFILE)) return -1;
  // The kernel's signal set is smaller than libc's.
  return note_wake(static_cast<int>(syscall(SYS_signalfd4, fd, mask, 8, flags)));
}
FAILNTH_WRAP("inotify", EMFILE, -1, int, inotify_init1, (int flags), (flags))
FAILNTH_WRAP("inotify_watch", ENOSPC, -1, int, inotify_add_watch,
             (int fd, const char* path, uint32_t mask), (fd, path, mask))

extern "C" int pthread_create(pthread_t* made, const pthread_attr_t* attributes,
                              void* (*run)(void*), void* argument) {
  if (fails("thread")) return EAGAIN;
  static auto* const next =
      real<int(pthread_t*, const pthread_attr_t*, void* (*)(void*), void*)>("pthread_create");
  return next(made, attributes, run, argument);
}

extern "C" void* malloc(size_t size) {
  return fails_with("malloc", ENOMEM) ? nullptr : __libc_malloc(size);
}
extern "C" void* calloc(size_t count, size_t size) {
  return fails_with("malloc", ENOMEM) ? nullptr : __libc_calloc(count, size);
}
extern "C" void* realloc(void* old, size_t size) {
  return fails_with("malloc", ENOMEM) ? nullptr : __libc_realloc(old, size);
}
