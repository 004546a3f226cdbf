#include "proxy/report/adopt.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <map>
#include <optional>

#include "proxy/base/text.h"
#include "proxy/base/time.h"
#include "proxy/report/frame.h"
#include "proxy/report/limits.h"
#include "proxy/report/segment_reader.h"
#include "sluice/events/v1/page_event.pb.h"

namespace sluice::report {

namespace {

namespace fs = std::filesystem;

std::string why(const std::string& what, const fs::path& path) {
  return what + " " + path.string() + ": " + std::strerror(errno);
}

enum class LockResult { kLocked, kBusy, kGone, kFailed };

// Takes the lock of a producer directory. kGone: somebody adopted and deleted it between our open and our lock.
LockResult lock_directory(const fs::path& directory, Fd& lock) {
  const fs::path path = directory / "lock";
  lock = Fd(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600));
  if (!lock) return errno == ENOENT ? LockResult::kGone : LockResult::kFailed;
  if (::flock(lock.get(), LOCK_EX | LOCK_NB) != 0)
    return errno == EWOULDBLOCK ? LockResult::kBusy : LockResult::kFailed;
  struct stat held {};
  struct stat named {};
  if (::fstat(lock.get(), &held) != 0 || ::stat(path.c_str(), &named) != 0) return LockResult::kGone;
  return held.st_ino == named.st_ino ? LockResult::kLocked : LockResult::kGone;
}

// What a dead producer left, learned by reading its segments from first to last.
struct Findings {
  uint64_t last_seq = 0;
  std::map<uint64_t, std::vector<uint8_t>> open;  // event counter -> its last record, if that is an open one
  std::vector<uint8_t> last_event;
  uint64_t damaged_bytes = 0;
  uint64_t last_segment_valid_bytes = 0;

  void see(const Entry& entry) {
    if (entry.kind != EntryKind::kOpen && entry.kind != EntryKind::kFinal) return;
    last_event.assign(entry.record.begin(), entry.record.end());
    if (entry.kind == EntryKind::kFinal) {
      open.erase(entry.counter);
    } else {
      open[entry.counter] = last_event;
    }
  }
};

}  // namespace

// Adopts one directory after the other. Lives for one adopt_spools call; a friend of what it builds.
class SpoolAdopter {
 public:
  SpoolAdopter(SpoolRoot& root, AdoptReport& report) : root_(root), report_(report) {}

