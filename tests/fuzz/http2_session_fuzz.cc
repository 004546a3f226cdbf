// An inspected HTTP/2 connection hears anything, in either role: it must neither break, nor hand out a message that our
// rules forbid, nor keep more than its bounds. Behind it two sessions relay what was heard: what one sends as content
// the other's events give, byte for byte.
// Input: one byte of options (bit 0: role, bit 1: byte by byte), then what the peer sends.
#include <algorithm>
#include <cstdint>
#include <map>
#include <string>

#include "proxy/base/assert.h"
#include "proxy/http/http2_session.h"
#include "proxy/http/limits.h"
#include "proxy/wire/http1_fields.h"

namespace {

using namespace sluice;
using namespace sluice::http;

constexpr size_t output_bytes = size_t{16} * 1024;

void check_fields(const Fields& fields) {
  size_t bytes = 0;
  for (const Field& field : fields) {
    SLUICE_ASSERT(wire::is_token(field.name) && wire::is_field_value(field.value));
    SLUICE_ASSERT(std::none_of(field.name.begin(), field.name.end(), [](char c) { return c >= 'A' && c <= 'Z'; }));
    SLUICE_ASSERT(field.name != "connection" && field.name != "transfer-encoding" && field.name != "host");
    bytes += field.name.size() + field.value.size();
  }
  SLUICE_ASSERT(bytes <= response_list_bytes_max);
}

// What one session hears goes out through another pair, whose far end must hear the same.
class Relay {
 public:
  explicit Relay(base::Time now)
      : near_({.role = Http2Session::Role::kClient}, now), far_({.role = Http2Session::Role::kServer}, now) {}

  void take(SessionEvents&& events, Http2Session& heard, base::Time now) {
    for (SessionEvent& event : events) std::visit([&](auto& one) { on(one, heard); }, event);
    carry(now);
  }
  void check() const {
    for (const auto& [stream, text] : sent_) {
      const auto arrived = arrived_.find(stream);
      SLUICE_ASSERT(arrived == arrived_.end() || text.starts_with(arrived->second));
      SLUICE_ASSERT(near_.unsent(stream) > 0 || dropped_.contains(stream) || near_.streams() == 0 ||
                    (arrived != arrived_.end() ? arrived->second.size() : 0) == text.size());
    }
  }

 private:
  StreamId of(StreamId stream) {
    const auto found = relayed_.find(stream);
    return found == relayed_.end() ? 0 : found->second;
  }
  void on(RequestReceived& event, Http2Session& heard) {
    check_fields(event.request.fields);
    SLUICE_ASSERT(wire::is_token(event.request.method));
    SLUICE_ASSERT(event.request.path.starts_with('/') || event.request.path == "*");
    relayed_[event.stream] = near_.send_request(event.request, event.end);
    Response response;
    response.status = event.request.websocket ? 101 : 200;
    response.body = {event.request.websocket ? BodyKind::kNone : BodyKind::kChunked};
    heard.send_response(event.stream, response, false);
  }
  void on(RequestRefused& event, Http2Session& heard) {
    SLUICE_ASSERT(!event.problem.text.empty());
    Response response;
    response.status = 400;
    if (!event.reset) heard.send_response(event.stream, response, true);
  }
  void on(ResponseReceived& event, Http2Session&) {
    check_fields(event.response.fields);
    SLUICE_ASSERT(event.response.status >= 100 && event.response.status <= 999);
  }
  void on(DataReceived& event, Http2Session& heard) {
    SLUICE_ASSERT(!event.bytes.empty());
    heard.consumed(event.stream, event.bytes.size());
    heard.send_data(event.stream, base::Chunk::copy_of(event.bytes.view()));
    const StreamId stream = of(event.stream);
    if (stream == 0) return;
    sent_[stream] += event.bytes.text();
    near_.send_data(stream, std::move(event.bytes));
  }
  void on(StreamEnded& event, Http2Session& heard) {
    check_fields(event.trailers);
    heard.send_end(event.stream, event.trailers);
    if (const StreamId stream = of(event.stream)) near_.send_end(stream, event.trailers);
  }
  void on(StreamReset& event, Http2Session&) {
    const StreamId stream = of(event.stream);
    dropped_[stream] = true;
    if (stream != 0) near_.reset(stream, Http2Code::kCancel);
  }
  void on(DataSent& event, Http2Session&) { SLUICE_ASSERT(event.bytes > 0); }
  void on(StreamClosed&, Http2Session&) {}
  void on(GoAwayReceived&, Http2Session&) {}
  void on(ConnectionFailed&, Http2Session& heard) {
    SLUICE_ASSERT(!heard.may_open_stream());
    for (const auto& [theirs, ours] : relayed_) dropped_[ours] = true;
  }

  void carry(base::Time now) {
    for (bool moved = true; moved;) {
      const base::Chunk up = near_.take_output(output_bytes);
      far_.receive(up.view(), now);
      for (SessionEvent& event : far_.take_events()) hear(event);
      const base::Chunk down = far_.take_output(output_bytes);
      near_.receive(down.view(), now);
      for (const SessionEvent& event : near_.take_events()) {
        SLUICE_ASSERT(!std::holds_alternative<ConnectionFailed>(event));
      }
      moved = !up.empty() || !down.empty();
    }
  }
  void hear(SessionEvent& event) {
    // Whatever our rules let through once, they let through again.
    SLUICE_ASSERT(!std::holds_alternative<ConnectionFailed>(event));
    SLUICE_ASSERT(!std::holds_alternative<RequestRefused>(event));
    if (const auto* data = std::get_if<DataReceived>(&event)) {
      arrived_[data->stream] += data->bytes.text();
      far_.consumed(data->stream, data->bytes.size());
    }
  }

  Http2Session near_, far_;
  std::map<StreamId, StreamId> relayed_;  // as heard, to that of near_
  std::map<StreamId, std::string> sent_, arrived_;
  std::map<StreamId, bool> dropped_;
};

void run(Http2Session::Role role, size_t piece, base::ByteView bytes) {
  base::Time now{base::Duration(1'000)};
  Http2Session session({.role = role, .streams_max = 10}, now);
  Relay relay(now);
  if (role == Http2Session::Role::kClient) {
    Request request;
    request.method = "GET";
    request.authority = *wire::parse_authority("a.example", 443);
    request.path = "/";
    for (int i = 0; i < 3; ++i) SLUICE_ASSERT(session.send_request(request, i != 0) == 2 * i + 1);
  }
  for (size_t at = 0; at < bytes.size() && !session.finished(); at += piece) {
    session.receive(bytes.subspan(at, std::min(piece, bytes.size() - at)), now);
    relay.take(session.take_events(), session, now);
    while (!session.take_output(output_bytes).empty()) relay.take(session.take_events(), session, now);
    relay.take(session.take_events(), session, now);
    SLUICE_ASSERT(session.streams() <= 11);
    now += base::Duration(1);
  }
  relay.check();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0) return 0;
  const auto role = (data[0] & 1) != 0 ? Http2Session::Role::kClient : Http2Session::Role::kServer;
  run(role, (data[0] & 2) != 0 ? 1 : size, {data + 1, size - 1});
  return 0;
}
