// Compression of batch payloads: the only place of this folder that speaks zstd.
#include <zstd.h>

#include <memory>

#include "proxy/report/frame.h"
#include "proxy/report/limits.h"

namespace sluice::report {

namespace {

// Level 1: on event records it compresses four to five times at a cost of about a microsecond per record.
constexpr int zstd_level = 1;

struct FreeContext {
  void operator()(ZSTD_CCtx* context) const { ZSTD_freeCCtx(context); }
  void operator()(ZSTD_DCtx* context) const { ZSTD_freeDCtx(context); }
};

}  // namespace

base::Result<base::ByteView> unpack_payload(uint32_t codec, base::ByteView payload, std::vector<uint8_t>& buffer) {
  if (payload.size() > batch_bytes_max) return base::Error{"the batch is larger than batch_bytes_max"};
  if (codec == static_cast<uint32_t>(Codec::kNone)) return payload;
  if (codec != static_cast<uint32_t>(Codec::kZstd)) return base::Error{"the batch has an unknown codec"};
  const unsigned long long size = ZSTD_getFrameContentSize(payload.data(), payload.size());
  if (size == ZSTD_CONTENTSIZE_ERROR || size == ZSTD_CONTENTSIZE_UNKNOWN) {
    return base::Error{"the batch is not one zstd frame that names its size"};
  }
  if (size > batch_bytes_max) return base::Error{"the batch is larger than batch_bytes_max when decompressed"};
  // Contexts are dear to make (hundreds of KiB); one per thread is kept.
  thread_local std::unique_ptr<ZSTD_DCtx, FreeContext> context(ZSTD_createDCtx());
  if (!context) return base::Error{"no memory for decompression"};
  buffer.resize(static_cast<size_t>(size));
  const size_t got = ZSTD_decompressDCtx(context.get(), buffer.data(), buffer.size(), payload.data(), payload.size());
  if (ZSTD_isError(got) != 0 || got != buffer.size()) return base::Error{"the batch does not decompress"};
  return base::ByteView(buffer);
}

bool pack_payload(base::ByteView payload, std::vector<uint8_t>& out) {
  if (payload.size() < compress_bytes_min) return false;
  thread_local std::unique_ptr<ZSTD_CCtx, FreeContext> context(ZSTD_createCCtx());
  if (!context) return false;
  // Less room than the payload: zstd stops where compression stops paying.
  out.resize(payload.size() - payload.size() / 8);
  const size_t got =
      ZSTD_compressCCtx(context.get(), out.data(), out.size(), payload.data(), payload.size(), zstd_level);
  if (ZSTD_isError(got) != 0) return false;
  out.resize(got);
  return true;
}

}  // namespace sluice::report
