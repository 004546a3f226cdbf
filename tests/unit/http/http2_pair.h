#pragma once
// A client and a server session back to back: what one sends the other receives, in pieces as small as a test likes.
#include <algorithm>
#include <memory>
#include <string>

#include "proxy/http/http2_session.h"

namespace sluice::http::test {

inline base::Time time_ms(int64_t ms) {
  return base::Time(base::Duration(1'000'000 + ms));
}

inline Request get(const std::string& path = "/") {
  Request request;
  request.method = "GET";
  request.authority = *wire::parse_authority("a.example", 443);
  request.path = path;
  return request;
}

inline Request post(const std::string& path = "/", BodyFraming body = {BodyKind::kChunked}) {
  Request request = get(path);
  request.method = "POST";
  request.body = body;
  return request;
}

inline Response answer(int status, BodyFraming body = {BodyKind::kChunked}) {
  Response response;
  response.status = status;
  response.body = body;
  return response;
}

// The first event of a kind, null without.
template <class Kind>
Kind* first(SessionEvents& events) {
  for (SessionEvent& event : events) {
    if (auto* found = std::get_if<Kind>(&event)) return found;
  }
  return nullptr;
}
template <class Kind>
size_t count(const SessionEvents& events) {
  return static_cast<size_t>(
      std::count_if(events.begin(), events.end(), [](const auto& one) { return std::holds_alternative<Kind>(one); }));
}
inline std::string content(const SessionEvents& events, StreamId stream) {
  std::string all;
  for (const SessionEvent& event : events) {
    const auto* data = std::get_if<DataReceived>(&event);
    if (data != nullptr && data->stream == stream) all += data->bytes.text();
  }
  return all;
}
inline void append(SessionEvents& to, SessionEvents&& from) {
  for (SessionEvent& event : from) to.push_back(std::move(event));
}

struct Http2Pair {
  explicit Http2Pair(size_t piece_bytes = size_t{1} << 20, uint32_t streams_max = 100)
      : piece(piece_bytes),
        server(std::make_unique<Http2Session>(
            Http2Session::Options{.role = Http2Session::Role::kServer, .streams_max = streams_max}, time_ms(0))),
        client(std::make_unique<Http2Session>(Http2Session::Options{.role = Http2Session::Role::kClient}, time_ms(0))) {
    run();
  }

  // Until neither has anything to say.
  void run() {
    while (carry(*client, *server, at_server) || carry(*server, *client, at_client)) {
    }
    append(at_server, server->take_events());
    append(at_client, client->take_events());
  }
  StreamId request(const Request& message, bool end) {
    const StreamId stream = client->send_request(message, end);
    run();
    return stream;
  }

  size_t piece;
  base::Time now = time_ms(0);
  SessionEvents at_server, at_client;
  std::unique_ptr<Http2Session> server, client;

 private:
  bool carry(Http2Session& from, Http2Session& to, SessionEvents& heard) const {
    const base::Chunk bytes = from.take_output(size_t{64} * 1024);
    for (size_t at = 0; at < bytes.size(); at += piece) {
      to.receive(bytes.view().subspan(at, std::min(piece, bytes.size() - at)), now);
      append(heard, to.take_events());
    }
    return !bytes.empty();
  }
};

inline void say(Http2Session& session, StreamId stream, std::string_view text) {
  session.send_data(stream, base::Chunk::copy_of(text));
}

}  // namespace sluice::http::test