  void adopt(const fs::path& directory, uint64_t producer_id) {
    Fd lock;
    switch (lock_directory(directory, lock)) {
      case LockResult::kLocked: break;
      case LockResult::kBusy: ++report_.locked; return;
      case LockResult::kGone: return;
      case LockResult::kFailed: report_.problems.push_back(why("cannot lock", directory)); return;
    }
    auto spool =
        std::unique_ptr<Spool>(new Spool(root_.budget(), directory, producer_id, std::move(lock), /*adopted=*/true));
    if (!list_segments(*spool)) return;
    Findings findings;
    for (Spool::Part& part : spool->parts_) {
      if (!scan(*spool, part, findings)) return;
    }
    if (!spool->parts_.empty()) {
      cut_torn_tail(*spool, findings);
      spool->keep_for_adoption_ = !append_truncated(*spool, findings);
      const Fd opened(::open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
      if (!opened || ::fsync(opened.get()) != 0) report_.problems.push_back(why("cannot sync", directory));
    }
    for (const Spool::Part& part : spool->parts_) root_.budget().charge_existing(part.bytes);
    report_.damaged_bytes += findings.damaged_bytes;
    ++report_.spools;
    spool->written_seq_.store(findings.last_seq);
    spool->synced_seq_.store(findings.last_seq);
    spool->closed_.store(true);
    root_.add(std::move(spool));
  }

  // A directory whose creator died before it got its name holds nothing.
  void remove_unborn(const fs::path& directory) {
    Fd lock;
    if (lock_directory(directory, lock) != LockResult::kLocked) return;
    ::unlink((directory / "lock").c_str());
    ::rmdir(directory.c_str());
  }

 private:
  bool list_segments(Spool& spool) {
    std::error_code error;
    for (fs::directory_iterator it(spool.directory(), error), end; !error && it != end; it.increment(error)) {
      const auto first_seq = parse_segment_file_name(it->path().filename().string());
      struct stat file {};
      if (!first_seq || *first_seq == 0 || ::stat(it->path().c_str(), &file) != 0) continue;
      Spool::Part part;
      part.first_seq = *first_seq;
      part.bytes = static_cast<uint64_t>(file.st_size);
      part.begun_ms = int64_t{file.st_mtim.tv_sec} * 1000 + file.st_mtim.tv_nsec / 1'000'000;
      part.sealed = true;
      part.head_complete = true;
      spool.parts_.push_back(std::move(part));
    }
    if (error) {
      report_.problems.push_back("cannot list " + spool.directory().string() + ": " + error.message());
      return false;
    }
    std::sort(spool.parts_.begin(), spool.parts_.end(),
              [](const Spool::Part& a, const Spool::Part& b) { return a.first_seq < b.first_seq; });
    return true;
  }

  bool scan(const Spool& spool, const Spool::Part& part, Findings& findings) {
    // The name alone tells how far the producer was.
    findings.last_seq = std::max(findings.last_seq, part.first_seq - 1);
    auto reader = SegmentReader::open(spool.path_of(part));
    if (!reader) {
      report_.problems.push_back(reader.error().message);
      return false;
    }
    Frame frame;
    std::vector<uint8_t> buffer;
    SegmentReader::Status status;
    while ((status = reader->next(findings.last_seq + 1, frame)) == SegmentReader::Status::kFrame) {
      findings.damaged_bytes += reader->take_damaged_bytes();
      auto payload = unpack_payload(static_cast<uint32_t>(frame.codec), frame.payload, buffer);
      EntryReader entries(payload ? *payload : base::ByteView{});
      Entry entry;
      while (entries.next(entry) == EntryReader::Status::kEntry) findings.see(entry);
      findings.last_seq = std::max(findings.last_seq, frame.last_seq());
    }
    if (status == SegmentReader::Status::kError) {
      report_.problems.push_back("cannot read " + spool.path_of(part).string());
      return false;
    }
    // What is shipped must not be lost to a power failure: its sequences would be given to other records.
    if (!reader->sync()) report_.problems.push_back(why("cannot sync", spool.path_of(part)));
    if (&part != &spool.parts_.back()) findings.damaged_bytes += reader->take_damaged_bytes();
    findings.last_segment_valid_bytes = reader->offset();
    return true;
  }

  void cut_torn_tail(Spool& spool, const Findings& findings) {
    Spool::Part& last = spool.parts_.back();
    if (last.bytes <= findings.last_segment_valid_bytes) return;
    report_.torn_bytes += last.bytes - findings.last_segment_valid_bytes;
    // If it cannot be cut it is skipped by every reader; appending starts at the valid end in any case.
    if (::truncate(spool.path_of(last).c_str(), static_cast<off_t>(findings.last_segment_valid_bytes)) == 0) {
      last.bytes = findings.last_segment_valid_bytes;
    }
  }

  static std::optional<events::v1::Record> truncated(const std::vector<uint8_t>& open, int64_t last_time) {
    events::v1::Record record;
    if (!record.ParseFromArray(open.data(), static_cast<int>(open.size())) || !record.has_page_event()) {
      return std::nullopt;
    }
    events::v1::PageEvent& event = *record.mutable_page_event();
    event.set_revision(event.revision() + 1);
    event.set_state(events::v1::STATE_TRUNCATED);
    event.set_close_reason(events::v1::CLOSE_REASON_PRODUCER_CRASH);
    event.set_end_time(std::max({last_time, event.emitted_time(), event.timestamp()}));
    event.set_duration_ms(event.end_time() - event.timestamp());
    event.set_emitted_time(base::epoch_ms(base::wall_now()));
    return record;
  }

  // Appends a final record for every event still open. False if the disk refuses: then the spool is shipped without
  // them and kept for the next start.
  bool append_truncated(Spool& spool, Findings& findings) {
    events::v1::Record last;
    int64_t last_time = 0;
    if (last.ParseFromArray(findings.last_event.data(), static_cast<int>(findings.last_event.size()))) {
      last_time = last.page_event().emitted_time();
    }
    std::vector<uint8_t> out;
    std::vector<uint8_t> payload;
    uint64_t seq = findings.last_seq;
    uint32_t count = 0;
    const auto end_frame = [&] {
      if (count == 0) return;
      const size_t at = out.size();
      out.resize(at + frame_head_bytes);
      out.insert(out.end(), payload.begin(), payload.end());
      write_frame_head(out.data() + at, seq + 1, count, Codec::kNone,
                       {out.data() + at + frame_head_bytes, payload.size()});
      seq += count;
      count = 0;
      payload.clear();
    };
    for (const auto& [counter, open] : findings.open) {
      const auto record = truncated(open, last_time);
      if (!record) {
        report_.problems.push_back("event " + std::to_string(counter) + " in " + spool.directory().string() +
                                   " is unreadable and stays open");
        continue;
      }
      append_entry(payload, {EntryKind::kFinal, counter, base::as_bytes(record->SerializeAsString())});
      ++count;
      if (payload.size() > frame_bytes_target) end_frame();
    }
    end_frame();
    if (!out.empty() && !append_to_last(spool, out, findings.last_segment_valid_bytes)) return false;
    report_.truncated_events += seq - findings.last_seq;
    findings.last_seq = seq;
    return true;
  }

  bool append_to_last(Spool& spool, const std::vector<uint8_t>& bytes, uint64_t at) {
    Spool::Part& last = spool.parts_.back();
    const fs::path path = spool.path_of(last);
    const Fd fd(::open(path.c_str(), O_WRONLY | O_CLOEXEC));
    size_t done = 0;
    while (fd && done < bytes.size()) {
      const ssize_t count = ::pwrite(fd.get(), bytes.data() + done, bytes.size() - done, static_cast<off_t>(at + done));
      if (count < 0 && errno == EINTR) continue;
      if (count <= 0) break;
      done += static_cast<size_t>(count);
    }
    if (done == bytes.size() && ::fdatasync(fd.get()) == 0) {
      last.bytes = std::max(last.bytes, at + done);
      return true;
    }
    report_.problems.push_back(why("cannot complete", path));
    if (fd && ::ftruncate(fd.get(), static_cast<off_t>(at)) == 0) last.bytes = at;
    return false;
  }

  SpoolRoot& root_;
  AdoptReport& report_;
};

base::Result<AdoptReport> adopt_spools(SpoolRoot& root) {
  AdoptReport report;
  SpoolAdopter adopter(root, report);
  std::error_code error;
  std::vector<fs::path> directories;
  for (fs::directory_iterator it(root.options().directory, error), end; !error && it != end; it.increment(error)) {
    directories.push_back(it->path());
  }
  if (error) return base::Error{"cannot list " + root.options().directory.string() + ": " + error.message()};
  std::sort(directories.begin(), directories.end());
  for (const fs::path& directory : directories) {
    const std::string name = directory.filename().string();
    if (name.size() == 16) {
      if (const auto producer_id = base::parse_hex16(name)) adopter.adopt(directory, *producer_id);
    } else if (name.starts_with('.') && name.ends_with(".new")) {
      adopter.remove_unborn(directory);
    }
  }
  return report;
}

}  // namespace sluice::report
