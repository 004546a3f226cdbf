#pragma once
// Two tunnel sessions, back to back: what one wants to send, the other receives.
#include <memory>
#include <string>

#include "proxy/base/chunk.h"
#include "proxy/http/tunnel_session.h"

namespace sluice::http::test {

// Notes what a stream's user hears.
class Ear : public StreamUser {
 public:
  void on_tunnel_stream(TunnelStream&) override { ++calls; }
  void on_tunnel_lost() override { lost = true; }
  int calls = 0;
  bool lost = false;
};

inline base::Time at_ms(int64_t ms) {
  return base::Time(base::Duration(1'000'000 + ms));
}

class Pair {
 public:
  explicit Pair(uint32_t streams_max = 100)
      : server(std::make_unique<TunnelSession>(TunnelSession::Options{TunnelSession::Role::kServer, streams_max},
                                               at_ms(0))),
        client(std::make_unique<TunnelSession>(TunnelSession::Options{TunnelSession::Role::kClient, 0}, at_ms(0))) {
    run();
  }

  // Until neither has anything to say. Bytes that crossed: up and down.
  void run() {
    while (carry(*client, *server, up) + carry(*server, *client, down) > 0) {
    }
  }

  // A stream, at both ends.
  struct Ends {
    TunnelStream* client = nullptr;
    TunnelStream* server = nullptr;
  };
  Ends open(const std::string& authority, std::string_view early = "") {
    Ends ends;
    ends.client = client->connect(authority, {}, base::as_bytes(early));
    run();
    ends.server = server->take_request();
    return ends;
  }
  Ends open_answered(const std::string& authority) {
    Ends ends = open(authority);
    ends.server->respond(200, {}, false);
    run();
    return ends;
  }

  base::Time now = at_ms(0);
  uint64_t up = 0, down = 0;
  std::unique_ptr<TunnelSession> server, client;

 private:
  size_t carry(TunnelSession& from, TunnelSession& to, uint64_t& count) {
    size_t carried = 0;
    for (base::ByteView bytes = from.output(); !bytes.empty(); bytes = from.output()) {
      carried += bytes.size();
      to.receive(bytes, now);
    }
    to.dispatch();
    from.dispatch();
    count += carried;
    return carried;
  }
};

inline std::string read_all(TunnelStream& stream) {
  std::string all;
  uint8_t buffer[4096];
  while (const size_t count = stream.read(buffer)) all.append(reinterpret_cast<const char*>(buffer), count);
  return all;
}

}  // namespace sluice::http::test
