#pragma once
// Fixtures in tests/unit/wire: one hex text per file.
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <stdexcept>
#include <string>
#include <vector>

#include "tests/support/paths.h"

namespace sluice::wire::test {

inline std::vector<uint8_t> hex_file(const std::filesystem::path& name) {
  std::ifstream in(std::filesystem::path(sluice::test::source_dir()) / "tests/unit/wire" / name);
  std::string text;
  if (!(in >> text)) throw std::runtime_error("no fixture " + name.string());
  std::vector<uint8_t> bytes;
  for (size_t i = 0; i + 1 < text.size(); i += 2) {
    bytes.push_back(static_cast<uint8_t>(std::stoi(text.substr(i, 2), nullptr, 16)));
  }
  return bytes;
}

inline std::vector<std::vector<uint8_t>> hex_files(const std::string& folder) {
  std::vector<std::vector<uint8_t>> files;
  const auto path = std::filesystem::path(sluice::test::source_dir()) / "tests/unit/wire" / folder;
  for (const auto& entry : std::filesystem::directory_iterator(path)) files.push_back(hex_file(entry.path()));
  return files;
}

}  // namespace sluice::wire::test
