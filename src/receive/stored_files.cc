// SPDX-License-Identifier: Apache-2.0
#include "receive/stored_files.h"

#include <fcntl.h>
#include <unistd.h>

#include <filesystem>

#include "receive/durable_file.h"

namespace sluice {
namespace {

constexpr size_t kBlockBytes = 1u << 20;

Result<void> read_lines(const std::string& path, TornEnd torn_end, Verifier* verifier) {
  const Descriptor fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!fd.is_open()) return Error::from_errno("open");
  std::string text;  // the beginning of a line that is not whole yet, then a block
  for (;;) {
    const size_t begun = text.size();
    text.resize(begun + kBlockBytes);
    ssize_t got = 0;
    do {
      got = ::read(fd.get(), text.data() + begun, kBlockBytes);
    } while (got < 0 && errno == EINTR);
    if (got < 0) return Error::from_errno("read");
    text.resize(begun + static_cast<size_t>(got));
    std::string_view rest = text;
    for (size_t end; (end = rest.find('\n')) != std::string_view::npos;) {
      verifier->take_stored(rest.substr(0, end));
      rest.remove_prefix(end + 1);
    }
    text.erase(0, text.size() - rest.size());
    if (got != 0) continue;
    if (!text.empty() && torn_end == TornEnd::kIsALine) verifier->take_stored(text);
    return {};
  }
}

}  // namespace

Result<void> read_stored_lines(const std::string& directory, const std::string& ledger,
                               TornEnd torn_end, Verifier* verifier) {
  namespace fs = std::filesystem;
  std::error_code failed;
  std::error_code ignored;  // the ledger need not exist
  for (fs::recursive_directory_iterator it(directory, failed), end; !failed && it != end;
       it.increment(failed)) {
    if (it->path().filename().string().starts_with('.')) continue;
    if (!it->is_regular_file(failed)) continue;
    if (!ledger.empty() && fs::equivalent(it->path(), ledger, ignored)) continue;
    if (auto read = read_lines(it->path().string(), torn_end, verifier); !read.ok()) return read;
  }
  if (failed) return Error::from_errno("read directory", failed.value());
  return {};
}

}  // namespace sluice
