// SPDX-License-Identifier: Apache-2.0
#include "servers/nginx_process.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <fstream>
#include <sstream>
#include <thread>

#include "servers/loopback.h"

namespace sluice {
namespace {

bool connects(uint16_t port) {
  const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  address.sin_port = htons(port);
  const bool yes = ::connect(fd, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0;
  ::close(fd);
  return yes;
}

uint16_t free_port() {
  uint16_t port = 0;
  ::close(listen_on_loopback(port));
  return port;
}

std::string configuration(const std::string& directory, const TestPki::Leaf& leaf,
                          uint16_t clear_port, uint16_t tls_port, uint16_t inner_port) {
  std::ostringstream out;
  out << "daemon off; worker_processes 1; pid " << directory << "/nginx.pid;\n"
      << "events { worker_connections 128; }\nhttp {\n"
      << "log_format short '$server_protocol $status $connection $content_length "
         "$http_idempotency_key';\naccess_log "
      << directory << "/access.log short;\n"
      << "client_body_buffer_size 2m; keepalive_timeout 60;\n";
  for (const char* kind : {"client_body", "proxy", "fastcgi", "uwsgi", "scgi"}) {
    out << kind << "_temp_path " << directory << "/" << kind << ";\n";
  }
  // The body is read whole before the inner server is asked, so 200 follows the last byte.
  out << "server { listen 127.0.0.1:" << inner_port << "; access_log off; return 200 'taken'; }\n"
      << "server { listen 127.0.0.1:" << clear_port << "; listen 127.0.0.1:" << tls_port
      << " ssl http2; ssl_certificate " << leaf.cert_file << "; ssl_certificate_key "
      << leaf.key_file << ";\nlocation /ingest { proxy_pass http://127.0.0.1:" << inner_port
      << "; }\nlocation /moved { return 301 http://127.0.0.1:" << clear_port << "/ingest; }\n} }\n";
  return out.str();
}

}  // namespace

NginxProcess::NginxProcess(const std::string& directory, const TestPki::Leaf& leaf)
    : directory_(directory), clear_port_(free_port()), tls_port_(free_port()) {
  const std::string path = directory + "/nginx.conf";
  std::ofstream(path) << configuration(directory, leaf, clear_port_, tls_port_, free_port());
  pid_ = ::fork();
  if (pid_ == 0) {
    const std::string log = directory + "/error.log";
    const int out = ::open(log.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    ::dup2(out, STDERR_FILENO);
    ::execlp("nginx", "nginx", "-p", directory.c_str(), "-c", path.c_str(), "-e", log.c_str(),
             static_cast<char*>(nullptr));
    ::_exit(127);
  }
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(10);
  while (!ready_ && std::chrono::steady_clock::now() < deadline) {
    if (::waitpid(pid_, nullptr, WNOHANG) == pid_) {
      pid_ = -1;
      return;
    }
    ready_ = connects(clear_port_) && connects(tls_port_);
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
}

NginxProcess::~NginxProcess() {
  if (pid_ <= 0) return;
  ::kill(pid_, SIGTERM);
  ::waitpid(pid_, nullptr, 0);
}

std::string NginxProcess::clear_url() const {
  return "http://127.0.0.1:" + std::to_string(clear_port_) + "/ingest";
}

std::string NginxProcess::tls_url() const {
  return "https://127.0.0.1:" + std::to_string(tls_port_) + "/ingest";
}

std::string NginxProcess::access_log() const {
  std::ifstream in(directory_ + "/access.log");
  std::ostringstream out;
  out << in.rdbuf();
  return out.str();
}

}  // namespace sluice
