#include "events/store/compaction.h"

#include <utility>

#include "events/store/block.h"
#include "events/store/limits.h"

namespace sluice::store {
namespace {

struct Piece {
  uint64_t first_offset;
  uint64_t count;
  uint64_t end_offset() const { return first_offset + count; }
};

std::vector<Piece> pieces_above(Database& database, uint64_t offset) {
  Statement rows =
      database.prepare("SELECT first_offset, count FROM block WHERE first_offset > ? ORDER BY first_offset LIMIT ?");
  rows.bind(1, static_cast<int64_t>(offset)).bind(2, compaction_blocks);
  std::vector<Piece> pieces;
  while (rows.step() == Step::kRow) {
    pieces.push_back({static_cast<uint64_t>(rows.integer(0)), static_cast<uint64_t>(rows.integer(1))});
  }
  return pieces;
}

// The end of the pieces from `first` on that fit into one block and have no offset missing between them.
size_t run_end(const std::vector<Piece>& pieces, size_t first) {
  uint64_t count = pieces[first].count;
  size_t end = first + 1;
  while (end < pieces.size() && pieces[end].first_offset == pieces[end - 1].end_offset() &&
         count + pieces[end].count <= block_records_max) {
    count += pieces[end++].count;
  }
  return end;
}

base::Status add_records(const Block& block, BlockWriter& writer, JoinedBlocks& joined) {
  const auto finish = [&](uint64_t end_offset) {
    const uint64_t count = writer.count();
    joined.blocks.push_back({end_offset - count, count, std::string(writer.finish())});
  };
  events::v1::Record time;
  time.mutable_page_event()->set_ingested_time(block.ingested_time);
  const std::string stamp = time.SerializeAsString();
  for (uint64_t offset = block.first_offset; offset < block.end_offset(); ++offset) {
    events::v1::Record record;
    if (!block.parse(offset, record)) return base::Error{"a stored record is damaged"};
    std::string bytes(block.records[offset - block.first_offset]);
    if (block.ingested_time > 0 && record.has_page_event()) bytes += stamp;
    writer.add(bytes);
    if (writer.full() || offset + 1 == joined.end_offset) finish(offset + 1);
  }
  return base::Unit{};
}

base::Result<JoinedBlocks> join(Database& database, uint64_t first_offset, uint64_t end_offset) {
  JoinedBlocks joined{first_offset, end_offset, {}};
  BlockWriter writer;
  Statement rows = database.prepare(
      "SELECT first_offset, ingested_time, data FROM block WHERE first_offset >= ? AND first_offset < ?"
      " ORDER BY first_offset");
  rows.bind(1, static_cast<int64_t>(first_offset)).bind(2, static_cast<int64_t>(end_offset));
  while (rows.step() == Step::kRow) {
    const auto block = decode_block(static_cast<uint64_t>(rows.integer(0)), rows.integer(1), rows.blob(2));
    if (!block.ok()) return block.error();
    if (base::Status status = add_records(**block, writer, joined); !status.ok()) return status.error();
  }
  if (!database.ok()) return base::Error{database.error()};
  return joined;
}
}  // namespace

base::Result<CompactionBite> next_compaction(DayReader& reader) {
  Database& database = reader.database();
  const auto done = static_cast<uint64_t>(database.integer("SELECT value FROM meta WHERE name='compacted_offset'"));
  const std::vector<Piece> pieces = pieces_above(database, done);
  if (!database.ok()) return base::Error{database.error()};
  const bool whole = pieces.size() < static_cast<size_t>(compaction_blocks);  // no block follows
  CompactionBite bite;
  for (size_t first = 0; first < pieces.size();) {
    const size_t end = run_end(pieces, first);
    if (end == pieces.size() && !whole && first > 0) break;  // the next bite may have more of it
    const uint64_t end_offset = pieces[end - 1].end_offset();
    if (end - first > 1) {
      auto joined = join(database, pieces[first].first_offset, end_offset);
      if (!joined.ok()) return joined.error();
      if (joined->blocks.size() < end - first) {
        bite.blocks_gone += end - first - joined->blocks.size();
        bite.joined.push_back(std::move(joined).value());
      }
    }
    bite.done_until = end_offset - 1;
    first = end;
  }
  return bite;
}

}  // namespace sluice::store
