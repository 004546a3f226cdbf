#include "proxy/base/file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>

#include "proxy/base/text.h"

namespace sluice::base {

namespace {

constexpr size_t read_step_bytes = 64 * 1024;

// Owns one descriptor.
class File {
 public:
  explicit File(int fd) : fd_(fd) {}
  File(const File&) = delete;
  File& operator=(const File&) = delete;
  ~File() {
    if (fd_ >= 0) close(fd_);
  }
  int fd() const { return fd_; }
  bool open() const { return fd_ >= 0; }

 private:
  int fd_;
};

Error failed(const std::string& path, const char* verb) {
  return Error{path + ": cannot " + verb + ": " + std::strerror(errno)};
}

bool write_all(int fd, std::string_view content) {
  while (!content.empty()) {
    const ssize_t count = write(fd, content.data(), content.size());
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) return false;
    content.remove_prefix(static_cast<size_t>(count));
  }
  return true;
}

bool sync_folder_of(const std::string& path) {
  const size_t slash = path.rfind('/');
  const std::string folder = slash == std::string::npos ? "." : slash == 0 ? "/" : path.substr(0, slash);
  const File handle(::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  return handle.open() && fsync(handle.fd()) == 0;
}

// A synced file beside `path`; its name.
Result<std::string> write_draft(const std::string& path, std::string_view content, unsigned mode) {
  std::string draft = path + ".new-" + hex16(random_u64());
  const File file(::open(draft.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600));
  if (!file.open()) return failed(path, "create");
  if (fchmod(file.fd(), mode) != 0 || !write_all(file.fd(), content) || fsync(file.fd()) != 0) {
    const Error error = failed(path, "write");
    unlink(draft.c_str());
    return error;
  }
  return draft;
}

}  // namespace

Result<std::string> read_file(const std::string& path, size_t bytes_max) {
  // Without O_NONBLOCK a FIFO in the place of a file would hang the program.
  const File file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  if (!file.open()) return failed(path, "read");
  struct stat about {};
  if (fstat(file.fd(), &about) != 0) return failed(path, "read");
  if (!S_ISREG(about.st_mode)) return Error{path + ": is not a file"};
  const Error too_long{path + ": is longer than " + std::to_string(bytes_max) + " bytes"};
  std::string content;
  while (true) {
    const size_t have = content.size();
    if (have > bytes_max) return too_long;
    content.resize(have + std::min(read_step_bytes, bytes_max - have + 1));
    const ssize_t count = read(file.fd(), content.data() + have, content.size() - have);
    content.resize(have + static_cast<size_t>(std::max<ssize_t>(count, 0)));
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return failed(path, "read");
    if (count == 0) return content;
  }
}

Status create_file(const std::string& path, std::string_view content, unsigned mode) {
  const auto draft = write_draft(path, content, mode);
  if (!draft) return draft.error();
  // link, not rename: it fails when the name is taken.
  const bool linked = link(draft->c_str(), path.c_str()) == 0;
  const Error error = linked ? Error{} : failed(path, "create");
  unlink(draft->c_str());
  if (!linked) return error;
  if (!sync_folder_of(path)) return failed(path, "sync the folder of the file");
  return Unit{};
}

Status replace_file(const std::string& path, std::string_view content, unsigned mode) {
  const auto draft = write_draft(path, content, mode);
  if (!draft) return draft.error();
  if (rename(draft->c_str(), path.c_str()) != 0) {
    const Error error = failed(path, "replace");
    unlink(draft->c_str());
    return error;
  }
  if (!sync_folder_of(path)) return failed(path, "sync the folder of the file");
  return Unit{};
}

}  // namespace sluice::base
