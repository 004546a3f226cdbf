#include "events/store/block.h"

#include <google/protobuf/io/coded_stream.h>
#include <zstd.h>

#include <limits>

#include "events/store/limits.h"
#include "proxy/base/assert.h"

namespace sluice::store {
namespace {
constexpr size_t varint_bytes_max = 5;
// Of a block: full() is checked after each record, so one record may stand above the limit.
constexpr size_t raw_bytes_max = block_bytes_max + record_bytes_max + block_records_max * varint_bytes_max;

base::Error damaged(const char* what) {
  return base::Error{std::string("a stored block is damaged: ") + what};
}
}  // namespace

void BlockWriter::Free::operator()(ZSTD_CCtx_s* context) const {
  ZSTD_freeCCtx(context);
}

BlockWriter::BlockWriter() : context_(ZSTD_createCCtx()) {
  SLUICE_ASSERT(context_ != nullptr);
}
BlockWriter::~BlockWriter() = default;

void BlockWriter::add(std::string_view record) {
  uint8_t length[varint_bytes_max];
  const uint8_t* end =
      google::protobuf::io::CodedOutputStream::WriteVarint32ToArray(static_cast<uint32_t>(record.size()), length);
  raw_.append(reinterpret_cast<const char*>(length), static_cast<size_t>(end - length));
  raw_.append(record);
  ++count_;
}

bool BlockWriter::full() const {
  return count_ >= block_records_max || raw_.size() >= block_bytes_max;
}

std::string_view BlockWriter::finish() {
  compressed_.resize(ZSTD_compressBound(raw_.size()));
  const size_t size = ZSTD_compressCCtx(context_.get(), compressed_.data(), compressed_.size(), raw_.data(),
                                        raw_.size(), block_zstd_level);
  SLUICE_ASSERT(!ZSTD_isError(size));  // the space suffices, and there is no other reason
  raw_.clear();
  count_ = 0;
  return {compressed_.data(), size};
}

bool Block::parse(uint64_t offset, events::v1::Record& record) const {
  const std::string_view bytes = records[offset - first_offset];
  if (!record.ParseFromArray(bytes.data(), static_cast<int>(bytes.size()))) return false;
  if (ingested_time > 0 && record.has_page_event()) record.mutable_page_event()->set_ingested_time(ingested_time);
  return true;
}

base::Result<std::shared_ptr<const Block>> decode_block(uint64_t first_offset, int64_t ingested_time,
                                                        std::string_view data) {
  auto block = std::make_shared<Block>();
  block->first_offset = first_offset;
  block->ingested_time = ingested_time;
  const unsigned long long size = ZSTD_getFrameContentSize(data.data(), data.size());
  if (size == ZSTD_CONTENTSIZE_ERROR || size == ZSTD_CONTENTSIZE_UNKNOWN) return damaged("no zstd frame");
  if (size > raw_bytes_max) return damaged("too large");
  block->raw.resize(static_cast<size_t>(size));
  // A context is dear to make; one per thread is kept.
  thread_local const std::unique_ptr<ZSTD_DCtx, size_t (*)(ZSTD_DCtx*)> context(ZSTD_createDCtx(), &ZSTD_freeDCtx);
  if (!context) return base::Error{"no memory for decompression"};
  const size_t got = ZSTD_decompressDCtx(context.get(), block->raw.data(), block->raw.size(), data.data(), data.size());
  if (ZSTD_isError(got) || got != block->raw.size()) return damaged("zstd cannot read it");
  google::protobuf::io::CodedInputStream input(reinterpret_cast<const uint8_t*>(block->raw.data()),
                                               static_cast<int>(block->raw.size()));
  while (static_cast<size_t>(input.CurrentPosition()) < block->raw.size()) {
    uint32_t length = 0;
    if (!input.ReadVarint32(&length)) return damaged("length");
    const auto at = static_cast<size_t>(input.CurrentPosition());
    if (length > block->raw.size() - at) return damaged("a record passes its end");
    block->records.emplace_back(block->raw.data() + at, length);
    input.Skip(static_cast<int>(length));
  }
  return std::shared_ptr<const Block>(std::move(block));
}

}  // namespace sluice::store
