#include "tests/sim/sim_wire.h"

#include <algorithm>

#include "events/ingest/decode.h"
#include "proxy/base/crc32c.h"
#include "proxy/report/frame.h"
#include "tests/sim/sim_flow.h"

namespace sluice::sim {

using Batch = events::v1::PublishRequest::Batch;
using Code = store::AppendResult::Code;

void SimWire::find_spools() {
  for (report::Spool* spool : root_.spools()) {
    const bool known = std::any_of(streams_.begin(), streams_.end(), [&](const auto& s) { return &s->spool == spool; });
    if (!known) streams_.push_back(std::make_unique<Stream>(*spool));
  }
}

void SimWire::live() {
  find_spools();
  Stream& stream = *streams_[random_.below(streams_.size())];
  if (!stream.welcomed) {
    greet(stream);
    return;
  }
  while (stream.under_way.size() < 3 && send(stream)) {
  }
  if (random_.percent(10) && stream.last.count() > 0) stream.under_way.push_back(stream.last);
  deliver(stream, random_.between(0, 3));
  // A cut: what is under way is gone, or was delivered and its answers are gone (deliver() loses answers too).
  if (random_.percent(8)) {
    stream.welcomed = false;
    stream.under_way.clear();
  }
}

void SimWire::drain() {
  faults_ = false;
  find_spools();
  for (auto& stream : streams_) {
    stream->welcomed = false;
    stream->under_way.clear();
    for (int rounds = 0; !stream->spool.all_committed(); ++rounds) {
      require(rounds < 10'000, "a spool is never drained");
      if (!stream->welcomed) greet(*stream);
      (void)send(*stream);
      deliver(*stream, 1);
    }
  }
}

void SimWire::greet(Stream& stream) {
  store::PendingHello hello;
  hello.hello = {stream.spool.producer_id(), "pop", "pop-sim"};
  std::vector<store::WriteItem> items;
  items.emplace_back(std::move(hello));
  if (!store_.commit(items, faults_)) return;
  const store::AppendResult& result = std::get<store::PendingHello>(items[0]).result;
  require(result.code == Code::kCommitted, "a hello is refused: " + result.message);
  stream.welcomed = true;
  stream.spool.commit(std::min(result.committed_seq, stream.spool.written_seq()));
  stream.reader.seek(result.committed_seq + 1);
}

bool SimWire::send(Stream& stream) {
  report::SpoolBatch read;
  if (!stream.reader.read(static_cast<uint32_t>(random_.between(1, 60)), report::batch_bytes_target, read))
    return false;
  std::vector<uint8_t> packed;
  const bool pack = report::pack_payload(read.payload, packed);
  const std::vector<uint8_t>& payload = pack ? packed : read.payload;
  Batch batch;
  batch.set_first_seq(read.first_seq);
  batch.set_count(read.count);
  batch.set_codec(static_cast<uint32_t>(pack ? report::Codec::kZstd : report::Codec::kNone));
  batch.set_crc32c(base::crc32c(payload));
  batch.set_payload(payload.data(), payload.size());
  stream.under_way.push_back(batch);
  stream.last = std::move(batch);
  return true;
}

store::PendingAppend SimWire::decoded(Stream& stream, Batch batch) {
  auto decoded = ingest::decode_batch(batch, {stream.spool.producer_id(), "pop", "pop-sim", "acme"});
  require(decoded.ok(), "a batch that a spool holds does not decode");
  store::PendingAppend item;
  item.batch = *std::move(decoded);
  return item;
}

// The store takes them in one group and answers, if anybody still listens.
void SimWire::deliver(Stream& stream, size_t batches) {
  std::vector<store::WriteItem> items;
  for (; batches > 0 && !stream.under_way.empty(); --batches) {
    items.emplace_back(decoded(stream, std::move(stream.under_way.front())));
    stream.under_way.pop_front();
  }
  if (items.empty()) return;
  const bool answered = store_.commit(items, faults_) && !(faults_ && random_.percent(10));
  if (!answered) {
    stream.welcomed = false;
    stream.under_way.clear();
    return;
  }
  for (store::WriteItem& item : items) {
    const store::AppendResult& result = std::get<store::PendingAppend>(item).result;
    if (result.code == Code::kCommitted) {
      stream.spool.commit(std::min(result.committed_seq, stream.spool.written_seq()));
    } else {
      require(result.code == Code::kOutOfRange, "a batch is refused: " + result.message);
      stream.welcomed = false;
      stream.under_way.clear();
    }
  }
}

}  // namespace sluice::sim
