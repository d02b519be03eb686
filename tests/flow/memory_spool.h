// SPDX-License-Identifier: Apache-2.0
// memory_spool.h — a disk for spools in memory, which fails when it is told to.
//
// In:      the calls of SpoolLog.
// Out:     files as plain strings: a test looks at them, and spoils them.
// Owns:    everything. Survives the SpoolLog, as a disk does.
#pragma once

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <functional>
#include <map>
#include <string>

#include "sluice/spool.h"

namespace sluice {

class MemorySpool final : public SpoolDisk {
 public:
  struct File {
    std::string bytes;
    std::string notes;
    size_t durable_notes = 0;
  };
  enum class Call : uint8_t { kCreate, kAppend, kRead, kNote };

  std::map<uint32_t, File> files;
  std::map<uint32_t, File> aside;
  // An errno for this call, or 0.
  std::function<int(Call)> fails = [](Call) { return 0; };
  // Of a write that fails, so many per mille arrive all the same.
  size_t arrives_per_mille = 500;
  bool cut_works = true;
  bool remove_works = true;

  Result<std::vector<SpoolFile>> list() override {
    std::vector<SpoolFile> all;
    for (const auto& [number, file] : files) all.push_back({number, file.bytes.size()});
    return all;
  }
  Result<void> create(uint32_t number, std::span<const std::byte> bytes) override {
    SLUICE_CHECK(!files.contains(number), "numbers are never used again");
    files[number];
    return write(number, bytes, Call::kCreate);
  }
  Result<void> append(uint32_t number, uint64_t size, std::span<const std::byte> bytes) override {
    if (!files.contains(number)) return Error::from_errno("append", ENOENT);
    SLUICE_CHECK(files[number].bytes.size() == size, "appends come at the end");
    return write(number, bytes, Call::kAppend);
  }
  Result<size_t> read(uint32_t number, uint64_t offset, std::span<std::byte> into) override {
    if (const int err = fails(Call::kRead)) return Error::from_errno("read", err);
    const auto found = files.find(number);
    if (found == files.end()) return Error::from_errno("read", ENOENT);
    const std::string& bytes = found->second.bytes;
    if (offset >= bytes.size()) return size_t{0};
    const size_t size = std::min(into.size(), bytes.size() - static_cast<size_t>(offset));
    std::memcpy(into.data(), bytes.data() + offset, size);
    return size;
  }
  void cut(uint32_t number, uint64_t size) override {
    std::string& bytes = files.at(number).bytes;
    if (cut_works) bytes.resize(std::min<size_t>(bytes.size(), static_cast<size_t>(size)));
  }
  Result<void> note(uint32_t number, std::span<const std::byte> bytes, bool durable) override {
    if (const int err = fails(Call::kNote)) return Error::from_errno("note", err);
    if (!files.contains(number)) return Error::from_errno("note", ENOENT);
    File& file = files[number];
    file.notes.append(reinterpret_cast<const char*>(bytes.data()), bytes.size());
    if (durable) file.durable_notes = file.notes.size();
    return {};
  }
  Result<std::vector<std::byte>> notes(uint32_t number) override {
    const std::string& text = files.at(number).notes;
    const auto bytes = std::as_bytes(std::span(text.data(), text.size()));
    return std::vector<std::byte>(bytes.begin(), bytes.end());
  }
  Result<void> remove(uint32_t number) override {
    if (!remove_works) return Error::from_errno("remove", EIO);
    files.erase(number);
    return {};
  }
  Result<void> set_aside(uint32_t number) override {
    const auto found = files.find(number);
    if (found == files.end()) return Error::from_errno("set aside", ENOENT);
    aside[number] = std::move(found->second);
    files.erase(found);
    return {};
  }

 private:
  Result<void> write(uint32_t number, std::span<const std::byte> bytes, Call call) {
    const int err = fails(call);
    const size_t size = err == 0 ? bytes.size() : bytes.size() * arrives_per_mille / 1000;
    files[number].bytes.append(reinterpret_cast<const char*>(bytes.data()), size);
    if (err != 0) return Error::from_errno("write", err);
    return {};
  }
};

}  // namespace sluice
