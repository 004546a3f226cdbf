#include "proxy/drive/splicer.h"

#include "proxy/drive/limits.h"
#include "proxy/net/tcp_stream.h"

namespace sluice::drive {

using flow::CloseReason;
using flow::Side;
using Kind = net::IoResult::Kind;

Splicer::Splicer(net::Stream& client, net::Stream& origin, PipePool& pipes, std::span<uint8_t> buffer,
                 flow::Splice&& splice, base::Time now)
    : pipes_(pipes),
      buffer_(buffer),
      idle_(splice.idle),
      half_open_(splice.half_open),
      plain_(client.socket() != nullptr && origin.socket() != nullptr),
      last_moved_(now),
      first_ended_(splice.client_ended ? Side::kClient : Side::kOrigin),
      up_(client, origin, std::move(splice.to_origin), splice.client_ended),
      down_(origin, client, std::move(splice.to_client), splice.origin_ended) {}

Splicer::~Splicer() {
  drop_pipe(up_);
  drop_pipe(down_);
}

base::Time Splicer::deadline() const {
  return last_moved_ + (up_.ended != down_.ended ? half_open_ : idle_);
}

CloseReason Splicer::deadline_reason() const {
  return up_.ended != down_.ended ? CloseReason::kHalfOpenTimeout : CloseReason::kIdleTimeout;
}

std::optional<Splicer::End> Splicer::run(base::Time now) {
  const uint64_t before = up_.received + up_.sent + down_.received + down_.sent;
  const bool ended_before = up_.ended || down_.ended;
  run(up_);
  if (!ended_before && up_.ended) first_ended_ = Side::kClient;
  run(down_);
  if (!ended_before && !up_.ended && down_.ended) first_ended_ = Side::kOrigin;
  if (before != up_.received + up_.sent + down_.received + down_.sent) last_moved_ = now;
  return end();
}

std::optional<Splicer::End> Splicer::end() const {
  if (up_.finished && down_.finished) {
    if (!up_.to->drained() || !down_.to->drained()) return std::nullopt;  // it says when there is room again
    return End{first_ended_ == Side::kClient ? CloseReason::kClientClosed : CloseReason::kOriginClosed, {}};
  }
  // A dead side: what it had sent is still delivered (the kernel keeps it readable), then the other is told.
  for (const Side side : {Side::kClient, Side::kOrigin}) {
    const Pump& from_side = side == Side::kClient ? up_ : down_;
    const Pump& to_side = side == Side::kClient ? down_ : up_;
    if (!from_side.source_dead && !to_side.sink_dead) continue;
    const bool delivered = from_side.pending.empty() && from_side.piped == 0 &&
                           (from_side.source_dead || from_side.ended || !from_side.from->readable());
    if (!delivered && !from_side.sink_dead) continue;
    const bool client = side == Side::kClient;
    if (from_side.ended) {  // it had said goodbye before: an ordinary end from its side
      return End{client ? CloseReason::kClientClosed : CloseReason::kOriginClosed, {}};
    }
    return End{client ? CloseReason::kClientReset : CloseReason::kOriginReset, side};
  }
  return std::nullopt;
}

void Splicer::run(Pump& pump) {
  pump.wants_turn = false;
  const uint64_t before = pump.received;
  for (int i = 0; i < moves_per_turn_max; ++i) {
    if (!flush(pump)) return;
    if (pump.ended || pump.source_dead) {
      if (pump.ended && !pump.finished) finish(pump);
      drop_pipe(pump);
      return;
    }
    if (!pump.from->readable() || pump.sink_dead) break;
    if (!(pump.pipe ? splice(pump) : copy(pump))) break;
  }
  if (pump.ended || pump.from->readable()) {
    pump.wants_turn = !pump.sink_dead && !pump.source_dead && !pump.finished;
  } else if (pump.pipe && pump.received - before < pipe_keep_bytes) {
    drop_pipe(pump);
  }
}

void Splicer::finish(Pump& pump) {
  pump.finished = true;
  // The second FIN comes with the close that follows at once.
  if (!(up_.finished && down_.finished)) pump.to->shutdown_write();
}

// True when nothing read is left to be written.
bool Splicer::flush(Pump& pump) {
  while (!pump.pending.empty() || pump.piped > 0) {
    if (pump.sink_dead || !pump.to->writable()) return false;
    const net::IoResult result = pump.pending.empty()
                                     ? pump.to->socket()->splice_from_pipe(pump.pipe->read_end(), pump.piped)
                                     : pump.to->write(pump.pending.view());
    if (result.kind == Kind::kBlocked) return false;
    if (result.kind != Kind::kMoved) {
      pump.sink_dead = true;
      return false;
    }
    pump.sent += result.bytes;
    if (pump.pending.empty()) {
      pump.piped -= result.bytes;
    } else {
      pump.pending.consume(result.bytes);
    }
  }
  return !pump.sink_dead;
}

void Splicer::note_source(Pump& pump, const net::IoResult& result) {
  if (result.kind == Kind::kEnded) pump.ended = true;
  if (result.kind == Kind::kReset) pump.source_dead = true;
}

// True when it is worth going on.
bool Splicer::copy(Pump& pump) {
  const net::IoResult read = pump.from->read(buffer_);
  if (read.kind != Kind::kMoved) {
    note_source(pump, read);
    return read.kind != Kind::kBlocked;
  }
  pump.received += read.bytes;
  const base::ByteView bytes = buffer_.first(read.bytes);
  size_t written = 0;
  if (pump.to->writable()) {
    const net::IoResult write = pump.to->write(bytes);
    if (write.kind == Kind::kReset) {
      pump.sink_dead = true;
      return false;
    }
    written = write.bytes;
    pump.sent += written;
  }
  if (written < bytes.size()) pump.pending = base::Chunk::copy_of(bytes.subspan(written));
  if (plain_ && read.bytes == buffer_.size()) pump.pipe = pipes_.take();
  return true;
}

bool Splicer::splice(Pump& pump) {
  const net::IoResult result = pump.from->socket()->splice_to_pipe(pump.pipe->write_end(), pipe_bytes);
  if (result.kind != Kind::kMoved) {
    note_source(pump, result);
    return result.kind != Kind::kBlocked;
  }
  pump.received += result.bytes;
  pump.piped += result.bytes;
  return true;
}

void Splicer::drop_pipe(Pump& pump) {
  // A pipe with bytes in it must not be used for another flow.
  if (pump.pipe && pump.piped == 0) pipes_.give_back(std::move(pump.pipe));
  pump.pipe.reset();
  pump.piped = 0;
}

}  // namespace sluice::drive
