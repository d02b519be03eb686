// SPDX-License-Identifier: Apache-2.0
// store_fuzz.cc — any bytes as the file of the checkpoint store.
//
// In:      bytes from libFuzzer: changes to a good store of ten rows (pairs of place and byte, and
//          where it is cut), or, when the first byte is odd, the file itself.
// Out:     nothing, or an abort: the store starts without a person, rows that it gives are rows
//          that were written, and it takes new ones and gives them back.
// Owns:    a directory in memory, if the system has one.
// Why so:  a disk may give back anything, and an agent that does not start delivers nothing.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "platform/sqlite_store.h"
#include "sluice/check.h"

namespace sluice {
namespace {

namespace fs = std::filesystem;

constexpr WallTime kNow(1'795'367'417'000'000'000);

CheckpointRow row_of(int64_t number) {
  CheckpointRow row;
  row.row = number;
  row.destination = "main";
  row.path = "/var/log/file-" + std::to_string(number);
  row.identity.inode = static_cast<uint64_t>(1000 + number);
  row.offset = FileOffset(number * 4096);
  row.marker_bytes = 64;
  row.marker_hash = 77;
  row.updated = kNow;
  return row;
}

bool same(const CheckpointRow& a, const CheckpointRow& b) {
  return a.row == b.row && a.destination == b.destination && a.path == b.path &&
         a.identity.inode == b.identity.inode && a.epoch == b.epoch && a.offset == b.offset &&
         a.marker_hash == b.marker_hash && a.gone == b.gone;
}

std::string whole(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

struct Stage {
  Stage() {
    const fs::path base = fs::exists("/dev/shm") ? "/dev/shm" : fs::temp_directory_path();
    std::string name = (base / "sluice-store-fuzz-XXXXXX").string();
    SLUICE_CHECK(::mkdtemp(name.data()) != nullptr, "there is room for a directory");
    directory = name;
    {
      SqliteStore store(directory.string(), kNow);
      SLUICE_CHECK(store.load().ok(), "a new store starts");
      std::vector<CheckpointRow> rows;
      for (int64_t i = 1; i <= 10; ++i) rows.push_back(row_of(i));
      SLUICE_CHECK(store.commit(rows, {}).ok(), "a new store takes rows");
    }
    for (const auto& entry : fs::directory_iterator(directory)) {
      const std::string text = whole(entry.path());
      if (text.starts_with("SQLite format 3")) {
        file = entry.path();
        good = text;
      }
    }
    SLUICE_CHECK(!good.empty(), "the store is a file");
  }
  ~Stage() {
    std::error_code ignored;
    fs::remove_all(directory, ignored);
  }

  void put(const std::string& bytes) const {
    for (const auto& entry : fs::directory_iterator(directory)) fs::remove_all(entry.path());
    std::ofstream(file, std::ios::binary) << bytes;
  }

  fs::path directory;
  fs::path file;
  std::string good;
};

std::string damaged(const std::string& good, const uint8_t* data, size_t size) {
  if ((data[0] & 1) != 0) return {data + 1, data + size};
  std::string bytes = good;
  for (size_t i = 1; i + 3 <= size; i += 3) {
    const size_t at = (size_t{data[i]} << 8 | data[i + 1]) % (bytes.size() + 1);
    if (at == bytes.size()) {
      bytes.resize(bytes.size() * data[i + 2] / 255);
    } else {
      bytes[at] = static_cast<char>(data[i + 2]);
    }
    if (bytes.empty()) break;
  }
  return bytes;
}

void try_one(const Stage& stage, const std::string& bytes, bool made_of_good) {
  stage.put(bytes);
  {
    SqliteStore store(stage.directory.string(), kNow);
    const auto state = store.load();
    // A store of a later version is refused on purpose, with words.
    if (!state.ok()) {
      SLUICE_CHECK(!store.problem().empty(), "a refusal has words");
      return;
    }
    SLUICE_CHECK(!state->host_id.empty(), "a store knows its host");
    for (const CheckpointRow& row : state->rows) {
      const bool written = row.row >= 1 && row.row <= 10 && same(row, row_of(row.row));
      SLUICE_CHECK(written || !made_of_good, "no row is other than it was written");
    }
    SLUICE_CHECK(store.commit(std::vector{row_of(11)}, {}).ok(), "a store takes rows after all");
  }
  SqliteStore again(stage.directory.string(), kNow);
  const auto state = again.load();
  SLUICE_CHECK(state.ok(), "what it wrote, it reads");
  bool found = false;
  for (const CheckpointRow& row : state->rows) found = found || same(row, row_of(11));
  SLUICE_CHECK(found, "the new row is there");
}

}  // namespace
}  // namespace sluice

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static const sluice::Stage stage;
  if (size < 1) return 0;
  sluice::try_one(stage, sluice::damaged(stage.good, data, size), (data[0] & 1) == 0);
  return 0;
}
