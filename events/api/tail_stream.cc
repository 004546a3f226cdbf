#include "events/api/tail_stream.h"

#include <algorithm>
#include <thread>
#include <utility>

#include "events/api/limits.h"
#include "events/api/tail_lines.h"

namespace sluice::api {

using Clock = std::chrono::steady_clock;

TailStream::TailStream(store::EventStore& store, query::TailTexts& texts, TailSettings settings,
                       const std::atomic<bool>& stopping)
    : store_(store), texts_(texts), audience_(std::move(settings.filter), settings.include_open), stopping_(stopping) {
  subscription_ = store_.subscribe(tail_queue_records_max, [bell = bell_] {
    {
      const std::lock_guard lock(bell->mutex);
      bell->ringing = true;
    }
    bell->rung.notify_one();
  });
  live_from_ = subscription_->start_offset();
  offset_ = settings.from_offset == 0 ? live_from_ : std::min(settings.from_offset, live_from_);
}

TailStream::~TailStream() = default;

bool TailStream::next(const Write& write) {
  std::string out;
  if (!std::exchange(greeted_, true)) {
    // The reader learns at once where the stream stands, so that it misses nothing even if no event ever matched.
    out =
        "retry: 2000\nid: " + std::to_string(offset_) + "\nevent: position\ndata: " + std::to_string(offset_) + "\n\n";
  } else if (offset_ < live_from_) {
    if (!catch_up(out)) return false;
  } else {
    std::this_thread::sleep_until(fed_ + tail_gather);
    {
      std::unique_lock lock(bell_->mutex);
      bell_->rung.wait_for(lock, tail_wait, [this] { return bell_->ringing; });
      bell_->ringing = false;
    }
    if (!take_live(write)) return false;
  }
  const auto now = Clock::now();
  if (out.empty() && now - spoke_ >= tail_heartbeat) {
    out = "id: " + std::to_string(offset_) + "\nevent: position\ndata: " + std::to_string(offset_) + "\n\n";
  }
  if (!out.empty()) {
    spoke_ = now;
    if (!write(out)) return false;
  }
  return !ended_ && !stopping_.load();
}

bool TailStream::catch_up(std::string& out) {
  auto page = store_.read(offset_, tail_read_records);
  if (!page.ok()) return false;
  for (const auto& stored : page->records) {
    if (stored.offset() <= live_from_ && audience_.wants(stored)) append_line(out, stored);
  }
  const bool stuck = page->next_offset <= offset_;
  offset_ = stuck || page->caught_up ? live_from_ : std::min(page->next_offset, live_from_);
  return true;
}

bool TailStream::take_live(const Write& write) {
  const auto update = subscription_->poll();
  if (update.skipped > 0 && !write("event: skipped\ndata: " + std::to_string(update.skipped) + "\n\n")) return false;
  for (const auto& piece : update.pieces) {
    const query::TailTextList texts = texts_.of(piece, audience_);
    for (const query::TailText& text : *texts) {
      if (!write(text.bytes)) return false;
      fed_ = spoke_ = Clock::now();
    }
  }
  offset_ = std::max(offset_, update.next_offset);
  ended_ = update.ended;
  return true;
}

}  // namespace sluice::api
