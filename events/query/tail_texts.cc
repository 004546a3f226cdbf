#include "events/query/tail_texts.h"

#include <algorithm>
#include <utility>

#include "events/query/limits.h"
#include "events/query/parser.h"

namespace sluice::query {

TailAudience::TailAudience(store::Filter filter, bool include_open)
    : filter_(std::move(filter)), include_open_(include_open), name_((include_open ? "+" : "-") + print(filter_)) {}

bool TailAudience::wants(const store::v1::StoredRecord& record) const {
  return (record.offset() > 0 || include_open_) && store::matches(filter_, record.record());
}

TailTextList TailTexts::of(const store::Subscription::Piece& piece, const TailAudience& audience) {
  if (piece.first > 0) return make(*piece.records, piece.first, &audience);  // what a slow reader lost is its own
  const std::shared_ptr<Slot> shared = slot(piece, audience);
  const std::lock_guard lock(shared->mutex);
  if (shared->texts == nullptr) shared->texts = make(*piece.records, 0, &audience);
  return shared->texts;
}

TailTextList TailTexts::of(const std::vector<store::SharedRecord>& records) const {
  return make(records, 0, nullptr);
}

std::shared_ptr<TailTexts::Slot> TailTexts::slot(const store::Subscription::Piece& piece,
                                                 const TailAudience& audience) {
  const std::lock_guard lock(mutex_);
  const auto known = std::find_if(slots_.rbegin(), slots_.rend(), [&](const std::shared_ptr<Slot>& slot) {
    return slot->records == piece.records && slot->audience == audience.name();
  });
  if (known != slots_.rend()) return *known;
  auto fresh = std::make_shared<Slot>();
  fresh->records = piece.records;
  fresh->audience = audience.name();
  slots_.push_back(fresh);
  slot_records_ += piece.records->size();
  while (slot_records_ > tail_texts_records_max && slots_.size() > 1) {
    slot_records_ -= slots_.front()->records->size();
    slots_.pop_front();
  }
  return fresh;
}

TailTextList TailTexts::make(const std::vector<store::SharedRecord>& records, size_t first,
                             const TailAudience* audience) const {
  auto texts = std::make_shared<std::vector<TailText>>();
  size_t count = 0;  // in the last text
  for (size_t i = first; i < records.size(); ++i) {
    if (audience != nullptr && !audience->wants(*records[i])) continue;
    if (texts->empty() || count == tail_records_per_answer_max || texts->back().bytes.size() >= tail_text_bytes) {
      texts->emplace_back();
      count = 0;
    }
    append_(texts->back().bytes, records[i]);
    texts->back().last_offset = std::max(texts->back().last_offset, records[i]->offset());
    ++count;
  }
  return texts;
}

}  // namespace sluice::query
