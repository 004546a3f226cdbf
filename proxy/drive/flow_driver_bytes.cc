// FlowDriver: moving bytes between its connections and its machine.
#include <utility>

#include "proxy/drive/flow_driver.h"
#include "proxy/drive/limits.h"

namespace sluice::drive {

using flow::CloseReason;
using flow::Side;
using Kind = net::IoResult::Kind;

flow::SpliceBytes FlowDriver::spliced() const {
  if (splicer_) return splicer_->bytes();
  return {machine_->record().client_bytes, machine_->record().server_bytes};
}

flow::SpliceBytes FlowDriver::take_splicer() {
  const flow::SpliceBytes bytes = splicer_->bytes();
  totals_.client_in += bytes.client - held_bytes_;  // what was held was counted when it was read
  totals_.client_out += bytes.server;
  splicer_.reset();
  return bytes;
}

void FlowDriver::service() {
  if (closed_ || handling_ || waiting_for_records_) return;
  if (closing_) return finish_sending();
  flush(Side::kClient);  // both before any reading: what one side takes lets the other be read
  flush(Side::kOrigin);
  for (flow::LegIndex leg = 1; leg <= further_.size(); ++leg) flush(Side::kOrigin, leg);
  if (!splicer_) service(Side::kClient, 0);
  if (!splicer_) service(Side::kOrigin, 0);
  for (flow::LegIndex leg = 1; leg <= further_.size(); ++leg) service(Side::kOrigin, leg);
  if (splicer_ && !closed_ && !waiting_for_records_) run_splicer();
}

void FlowDriver::service(Side side, flow::LegIndex leg) {
  FlowEnd& from = end(side, leg);
  for (int moves = 0; may_read(side, leg); ++moves) {
    if (moves == moves_per_turn_max) return host_.loop.soon(*this);
    const TlsStream* tls = tls_of(side, leg);
    const std::span<uint8_t> buffer = tls != nullptr ? host_.buffer : host_.buffer.first(first_read_bytes_max);
    const net::IoResult result = from.stream->read(buffer);
    switch (result.kind) {
      case Kind::kMoved:
        if (side == Side::kClient && tls == nullptr) totals_.client_in += result.bytes;
        if (side == Side::kOrigin && tls != nullptr) tls_at(leg)->keep_sessions();
        deliver(flow::Received{side, base::Chunk::copy_of(buffer.first(result.bytes)), leg});
        break;
      case Kind::kEnded:
        from.read_ended = true;
        deliver(flow::ReadEnded{side, tls != nullptr && tls->cut(), leg});
        break;
      case Kind::kReset:
        from.read_ended = true;
        deliver(flow::Reset{side, leg});
        break;
      case Kind::kBlocked: return;
    }
  }
}

// What one side does not take, the other keeps; a machine with further legs bounds what it sends to each by itself.
bool FlowDriver::may_read(Side side, flow::LegIndex leg) {
  const FlowEnd& from = end(side, leg);
  const bool wanted = from.stream && from.stream->readable() && from.holds == 0 && !from.read_ended;
  const bool free = !splicer_ && !closed_ && !closing_ && !waiting_for_records_;
  return wanted && free && end(flow::other(side)).unsent.size() < unsent_bytes_max;
}

// Bytes that were recorded as sent and never left: the books stay even.
void FlowDriver::drop_unsent(Side side, flow::LegIndex leg) {
  FlowEnd& to = end(side, leg);
  if (side == Side::kClient) totals_.client_out += to.unsent.size();
  to.unsent.release();
}

// True when nothing is left to be sent.
bool FlowDriver::flush(Side side, flow::LegIndex leg) {
  FlowEnd& to = end(side, leg);
  if (!to.stream) return true;
  while (!to.unsent.empty() && to.stream->writable()) {
    const net::IoResult result = to.stream->write(to.unsent.view());
    if (result.kind == Kind::kReset) {
      drop_unsent(side, leg);  // reading says so too, and the machine hears it there
      break;
    }
    if (side == Side::kClient && tls_of(side, leg) == nullptr) totals_.client_out += result.bytes;
    to.unsent.consume(result.bytes);
  }
  if (to.unsent.empty() && to.end_write) {
    to.end_write = false;
    to.stream->shutdown_write();
  }
  const bool all_sent = to.unsent.empty() && to.stream->drained();
  if (to.unsent.empty() && std::exchange(to.tell_sent, false)) deliver(flow::Sent{side, leg});  // may end the flow
  return all_sent;
}

void FlowDriver::run_splicer() {
  if (!flush(Side::kClient)) return;  // our reply goes before the origin's bytes
  const auto ended = splicer_->run(host_.loop.now());
  if (ended) {
    if (ended->reset) end(flow::other(*ended->reset)).abort = true;
    const flow::SpliceBytes bytes = take_splicer();
    deliver(flow::SpliceEnded{bytes, ended->reason});
  } else if (splicer_->wants_turn()) {
    host_.loop.soon(*this);
  }
}

}  // namespace sluice::drive
