#include "proxy/report/spool_root.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/file.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "proxy/base/text.h"

namespace sluice::report {

namespace {

// A segment is at most this share of the spool, so that trimming and dropping have something to work with.
constexpr uint64_t segments_per_spool_min = 32;
constexpr uint64_t segment_bytes_min = 4 * 1024;

void signal_event(const Fd& event) {
  const uint64_t one = 1;
  // A full counter (EAGAIN) is signalled already.
  [[maybe_unused]] const ssize_t written = ::write(event.get(), &one, sizeof one);
}

// Waits until `event` is signalled or the time is over, and takes the signal.
void wait_event(const Fd& event, int timeout_ms) {
  pollfd entry{.fd = event.get(), .events = POLLIN, .revents = 0};
  if (::poll(&entry, 1, timeout_ms) <= 0) return;
  uint64_t count = 0;
  [[maybe_unused]] const ssize_t got = ::read(event.get(), &count, sizeof count);
}

base::Error failure(const std::string& what, const std::filesystem::path& path) {
  return {what + " " + path.string() + ": " + std::strerror(errno)};
}

SpoolOptions checked(SpoolOptions options) {
  const uint64_t share = std::max(options.max_bytes / segments_per_spool_min, segment_bytes_min);
  options.segment_bytes = std::clamp(options.segment_bytes, segment_bytes_min, std::max(share, segment_bytes_min));
  return options;
}

}  // namespace

base::Result<std::unique_ptr<SpoolRoot>> SpoolRoot::open(SpoolOptions options) {
  if (options.max_bytes < spool_bytes_min) {
    return base::Error{"spool.max_bytes is " + std::to_string(options.max_bytes) + "; it must be at least " +
                       std::to_string(spool_bytes_min)};
  }
  std::error_code error;
  std::filesystem::create_directories(options.directory, error);
  if (error) return base::Error{"cannot create spool " + options.directory.string() + ": " + error.message()};
  if (::access(options.directory.c_str(), R_OK | W_OK | X_OK) != 0)
    return failure("cannot use spool", options.directory);
  auto root = std::unique_ptr<SpoolRoot>(new SpoolRoot(checked(std::move(options))));
  if (!root->wake_ || !root->urgent_)
    return base::Error{std::string("cannot make an eventfd: ") + std::strerror(errno)};
  root->thread_ = std::thread([raw = root.get()] { raw->run(); });
  return root;
}

SpoolRoot::SpoolRoot(SpoolOptions options)
    : options_(std::move(options)),
      budget_(options_.max_bytes, options_.when_full),
      wake_(::eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC)),
      urgent_(::eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC)) {}

SpoolRoot::~SpoolRoot() {
  stopping_.store(true);
  signal_event(wake_);
  signal_event(urgent_);
  if (thread_.joinable()) thread_.join();
  sync_all();
}

std::vector<Spool*> SpoolRoot::spools() const {
  const std::lock_guard lock(mutex_);
  std::vector<Spool*> all;
  all.reserve(spools_.size());
  for (const auto& spool : spools_) all.push_back(spool.get());
  return all;
}

uint64_t SpoolRoot::dropped_records() const {
  uint64_t sum = 0;
  for (const Spool* spool : spools()) sum += spool->dropped_records();
  return sum;
}

Spool* SpoolRoot::add(std::unique_ptr<Spool> spool) {
  const std::lock_guard lock(mutex_);
  spools_.push_back(std::move(spool));
  return spools_.back().get();
}

// The directory is locked before it gets its real name: another process never adopts a spool that is being born.
base::Result<Spool*> SpoolRoot::create_spool() {
  uint64_t producer_id = options_.seed == 0 ? 0 : options_.seed + last_id_++;
  while (producer_id == 0) producer_id = base::random_u64();
  const std::string name = base::hex16(producer_id);
  const std::filesystem::path born = options_.directory / ("." + name + ".new");
  const std::filesystem::path directory = options_.directory / name;
  if (::mkdir(born.c_str(), 0700) != 0) return failure("cannot create", born);
  Fd lock(::open((born / "lock").c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600));
  if (!lock) return failure("cannot create", born / "lock");
  if (::flock(lock.get(), LOCK_EX | LOCK_NB) != 0) return failure("cannot lock", born);
  if (::rename(born.c_str(), directory.c_str()) != 0) return failure("cannot rename", born);
  const Fd root(::open(options_.directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!root || ::fsync(root.get()) != 0) return failure("cannot sync", options_.directory);
  return add(std::unique_ptr<Spool>(new Spool(budget_, directory, producer_id, std::move(lock), false)));
}

bool SpoolRoot::drop_oldest_segment() {
  Spool* oldest = nullptr;
  int64_t oldest_time = 0;
  for (Spool* spool : spools()) {
    const auto time = spool->oldest_droppable_time();
    if (time && (oldest == nullptr || *time < oldest_time)) {
      oldest = spool;
      oldest_time = *time;
    }
  }
  return oldest != nullptr && oldest->drop_oldest_segment();
}

void SpoolRoot::request_sync(bool urgent) {
  if (!sync_requested_.load(std::memory_order_relaxed) && !sync_requested_.exchange(true)) signal_event(wake_);
  if (urgent && !urgent_requested_.load(std::memory_order_relaxed) && !urgent_requested_.exchange(true)) {
    signal_event(urgent_);
  }
}

void SpoolRoot::set_listener(std::function<void()> on_synced) {
  const std::lock_guard lock(listener_mutex_);
  on_synced_ = std::move(on_synced);
}

void SpoolRoot::sync_now() {
  sync_all();
}

void SpoolRoot::run() {
  while (!stopping_.load()) {
    wait_event(wake_, -1);
    wait_event(urgent_, static_cast<int>(options_.sync_interval.count()));
    // Cleared before the sync: what is written while it runs asks for the next one.
    sync_requested_.store(false);
    urgent_requested_.store(false);
    sync_all();
  }
}

void SpoolRoot::sync_all() {
  {
    const std::lock_guard lock(sync_mutex_);
    for (Spool* spool : spools()) spool->sync();
  }
  const std::lock_guard lock(listener_mutex_);
  if (on_synced_) on_synced_();
}

}  // namespace sluice::report
