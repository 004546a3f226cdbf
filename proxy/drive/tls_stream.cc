#include "proxy/drive/tls_stream.h"

#include <algorithm>
#include <utility>

namespace sluice::drive {

using Kind = net::IoResult::Kind;
using State = tls::Session::State;
using Stop = tls::Session::Read::Stop;

TlsStream::TlsStream(std::unique_ptr<net::Stream> carrier, tls::Session session, std::span<uint8_t> scratch,
                     base::Chunk early)
    : carrier_(std::move(carrier)), session_(std::move(session)), scratch_(scratch), ciphertext_(std::move(early)) {
  carrier_->set_handler(*this);
}

TlsStream::~TlsStream() {
  if (reset_ || dead_) return;
  session_.end_write();
  send();
}

void TlsStream::on_stream(net::Stream&) {
  if (session_.state() != State::kHandshaking) {
    send();
    update();
  }
  changed();
}

std::optional<tls::Session::Read> TlsStream::step(std::span<uint8_t> plaintext) {
  if (!ciphertext_.empty() || more_) {
    const tls::Session::Read read = session_.read(ciphertext_.view(), plaintext);
    ciphertext_.consume(read.consumed);
    return read;
  }
  if (dead_ || carrier_ended_ || !carrier_->readable()) return std::nullopt;
  const net::IoResult result = carrier_->read(scratch_);
  switch (result.kind) {
    case Kind::kBlocked: return std::nullopt;
    case Kind::kMoved: break;
    case Kind::kEnded:
      carrier_ended_ = true;
      session_.transport_ended();
      break;
    case Kind::kReset: dead_ = true; return std::nullopt;
  }
  carried_in_ += result.bytes;
  const base::ByteView fresh = scratch_.first(result.bytes);
  const tls::Session::Read read = session_.read(fresh, plaintext);
  ciphertext_.append(fresh.subspan(read.consumed));
  return read;
}

// Sends ciphertext. True when none is left.
bool TlsStream::send() {
  while (!dead_ && !session_.output().empty()) {
    if (!carrier_->writable()) return false;
    const net::IoResult result = carrier_->write(session_.output());
    if (result.kind == Kind::kReset) dead_ = true;
    if (result.kind == Kind::kBlocked) return false;
    carried_out_ += result.bytes;
    session_.consume_output(result.bytes);
  }
  if (!dead_ && end_written_ && !std::exchange(fin_sent_, true)) carrier_->shutdown_write();
  return true;
}

void TlsStream::update() {
  const bool open = session_.state() != State::kHandshaking;
  const bool news =
      dead_ || more_ || !ciphertext_.empty() || carrier_->readable() || session_.state() == State::kFailed;
  readable_ = open && news && !end_told_;
  // Where nothing can be written any more, the attempt says so.
  const bool dead = dead_ || session_.state() == State::kFailed;
  writable_ = open && !end_written_ && (dead || session_.output().empty() || carrier_->writable());
}

TlsStream::Handshake TlsStream::handshake() {
  while (session_.state() == State::kHandshaking) {
    const auto read = step({});
    if (!read || (!send() && read->stop == Stop::kOutputFull)) break;
  }
  send();
  if (dead_ || session_.state() == State::kFailed || session_.state() == State::kClosed) return Handshake::kFailed;
  if (session_.state() == State::kHandshaking) return Handshake::kGoingOn;
  more_ = true;  // what came behind the handshake may wait inside the session
  update();
  return Handshake::kDone;
}

net::IoResult TlsStream::read(std::span<uint8_t> into) {
  net::IoResult result;
  while (result.bytes < into.size() && !end_told_) {
    const auto read = step(into.subspan(result.bytes));
    if (!read && !dead_) break;
    if (read) {
      result.bytes += read->produced;
      more_ = read->stop == Stop::kPlaintextFull;
    }
    const bool ended = dead_ || read->stop == Stop::kEnded || read->stop == Stop::kFailed;
    if (!ended && !(read->stop == Stop::kOutputFull && !send())) continue;
    more_ = ended;  // the next read tells the end
    if (ended && result.bytes == 0) {
      end_told_ = true;
      cut_ = !dead_ && session_.failure() != nullptr && session_.failure()->kind == tls::Failure::Kind::kTruncated;
      result.kind = cut_ || (!dead_ && read->stop == Stop::kEnded) ? Kind::kEnded : Kind::kReset;
    }
    break;
  }
  send();
  update();
  if (result.bytes > 0) result.kind = Kind::kMoved;
  return result;
}

net::IoResult TlsStream::write(base::ByteView bytes) {
  if (dead_ || session_.state() == State::kFailed) return {Kind::kReset, 0, 0};
  size_t accepted = 0;
  while (accepted < bytes.size()) {
    const tls::Session::Written written = session_.write(bytes.subspan(accepted));
    accepted += written.accepted;
    const bool sent = send();
    if (dead_ || written.stop == tls::Session::Written::Stop::kFailed) return {Kind::kReset, 0, 0};
    if (!sent || (written.accepted == 0 && written.stop != tls::Session::Written::Stop::kOutputFull)) break;
  }
  update();
  return accepted > 0 ? net::IoResult{Kind::kMoved, accepted, 0} : net::IoResult{};
}

void TlsStream::shutdown_write() {
  if (std::exchange(end_written_, true)) return;
  session_.end_write();
  send();
  update();
}

void TlsStream::reset_on_close() {
  reset_ = true;
  carrier_->reset_on_close();
}

}  // namespace sluice::drive
