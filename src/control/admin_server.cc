// SPDX-License-Identifier: Apache-2.0
#include "control/admin_server.h"

#include <httplib.h>
#include <netdb.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <mutex>
#include <thread>
#include <utility>

#include "control/admin_connection.h"

namespace sluice {

namespace {

constexpr int kBacklog = 16;
constexpr int kWorkers = 2;
constexpr int kNoDescriptorPauseMs = 100;
constexpr int kNone = -1;

std::string text_of(const ListenAddress& address) {
  const bool v6 = address.host.find(':') != std::string::npos;
  return (v6 ? "[" + address.host + "]" : address.host) + ":" + std::to_string(address.port);
}

// Binds one of the addresses that a name stands for; answers the socket or minus errno.
int bind_one(const addrinfo& found) {
  const int fd = ::socket(found.ai_family, found.ai_socktype | SOCK_CLOEXEC | SOCK_NONBLOCK,
                          found.ai_protocol);
  if (fd < 0) return -errno;
  // Not SO_REUSEPORT, as httplib would: two agents would share the port and each scrape would
  // show one of them by chance.
  const int yes = 1;
  ::setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
  if (::bind(fd, found.ai_addr, found.ai_addrlen) == 0 && ::listen(fd, kBacklog) == 0) return fd;
  const int err = errno;
  ::close(fd);
  return -err;
}

Result<int> listen_on(const ListenAddress& address, std::string& problem) {
  addrinfo wanted{};
  wanted.ai_socktype = SOCK_STREAM;
  wanted.ai_flags = AI_PASSIVE | AI_NUMERICSERV;
  addrinfo* found = nullptr;
  const std::string port = std::to_string(address.port);
  const int failed = ::getaddrinfo(address.host.c_str(), port.c_str(), &wanted, &found);
  int fd = -EADDRNOTAVAIL;
  for (const addrinfo* one = found; one != nullptr && fd < 0; one = one->ai_next) {
    fd = bind_one(*one);
  }
  if (found != nullptr) ::freeaddrinfo(found);
  if (fd >= 0) return fd;
  const Error error = Error::from_errno("bind the admin port", -fd);
  problem = "admin port " + text_of(address) + ": " +
            (failed != 0 ? ::gai_strerror(failed) : std::strerror(-fd)) +
            "; choose another with --admin HOST:PORT, or go without one with --admin off";
  return error;
}

uint16_t port_of(int fd) {
  sockaddr_storage bound{};
  socklen_t size = sizeof bound;
  if (::getsockname(fd, reinterpret_cast<sockaddr*>(&bound), &size) != 0) return 0;
  std::array<char, NI_MAXSERV> text{};
  if (::getnameinfo(reinterpret_cast<sockaddr*>(&bound), size, nullptr, 0, text.data(), text.size(),
                    NI_NUMERICSERV) != 0) {
    return 0;
  }
  return static_cast<uint16_t>(std::strtoul(text.data(), nullptr, 10));
}

// httplib as parser and writer of one request; sockets and threads are ours.
class Protocol : public httplib::Server {
 public:
  explicit Protocol(AdminPages pages) : pages_(std::move(pages)) {
    set_payload_max_length(AdminConnection::kRequestBytesMax);
    // Before any routing: httplib's own matches paths with regular expressions.
    set_pre_routing_handler([this](const httplib::Request& request, httplib::Response& response) {
      answer(request, response);
      return HandlerResponse::Handled;
    });
  }

  void serve(AdminConnection& connection) {
    bool closed = false;
    process_request(connection, true, closed, [](httplib::Request& request) {
      // Ranges can multiply a page by a hundred, and brotli takes longer than making it.
      request.ranges.clear();
      request.headers.erase("Accept-Encoding");
    });
  }

 private:
  void answer(const httplib::Request& request, httplib::Response& response) const {
    response.set_header("Cache-Control", "no-store");
    response.set_header("X-Content-Type-Options", "nosniff");
    if (request.method != "GET" && request.method != "HEAD") {
      response.status = 405;
      response.set_header("Allow", "GET, HEAD");
      response.set_content("this port shows and changes nothing: GET or HEAD\n", "text/plain");
      return;
    }
    const std::optional<AdminPage> page = pages_(request.path);
    response.status = page ? page->status : 404;
    response.set_content(
        page ? page->body : "no such page; there are / /metrics /health /audit /explain/PATH\n",
        page ? page->content_type : "text/plain");
  }

  const AdminPages pages_;
};

}  // namespace

class AdminServer::Impl {
 public:
  Impl(int listener, int stopper, AdminPages pages)
      : listener_(listener), stopper_(stopper), protocol_(std::move(pages)) {
    active_.fill(kNone);
    for (size_t worker = 0; worker < workers_.size(); ++worker) {
      workers_[worker] = std::thread([this, worker] { run(worker); });
    }
  }
  ~Impl() {
    ::close(listener_);
    ::close(stopper_);
  }

  void stop() {
    {
      const std::lock_guard lock(mutex_);
      stopping_ = true;
      for (const int fd : active_) {
        if (fd != kNone) ::shutdown(fd, SHUT_RDWR);
      }
    }
    (void)!::eventfd_write(stopper_, 1);
    for (std::thread& worker : workers_) {
      if (worker.joinable()) worker.join();
    }
  }

  uint16_t port() const { return port_of(listener_); }

 private:
  void run(size_t worker) {
    for (;;) {
      std::array<pollfd, 2> polled = {pollfd{.fd = stopper_, .events = POLLIN, .revents = 0},
                                      pollfd{.fd = listener_, .events = POLLIN, .revents = 0}};
      ::poll(polled.data(), polled.size(), -1);
      if (polled[0].revents != 0) return;
      const int fd = ::accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
      if (fd >= 0) {
        serve(worker, fd);
      } else if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM) {
        ::poll(polled.data(), 1, kNoDescriptorPauseMs);
      }
    }
  }

  void serve(size_t worker, int fd) {
    if (enter(worker, fd)) {
      AdminConnection connection(fd);
      // httplib may throw on memory; a page that cannot be made is a closed connection.
      try {
        protocol_.serve(connection);
      } catch (...) {
      }
      connection.finish();
    }
    const std::lock_guard lock(mutex_);
    active_[worker] = kNone;
    ::close(fd);
  }

  bool enter(size_t worker, int fd) {
    const std::lock_guard lock(mutex_);
    if (!stopping_) active_[worker] = fd;
    return !stopping_;
  }

  const int listener_;
  const int stopper_;
  Protocol protocol_;

  std::mutex mutex_;
  std::array<int, kWorkers> active_;  // under mutex_: the socket of each worker
  bool stopping_ = false;             // under mutex_

  std::array<std::thread, kWorkers> workers_;
};

Result<std::unique_ptr<AdminServer>> AdminServer::start(const ListenAddress& address,
                                                        AdminPages pages, std::string& problem) {
  const Result<int> listener = listen_on(address, problem);
  if (!listener) return listener.error();
  const int stopper = ::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  if (stopper < 0) {
    const Error error = Error::from_errno("eventfd");
    ::close(listener.value());
    problem = "admin port " + text_of(address) + ": " + error.message();
    return error;
  }
  return std::unique_ptr<AdminServer>(
      new AdminServer(std::make_unique<Impl>(listener.value(), stopper, std::move(pages))));
}

AdminServer::AdminServer(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}

AdminServer::~AdminServer() {
  stop();
}

void AdminServer::stop() {
  impl_->stop();
}

uint16_t AdminServer::port() const {
  return impl_->port();
}

}  // namespace sluice
