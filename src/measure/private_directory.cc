// SPDX-License-Identifier: Apache-2.0
#include "measure/private_directory.h"

#include <stdlib.h>

#include <filesystem>

namespace sluice {

PrivateDirectory::PrivateDirectory(const std::string& parent) {
  std::string name = (parent.empty() ? "/tmp" : parent) + "/sluice-measure-XXXXXX";
  if (::mkdtemp(name.data()) != nullptr) path_ = name;
}

PrivateDirectory::~PrivateDirectory() {
  std::error_code ignored;
  if (!path_.empty()) std::filesystem::remove_all(path_, ignored);
}

}  // namespace sluice
