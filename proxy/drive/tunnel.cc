#include "proxy/drive/tunnel.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "proxy/drive/limits.h"

namespace sluice::drive {

using Kind = net::IoResult::Kind;

Tunnel::Tunnel(net::Loop& loop, std::unique_ptr<TlsStream> connection, const http::TunnelSession::Options& options,
               std::span<uint8_t> plain, TunnelOwner& owner)
    : loop_(loop), connection_(std::move(connection)), session_(options, loop.now()), plain_(plain), owner_(&owner) {
  connection_->set_handler(*this);
  arm();
  loop_.soon(*this);  // sends our preface, and reads what came with the handshake
}

Tunnel::~Tunnel() {
  ended_ = true;  // streams hear of it below, and must not ask for anything any more
  loop_.not_soon(*this);
}

void Tunnel::drain() {
  if (drain_at_ != base::Time{} || ended_) return;
  session_.announce_drain();
  drain_at_ = loop_.now() + drain_notice;
  send_soon();
  arm();
}

// ---- events

void Tunnel::on_stream(net::Stream&) {
  receive();
  if (!connection_over_ && !ended_) owner_->on_tunnel_requests(*this);
  send();
  check_end();
  if (session_.streams() > 0 && !armed_for_flows_) arm();  // the first flow shortens the wait
}

void Tunnel::on_ready() {
  on_stream(*connection_);
}

void Tunnel::on_timer() {
  if (ended_) return;
  const base::Time now = loop_.now();
  if (drain_at_ != base::Time{} && now >= drain_at_) session_.drain();
  if (waits_for_answer()) {
    if (now >= look_at_) {
      connection_over_ = ++looks_ == ping_looks;  // the peer is dead, or the way to it
      look_at_ = now + answer_max() / ping_looks;
    }
  } else if (now >= session_.last_heard() + silence_max()) {
    connection_->session().release_buffers();  // it is quiet
    ping();
  }
  send();
  check_end();
  arm();
}

base::Duration Tunnel::silence_max() const {
  return session_.streams() > 0 ? ping_after : idle_ping_after;
}

base::Duration Tunnel::answer_max() const {
  return std::max(ping_answer, 4 * session_.round_trip().value_or(base::Duration(0)));
}

void Tunnel::ping() {
  session_.ping(loop_.now());
  look_at_ = loop_.now() + answer_max() / ping_looks;
  looks_ = 0;
}

void Tunnel::probe() {
  if (ended_ || waits_for_answer() || loop_.now() < session_.last_heard() + probe_after) return;
  ping();
  send_soon();
  arm();
}

// Hearing moves the deadline without a call: on_timer() looks again.
void Tunnel::arm() {
  if (ended_) return;
  armed_for_flows_ = session_.streams() > 0;
  base::Time wake = waits_for_answer() ? look_at_ : session_.last_heard() + silence_max();
  wake = std::max(wake, loop_.now() + base::Duration(1));
  if (drain_at_ > loop_.now()) wake = std::min(wake, drain_at_);
  loop_.timers().arm(*this, wake);
}

void Tunnel::check_end() {
  const bool over = connection_over_ || (session_.finished() && unsent_.empty());
  if (ended_) return;
  if (over) {
    ended_ = true;
    loop_.timers().disarm(*this);
    owner_->on_tunnel_ended(*this);
    return;
  }
  const bool measured = session_.round_trip().has_value() && !round_trip_told_;
  const bool drains = session_.draining() && !draining_told_;
  if (!measured && !drains) return;
  round_trip_told_ = session_.round_trip().has_value();
  draining_told_ = session_.draining();
  owner_->on_tunnel_news(*this);
}

// ---- bytes

void Tunnel::receive() {
  for (int i = 0; i < moves_per_turn_max; ++i) {
    if (connection_over_ || ended_ || !connection_->readable()) return;
    const net::IoResult result = connection_->read(plain_);
    if (result.kind == Kind::kBlocked) return;
    if (result.kind != Kind::kMoved) {
      connection_over_ = true;
      return;
    }
    if (session_.finished()) continue;  // our GOAWAY is on its way: what still comes is dropped
    session_.receive(plain_.first(result.bytes), loop_.now());
    if (std::exchange(look_at_, base::Time{}) != base::Time{}) arm();
    session_.dispatch();
  }
  loop_.soon(*this);  // other connections get their turn
}

// Frames are gathered, so that small ones leave in one TLS record and the records of bulk in one write.
void Tunnel::send() {
  if (connection_over_ || ended_ || !write_unsent()) return;
  const std::span<uint8_t> batch = plain_;  // nobody needs what was read last any more
  size_t filled = 0;
  const auto flush = [&](base::ByteView bytes) {
    if (bytes.empty()) return true;
    const net::IoResult result = connection_->write(bytes);
    if (result.kind == Kind::kReset) connection_over_ = true;
    if (result.bytes < bytes.size()) unsent_.append(bytes.subspan(result.bytes));
    return result.bytes == bytes.size();
  };
  while (true) {
    const base::ByteView frame = connection_->writable() ? session_.output() : base::ByteView{};
    if (frame.empty()) break;
    if (filled + frame.size() > batch.size()) {
      const bool sent = flush({batch.data(), std::exchange(filled, 0)});
      if (!sent) {
        unsent_.append(frame);
        break;
      }
    }
    std::memcpy(batch.data() + filled, frame.data(), frame.size());
    filled += frame.size();
  }
  flush(batch.first(filled));
  session_.dispatch();  // streams that have room again
}

bool Tunnel::write_unsent() {
  while (!unsent_.empty()) {
    const net::IoResult result = connection_->write(unsent_.view());
    if (result.kind == Kind::kReset) connection_over_ = true;
    if (result.kind != Kind::kMoved) return false;
    unsent_.consume(result.bytes);
  }
  return true;
}

}  // namespace sluice::drive
