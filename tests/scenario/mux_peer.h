#pragma once
// An end of an HTTP/2 conversation with a machine: a session of the same codec in the opposite role, and what it heard.
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "proxy/http/http2_session.h"

namespace sluice::flow::test {

using http::Http2Code;
using http::Http2Session;

// What a peer has heard of one stream.
struct Heard {
  int status = 0;
  int interim = 0;
  std::string request;  // method and path
  std::string body;
  http::Fields trailers;
  bool ended = false;
  std::optional<Http2Code> reset;
};

// One end of the conversation.
class Peer {
 public:
  explicit Peer(Http2Session::Role role) : session({.role = role, .streams_max = 100}, base::Time{}) {}

  void hear(base::ByteView bytes) {
    session.receive(bytes, base::Time{});
    for (http::SessionEvent& event : session.take_events()) note(event);
  }
  std::string say() {
    std::string bytes;
    for (;;) {
      const base::Chunk chunk = session.take_output(16384);
      if (chunk.empty()) break;
      bytes += chunk.text();
    }
    (void)session.take_events();
    return bytes;
  }

  Http2Session session;
  std::map<http::StreamId, Heard> streams;
  std::vector<http::StreamId> order;
  bool reads = true;
  bool went_away = false;

 private:
  Heard& at(http::StreamId id) {
    if (!streams.contains(id)) order.push_back(id);
    return streams[id];
  }
  void note(http::SessionEvent& event) {
    if (auto* request = std::get_if<http::RequestReceived>(&event)) {
      at(request->stream).request = request->request.method + " " + request->request.path;
      at(request->stream).ended = request->end;
    } else if (auto* response = std::get_if<http::ResponseReceived>(&event)) {
      Heard& heard = at(response->stream);
      if (response->response.status < 200) {
        ++heard.interim;
      } else {
        heard.status = response->response.status;
        heard.ended = response->end;
      }
    } else if (auto* data = std::get_if<http::DataReceived>(&event)) {
      at(data->stream).body += data->bytes.text();
      if (reads) session.consumed(data->stream, data->bytes.size());
    } else if (auto* ended = std::get_if<http::StreamEnded>(&event)) {
      at(ended->stream).ended = true;
      at(ended->stream).trailers = ended->trailers;
    } else if (auto* reset = std::get_if<http::StreamReset>(&event)) {
      at(reset->stream).reset = reset->code;
    } else if (std::holds_alternative<http::GoAwayReceived>(event)) {
      went_away = true;
    }
  }
};

}  // namespace sluice::flow::test
