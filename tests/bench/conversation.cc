#include "tests/bench/conversation.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstring>
#include <string_view>

namespace sluice::bench {
namespace {

constexpr size_t head_bytes_max = 16 * 1024;      // no proxy under test answers with more
constexpr size_t discard_bytes_max = 256 * 1024;  // taken from the socket at once
constexpr std::string_view end_of_head = "\r\n\r\n";

// "HTTP/1.1 200 OK" -> "200"; empty when the line is no status line.
std::string_view status_of(std::string_view head) {
  return head.starts_with("HTTP/1.") && head.size() >= 12 ? head.substr(9, 3) : std::string_view{};
}

std::optional<uint64_t> content_length_of(std::string_view head) {
  constexpr std::string_view name = "\r\nContent-Length: ";
  const size_t at = head.find(name);
  if (at == std::string_view::npos) return std::nullopt;
  const std::string_view digits = head.substr(at + name.size());
  uint64_t length = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), length);
  if (error != std::errc{} || end == digits.data()) return std::nullopt;
  return length;
}

}  // namespace

Conversation::Conversation(const Work& work) : work_(work), channel_(dial(work.to)), requests_left_(work.requests) {
  if (!channel_.socket()) stage_ = *failed("cannot dial");
}

Stage Conversation::advance() {
  while (const Next next = visit()) stage_ = *next;
  return stage_;
}

Conversation::Next Conversation::visit() {
  switch (stage_) {
    case Stage::kDialling: return on_connected();
    case Stage::kAskingTunnel: return send_pending(Stage::kAwaitingTunnel);
    case Stage::kAwaitingTunnel: return read_tunnel_head();
    case Stage::kHandshaking: return shake_hands();
    case Stage::kRequesting: return send_pending(Stage::kAwaitingHead);
    case Stage::kAwaitingHead: return read_reply_head();
    case Stage::kReadingBody: return read_body();
    case Stage::kHolding: return read_while_holding();
    case Stage::kDone:
    case Stage::kFailed: return std::nullopt;
  }
  return std::nullopt;
}

Conversation::Next Conversation::failed(std::string reason) {
  reason_ = std::move(reason);
  channel_ = Channel();
  return Stage::kFailed;
}

Conversation::Next Conversation::on_connected() {
  if (const int error = socket_error(channel_.socket())) return failed(std::strerror(error));
  return work_.tunnel.empty() ? begin_payload() : begin_tunnel();
}

Stage Conversation::begin_tunnel() {
  pending_ = "CONNECT " + work_.tunnel + " HTTP/1.1\r\nHost: " + work_.tunnel + "\r\n\r\n";
  return Stage::kAskingTunnel;
}

Stage Conversation::begin_payload() {
  if (!work_.tls) return begin_request();
  channel_.begin_client_tls(work_.tls, work_.server_name);
  return Stage::kHandshaking;
}

Stage Conversation::begin_request() {
  pending_ = "GET /" + std::to_string(work_.body_bytes) + " HTTP/1.1\r\nHost: " + work_.server_name +
             "\r\nAccept: */*\r\n\r\n";
  return Stage::kRequesting;
}

Conversation::Next Conversation::send_pending(Stage then) {
  while (!pending_.empty()) {
    const Channel::Moved moved = channel_.write(pending_);
    if (moved.outcome == Channel::Outcome::kWait) return std::nullopt;
    if (moved.outcome != Channel::Outcome::kDone) return failed("connection lost while sending");
    pending_.erase(0, moved.bytes);
  }
  head_.clear();
  return then;
}

Channel::Moved Conversation::read_head() {
  std::array<char, 4096> part;
  while (true) {
    const Channel::Moved moved = channel_.read(part);
    if (moved.outcome != Channel::Outcome::kDone) return moved;
    head_.append(part.data(), moved.bytes);
    const size_t end = head_.find(end_of_head);
    if (end != std::string::npos) return {Channel::Outcome::kDone, end + end_of_head.size()};
    if (head_.size() > head_bytes_max) return {Channel::Outcome::kFailed, 0};
  }
}

Conversation::Next Conversation::read_tunnel_head() {
  const Channel::Moved head = read_head();
  if (head.outcome == Channel::Outcome::kWait) return std::nullopt;
  if (head.outcome != Channel::Outcome::kDone) return failed("no answer to CONNECT");
  const std::string_view status = status_of(head_);
  if (!status.starts_with('2')) return failed("CONNECT answered with '" + std::string(status) + "'");
  if (head_.size() != head.bytes) return failed("bytes behind the answer to CONNECT");
  return begin_payload();
}

Conversation::Next Conversation::shake_hands() {
  switch (channel_.handshake()) {
    case Channel::Outcome::kDone: return begin_request();
    case Channel::Outcome::kWait: return std::nullopt;
    case Channel::Outcome::kEnd:
    case Channel::Outcome::kFailed: break;
  }
  return failed("TLS handshake failed");
}

Conversation::Next Conversation::read_reply_head() {
  const Channel::Moved head = read_head();
  if (head.outcome == Channel::Outcome::kWait) return std::nullopt;
  if (head.outcome != Channel::Outcome::kDone) return failed("no reply");
  const std::string_view status = status_of(head_);
  if (status != "200") return failed("reply with status '" + std::string(status) + "'");
  const uint64_t arrived = head_.size() - head.bytes;
  if (content_length_of(std::string_view(head_).substr(0, head.bytes)) != work_.body_bytes ||
      arrived > work_.body_bytes) {
    return failed("reply with a wrong length");
  }
  body_left_ = work_.body_bytes - arrived;
  return Stage::kReadingBody;
}

Conversation::Next Conversation::read_body() {
  while (body_left_ > 0) {
    const Channel::Moved moved = channel_.discard(std::min<uint64_t>(body_left_, discard_bytes_max));
    if (moved.outcome == Channel::Outcome::kWait) return std::nullopt;
    if (moved.outcome != Channel::Outcome::kDone) return failed("reply cut short");
    body_left_ -= moved.bytes;
  }
  if (--requests_left_ > 0) return begin_request();
  if (work_.hold) return Stage::kHolding;
  channel_.close();
  return Stage::kDone;
}

Conversation::Next Conversation::read_while_holding() {
  const Channel::Moved moved = channel_.discard(1);
  if (moved.outcome == Channel::Outcome::kWait) return std::nullopt;
  return failed("not kept open");
}

}  // namespace sluice::bench
