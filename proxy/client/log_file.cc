#include "proxy/client/log_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <utility>

namespace sluice::client {

namespace {

constexpr mode_t log_mode = 0640;  // names of people's programs and sites: not for everybody

std::string numbered(const std::string& path, uint32_t number) {
  return path + "." + std::to_string(number);
}

}  // namespace

base::Result<LogFile> LogFile::open(Options options) {
  LogFile file(std::move(options));
  if (const auto status = file.reopen(); !status) return status.error();
  return file;
}

LogFile::LogFile(LogFile&& other) noexcept
    : options_(std::move(other.options_)), fd_(std::exchange(other.fd_, -1)), bytes_(other.bytes_) {}

LogFile& LogFile::operator=(LogFile&& other) noexcept {
  if (this == &other) return *this;
  close();
  options_ = std::move(other.options_);
  fd_ = std::exchange(other.fd_, -1);
  bytes_ = other.bytes_;
  return *this;
}

LogFile::~LogFile() {
  close();
}

void LogFile::close() {
  if (fd_ >= 0) ::close(fd_);
  fd_ = -1;
}

base::Status LogFile::reopen() {
  close();
  // Without O_NONBLOCK a FIFO in the place of the file would hang the program.
  fd_ = ::open(options_.path.c_str(), O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, log_mode);
  struct stat about {};
  if (fd_ < 0 || fstat(fd_, &about) != 0) {
    return base::Error{"cannot write " + options_.path + ": " + std::strerror(errno)};
  }
  if (!S_ISREG(about.st_mode)) {
    close();
    return base::Error{"cannot write " + options_.path + ": it is not a file"};
  }
  (void)fchmod(fd_, log_mode);  // whatever the umask; a file of somebody else keeps its mode
  bytes_ = static_cast<uint64_t>(about.st_size);
  return base::Unit{};
}

bool LogFile::append(std::string_view line) {
  if (bytes_ > 0 && bytes_ + line.size() > options_.max_bytes) rotate();
  if (fd_ < 0 && !reopen()) return false;
  const ssize_t written = ::write(fd_, line.data(), line.size());
  if (written > 0) bytes_ += static_cast<uint64_t>(written);
  return written == static_cast<ssize_t>(line.size());
}

void LogFile::rotate() {
  close();
  if (options_.keep == 0) {
    (void)::unlink(options_.path.c_str());
    return;
  }
  for (uint32_t number = options_.keep; number > 1; --number) {
    (void)::rename(numbered(options_.path, number - 1).c_str(), numbered(options_.path, number).c_str());
  }
  (void)::rename(options_.path.c_str(), numbered(options_.path, 1).c_str());
}

}  // namespace sluice::client
