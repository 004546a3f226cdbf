#include "events/store/offset_reader.h"

#include <algorithm>
#include <list>
#include <utility>
#include <vector>

#include "events/store/limits.h"

namespace sluice::store {
namespace {

// The blocks of one day file, ascending.
struct Stream {
  ReaderPool::Lease reader;
  Statement statement;
  std::shared_ptr<const Block> block;
};

ReadError unavailable(std::string message) {
  return {ReadError::Code::kUnavailable, std::move(message)};
}

// Moves to the file's next block; null at the end.
base::Status advance(Stream& stream) {
  stream.block = nullptr;
  const Step step = stream.statement.step();
  if (step == Step::kDone) return base::Unit{};
  if (step != Step::kRow) return base::Error{stream.reader->database().error()};
  auto block = decode_block(static_cast<uint64_t>(stream.statement.integer(0)), stream.statement.integer(1),
                            stream.statement.blob(2));
  if (!block.ok()) return block.error();
  stream.block = std::move(block).value();
  return base::Unit{};
}

base::Status open_stream(ReaderPool& pool, const StoreView& view, const DayInfo& day, uint64_t after_offset,
                         std::list<Stream>& streams) {
  auto lease = pool.lease(day.path);
  if (!lease.ok() && !view.knows(day.path)) return base::Unit{};  // retention took it
  if (!lease.ok()) return lease.error();
  Statement statement = (*lease)->database().prepare(
      "SELECT first_offset, ingested_time, data FROM block WHERE first_offset + count > ?1"
      " AND first_offset > ?1 - ?2 ORDER BY first_offset");
  statement.bind(1, static_cast<int64_t>(after_offset + 1)).bind(2, static_cast<int64_t>(block_records_max));
  streams.push_back(Stream{std::move(lease).value(), std::move(statement), nullptr});
  if (base::Status status = advance(streams.back()); !status.ok()) return status;
  if (streams.back().block == nullptr) streams.pop_back();
  return base::Unit{};
}

bool add(OffsetPage& page, const Block& block, uint64_t offset) {
  v1::StoredRecord& stored = page.records.emplace_back();
  stored.set_offset(offset);
  return block.parse(offset, *stored.mutable_record());
}
}  // namespace

base::Result<OffsetPage, ReadError> read_offsets(ReaderPool& pool, const StoreView& view, uint64_t after_offset,
                                                 uint32_t limit) {
  const uint64_t published = view.published();  // before the days: what is published stands in them
  std::vector<DayInfo> days;
  for (const DayInfo& day : view.days()) {
    if (day.rows > 0 && day.last_offset > after_offset) days.push_back(day);
  }
  std::sort(days.begin(), days.end(), [](const auto& a, const auto& b) { return a.first_offset > b.first_offset; });

  OffsetPage page;
  page.next_offset = after_offset;
  std::list<Stream> streams;
  size_t bytes = 0;
  while (page.records.size() < limit && bytes < page_bytes_max) {
    auto first = std::min_element(streams.begin(), streams.end(), [](const Stream& a, const Stream& b) {
      return a.block->first_offset < b.block->first_offset;
    });
    // A file is opened once its first block may be the next one.
    if (!days.empty() && (first == streams.end() || days.back().first_offset <= first->block->first_offset)) {
      const base::Status opened = open_stream(pool, view, days.back(), after_offset, streams);
      days.pop_back();
      if (!opened.ok()) return unavailable(opened.error().message);
      continue;
    }
    if (first == streams.end() || first->block->first_offset > published) break;
    const Block& block = *first->block;
    uint64_t offset = std::max(block.first_offset, page.next_offset + 1);
    for (; offset < block.end_offset() && page.records.size() < limit && bytes < page_bytes_max; ++offset) {
      if (!add(page, block, offset)) return unavailable("a stored record is damaged");
      bytes += block.records[offset - block.first_offset].size();
      page.next_offset = offset;
    }
    if (offset < block.end_offset()) break;
    if (base::Status status = advance(*first); !status.ok()) return unavailable(status.error().message);
    if (first->block == nullptr) streams.erase(first);
  }
  page.caught_up = page.next_offset >= published || (streams.empty() && days.empty());
  // Offsets without a record (their days are past retention) are passed over.
  if (page.caught_up) page.next_offset = std::max(page.next_offset, published);
  return page;
}

}  // namespace sluice::store
