#pragma once
// LogFile: a file that grows by whole lines up to a size and is then renamed to FILE.1, FILE.1 to FILE.2 and so on.
#include <cstdint>
#include <string>
#include <string_view>

#include "proxy/base/result.h"

namespace sluice::client {

// Mode 0640. One thread. The disk may refuse: then lines are lost and counted, and the next line tries again.
class LogFile {
 public:
  struct Options {
    std::string path;
    uint64_t max_bytes = 0;
    uint32_t keep = 0;  // renamed files
  };

  static base::Result<LogFile> open(Options options);
  LogFile(LogFile&& other) noexcept;
  LogFile& operator=(LogFile&& other) noexcept;
  ~LogFile();

  // One write; `line` ends in a line feed. False when it was lost.
  bool append(std::string_view line);
  // Somebody else may have renamed the file.
  base::Status reopen();

 private:
  explicit LogFile(Options options) : options_(std::move(options)) {}
  void rotate();
  void close();

  Options options_;
  int fd_ = -1;
  uint64_t bytes_ = 0;
};

}  // namespace sluice::client
