#include "proxy/report/spool.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include "proxy/base/text.h"
#include "proxy/base/time.h"

namespace sluice::report {

namespace {
constexpr std::string_view segment_suffix = ".seg";
}

std::string segment_file_name(uint64_t first_seq) {
  return base::hex16(first_seq) + std::string(segment_suffix);
}

std::optional<uint64_t> parse_segment_file_name(const std::string& name) {
  if (name.size() != 16 + segment_suffix.size() || !name.ends_with(segment_suffix)) return std::nullopt;
  const auto first_seq = base::parse_hex16(std::string_view(name).substr(0, 16));
  return first_seq && segment_file_name(*first_seq) == name ? first_seq : std::nullopt;
}

Spool::Spool(SpoolBudget& budget, std::filesystem::path directory, uint64_t producer_id, Fd lock, bool adopted)
    : budget_(budget),
      directory_(std::move(directory)),
      producer_id_(producer_id),
      adopted_(adopted),
      lock_(std::move(lock)) {}

Spool::~Spool() = default;

bool Spool::drained() const {
  return closed() && all_committed();
}

uint64_t Spool::first_held_seq() const {
  const std::lock_guard lock(mutex_);
  return parts_.empty() ? written_seq() + 1 : parts_.front().first_seq;
}

std::optional<Spool::Segment> Spool::segment_for(uint64_t seq) const {
  const std::lock_guard lock(mutex_);
  if (parts_.empty()) return std::nullopt;
  const Part* found = &parts_.front();
  for (const Part& part : parts_) {
    if (part.first_seq > seq) break;
    found = &part;
  }
  return Segment{found->first_seq, path_of(*found)};
}

std::optional<Spool::Segment> Spool::segment_after(uint64_t first_seq) const {
  const std::lock_guard lock(mutex_);
  for (const Part& part : parts_) {
    if (part.first_seq > first_seq) return Segment{part.first_seq, path_of(part)};
  }
  return std::nullopt;
}

void Spool::commit(uint64_t seq) {
  // Only the shipper calls this, so a plain comparison is enough to keep it monotonic.
  if (seq <= committed_seq()) return;
  committed_seq_.store(seq, std::memory_order_release);
  const std::lock_guard lock(mutex_);
  trim();
}

// A segment may go when the next one begins at or below what is committed, and either nothing is open any more
// (adopted) or a later segment durably repeats what is. The caller holds the mutex.
void Spool::trim() {
  if (adopted_ && keep_for_adoption_) return;
  size_t keep_from = 0;
  for (size_t i = 1; i < parts_.size(); ++i) {
    const Part& part = parts_[i];
    if (adopted_ || (part.head_complete && part.head_last_seq <= synced_seq())) keep_from = i;
  }
  while (keep_from > 0 && parts_.front().sealed && !parts_.front().fd && parts_[1].first_seq <= committed_seq() + 1) {
    erase_front();
    --keep_from;
  }
}

void Spool::erase_front() {
  const Part& part = parts_.front();
  // A file that cannot be removed is removed with its directory or by the next start; it no longer counts here.
  ::unlink(path_of(part).c_str());
  budget_.release(part.bytes);
  parts_.pop_front();
}

bool Spool::remove_drained() {
  if (!drained()) return false;
  const std::lock_guard lock(mutex_);
  if (removed_ || keep_for_adoption_) return true;
  if (syncing_) return false;
  removed_ = true;
  while (!parts_.empty()) erase_front();
  // The lock file goes while it is held: whoever opened it meanwhile sees that its directory is gone.
  ::unlink((directory_ / "lock").c_str());
  ::rmdir(directory_.c_str());
  return true;
}

base::Result<int> Spool::begin_segment(uint64_t first_seq) {
  Part part;
  part.first_seq = first_seq;
  part.begun_ms = base::epoch_ms(base::wall_now());
  const std::filesystem::path path = path_of(part);
  part.fd = Fd(::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600));
  if (!part.fd) return base::Error{"cannot create " + path.string() + ": " + std::strerror(errno)};
  const int fd = part.fd.get();
  const std::lock_guard lock(mutex_);
  seal_last();
  parts_.push_back(std::move(part));
  directory_dirty_ = true;
  return fd;
}

void Spool::seal_last() {
  if (parts_.empty()) return;
  parts_.back().sealed = true;
  parts_.back().bytes = active_bytes_.exchange(0, std::memory_order_relaxed);
}

void Spool::publish_written(uint64_t last_seq, uint64_t bytes) {
  active_bytes_.fetch_add(bytes, std::memory_order_relaxed);
  written_seq_.store(last_seq, std::memory_order_release);
}

void Spool::head_written(uint64_t last_seq) {
  const std::lock_guard lock(mutex_);
  parts_.back().head_last_seq = last_seq;
  parts_.back().head_complete = true;
}

void Spool::close(bool open_events) {
  {
    const std::lock_guard lock(mutex_);
    keep_for_adoption_ = open_events;
    seal_last();
  }
  closed_.store(true, std::memory_order_release);
}

void Spool::sync() {
  const uint64_t written = written_seq();
  std::vector<int> fds;
  bool directory_dirty = false;
  {
    const std::lock_guard lock(mutex_);
    directory_dirty = std::exchange(directory_dirty_, false);
    if (removed_ || (written == synced_seq() && !directory_dirty)) return;
    for (const Part& part : parts_) {
      if (part.fd) fds.push_back(part.fd.get());
    }
    syncing_ = true;
  }
  // A file whose sync failed is not synced again (the kernel has already forgotten the dirty pages); it is counted, and
  // shipping goes on from the page cache.
  uint64_t errors = 0;
  if (directory_dirty) {
    const Fd directory(::open(directory_.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (!directory || ::fsync(directory.get()) != 0) ++errors;
  }
  for (const int fd : fds) {
    if (::fdatasync(fd) != 0) ++errors;
  }
  sync_errors_.fetch_add(errors, std::memory_order_relaxed);
  synced_seq_.store(written, std::memory_order_release);
  const std::lock_guard lock(mutex_);
  syncing_ = false;
  // A segment whose successor begins at or below what was written before this sync is complete and synced.
  for (size_t i = 0; i + 1 < parts_.size(); ++i) {
    if (parts_[i + 1].first_seq <= written + 1) parts_[i].fd.reset();
  }
  trim();
}

std::optional<int64_t> Spool::oldest_droppable_time() const {
  const std::lock_guard lock(mutex_);
  if (parts_.empty() || !parts_.front().sealed || parts_.front().fd) return std::nullopt;
  return parts_.front().begun_ms;
}

bool Spool::drop_oldest_segment() {
  const std::lock_guard lock(mutex_);
  if (parts_.size() < 2 || !parts_.front().sealed || parts_.front().fd) return false;
  const uint64_t last = parts_[1].first_seq - 1;
  const uint64_t done = std::max(committed_seq(), parts_.front().first_seq - 1);
  if (last > done) dropped_records_.fetch_add(last - done, std::memory_order_relaxed);
  erase_front();
  return true;
}

}  // namespace sluice::report
