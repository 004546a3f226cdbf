#include "proxy/drive/tunnel_server.h"

#include <unistd.h>

#include <algorithm>
#include <utility>

#include "proxy/base/text.h"
#include "proxy/drive/limits.h"

namespace sluice::drive {

namespace {

// Takes an element out of a list whose elements know their place.
template <class T>
std::unique_ptr<T> take_out(std::vector<std::unique_ptr<T>>& list, size_t index) {
  std::unique_ptr<T> taken = std::move(list[index]);
  if (index + 1 < list.size()) {
    list[index] = std::move(list.back());
    list[index]->index = index;
  }
  list.pop_back();
  return taken;
}

}  // namespace

// A connection before its handshake is done.
class TunnelServer::Entrance final : private net::StreamHandler, private net::Timer {
 public:
  Entrance(TunnelServer& server, std::unique_ptr<net::TcpStream> socket, size_t listener_index,
           const base::Endpoint& from, std::shared_ptr<const TunnelSettings> its_settings)
      : listener(listener_index),
        peer(from),
        settings(std::move(its_settings)),
        connection(std::make_unique<TlsStream>(std::move(socket), tls::Session::accept(settings->context),
                                               server.ciphertext_)),
        server_(server) {
    connection->set_handler(*this);
    server.loop_.timers().arm(*this, server.loop_.now() + settings->handshake_max);
  }

  size_t index = 0;
  size_t listener;
  base::Endpoint peer;
  std::shared_ptr<const TunnelSettings> settings;
  std::unique_ptr<TlsStream> connection;  // null once it has left
  bool knocking = false;

  // Has something to go on with.
  void knock() {
    if (std::exchange(knocking, true)) return;
    server_.knocking_.push_back(this);
    server_.loop_.soon(server_);
  }

 private:
  void on_stream(net::Stream&) override { knock(); }
  void on_timer() override {
    if (connection) server_.turn_away(*this, TurnedAway::kTimeout, "The TLS handshake did not end in time.");
  }

  TunnelServer& server_;
};

// A tunnel that is up.
class TunnelServer::Served final : public TunnelOwner {
 public:
  Served(TunnelServer& server, std::unique_ptr<TlsStream> connection, size_t listener_index, uint32_t streams_max,
         std::shared_ptr<const flow::TunnelEnd> its_end)
      : listener(listener_index),
        end(std::move(its_end)),
        tunnel(std::make_unique<Tunnel>(server.loop_, std::move(connection),
                                        http::TunnelSession::Options{http::TunnelSession::Role::kServer, streams_max},
                                        server.plaintext_, *this)),
        server_(server) {}

  size_t index = 0;
  size_t listener;
  std::shared_ptr<const flow::TunnelEnd> end;
  std::unique_ptr<Tunnel> tunnel;

 private:
  void on_tunnel_requests(Tunnel&) override {
    for (size_t taken = 0; taken < requests_per_turn_max; ++taken) {
      http::TunnelStream* stream = tunnel->session().take_request();
      if (stream == nullptr) return;
      if (!server_.host_.reserve_flow()) {
        stream->respond(503, {{"retry-after", "5"}}, true);
        stream->release(false);
        continue;
      }
      http::Head head = stream->take_head();
      flow::Opened opened;
      opened.tunnel = end;
      opened.request = flow::ConnectRequest{std::move(head.authority), std::move(head.fields)};
      auto client = std::make_unique<TunnelFlow>(*tunnel, *stream);
      Responder* responder = client.get();
      server_.host_.on_tunnel_flow(listener, std::move(client), responder, std::move(opened));
    }
    tunnel->send_soon();  // there may be more
  }
  void on_tunnel_ended(Tunnel&) override { server_.leave(*this); }
  void on_tunnel_news(Tunnel&) override {}  // a server opens no streams

  TunnelServer& server_;
};

TunnelServer::TunnelServer(net::Loop& loop, TunnelHost& host)
    : loop_(loop), host_(host), ciphertext_(copy_buffer_bytes), plaintext_(copy_buffer_bytes) {}

TunnelServer::~TunnelServer() {
  loop_.not_soon(*this);
}

void TunnelServer::accept(size_t listener, int fd, const base::Endpoint& peer,
                          std::shared_ptr<const TunnelSettings> settings) {
  if (!has_room(peer, *settings)) {
    ::close(fd);  // before any crypto
    return;
  }
  if (auto socket = net::TcpStream::adopt(loop_, fd)) enter(listener, std::move(socket), peer, std::move(settings));
}

void TunnelServer::accept(size_t listener, std::unique_ptr<net::TcpStream> socket, const base::Endpoint& peer,
                          std::shared_ptr<const TunnelSettings> settings) {
  if (!has_room(peer, *settings)) return;
  Entrance& entrance = enter(listener, std::move(socket), peer, std::move(settings));
  entrance.knock();  // what has come already is not reported again
}

bool TunnelServer::has_room(const base::Endpoint& peer, const TunnelSettings& settings) {
  if (entrances_.size() < entrances_max && served_.size() < settings.tunnels_max) return true;
  host_.on_turned_away(TurnedAway::kOverload, peer, "Too many tunnels, or too many that are being made.");
  return false;
}

TunnelServer::Entrance& TunnelServer::enter(size_t listener, std::unique_ptr<net::TcpStream> socket,
                                            const base::Endpoint& peer,
                                            std::shared_ptr<const TunnelSettings> settings) {
  auto entrance = std::make_unique<Entrance>(*this, std::move(socket), listener, peer, std::move(settings));
  entrance->index = entrances_.size();
  entrances_.push_back(std::move(entrance));
  return *entrances_.back();
}

// ---- handshakes

void TunnelServer::on_ready() {
  left_.clear();
  ended_.clear();
  const size_t count = std::min(knocking_.size(), handshakes_per_turn_max);
  for (size_t i = 0; i < count; ++i) {
    Entrance* entrance = knocking_[i];
    if (entrance == nullptr) continue;
    entrance->knocking = false;
    switch (entrance->connection->handshake()) {
      case TlsStream::Handshake::kGoingOn: break;
      case TlsStream::Handshake::kDone: admit(*entrance); break;
      case TlsStream::Handshake::kFailed: {
        const tls::Failure* failure = entrance->connection->session().failure();
        const bool certificate = failure != nullptr && failure->kind == tls::Failure::Kind::kCertificate;
        const bool revoked = certificate && failure->fault == tls::Failure::Fault::kRevoked;
        turn_away(*entrance,
                  revoked       ? TurnedAway::kRevoked
                  : certificate ? TurnedAway::kCertificate
                                : TurnedAway::kProtocol,
                  failure != nullptr ? std::string_view(failure->text) : "The connection was reset.");
        break;
      }
    }
  }
  knocking_.erase(knocking_.begin(), knocking_.begin() + static_cast<std::ptrdiff_t>(count));
  if (!knocking_.empty() || !left_.empty() || !ended_.empty()) loop_.soon(*this);
}

void TunnelServer::admit(Entrance& entrance) {
  const TunnelSettings& settings = *entrance.settings;
  const tls::Session& session = entrance.connection->session();
  const auto certificate = session.peer_certificate();
  const auto device = certificate ? certificate->device() : std::nullopt;
  if (!device) return turn_away(entrance, TurnedAway::kNoDevice, "The certificate names no device.");
  if (device->tenant != settings.tenant) {
    return turn_away(entrance, TurnedAway::kTenant, "The certificate is of tenant " + device->tenant + ".");
  }
  // A resumed session shows no certificate again: its list may be newer than the ticket.
  if (settings.revocations && settings.revocations->contains(certificate->serial)) {
    return turn_away(entrance, TurnedAway::kRevoked, "The certificate of device " + device->device + " is revoked.");
  }
  auto end = std::make_shared<flow::TunnelEnd>();
  end->user = device->user;
  end->device = std::make_shared<flow::Device>(flow::Device{device->device, {}, {}, {}, {}});
  end->tunnel_id = base::hex16(base::random_u64());
  end->certificate_serial = certificate->serial;
  end->address = entrance.peer;
  std::unique_ptr<TlsStream> connection = std::move(entrance.connection);
  const size_t listener = entrance.listener;
  const bool multiplexed = connection->session().negotiated().alpn == "h2";
  leave(entrance);
  if (multiplexed) {
    auto served =
        std::make_unique<Served>(*this, std::move(connection), listener, settings.streams_max, std::move(end));
    served->index = served_.size();
    if (draining_) served->tunnel->drain();
    served_.push_back(std::move(served));
  } else if (host_.reserve_flow()) {
    flow::Opened opened;
    opened.tunnel = std::move(end);
    host_.on_tunnel_flow(listener, std::move(connection), nullptr, std::move(opened));
  }
}

void TunnelServer::turn_away(Entrance& entrance, TurnedAway why, std::string_view text) {
  host_.on_turned_away(why, entrance.peer, text);
  leave(entrance);
}

// ---- the ends

void TunnelServer::leave(Entrance& entrance) {
  std::replace(knocking_.begin(), knocking_.end(), &entrance, static_cast<Entrance*>(nullptr));
  entrance.connection.reset();  // it would go on knocking
  left_.push_back(take_out(entrances_, entrance.index));
  loop_.soon(*this);
}

void TunnelServer::leave(Served& served) {
  ended_.push_back(take_out(served_, served.index));
  loop_.soon(*this);
}

void TunnelServer::apply(size_t listener, const std::shared_ptr<const TunnelSettings>& settings) {
  if (settings->revocations == nullptr) return;
  std::vector<Served*> revoked;
  std::vector<const flow::TunnelEnd*> ends;
  for (const auto& served : served_) {
    if (served->listener != listener || !settings->revocations->contains(served->end->certificate_serial)) continue;
    revoked.push_back(served.get());
    ends.push_back(served->end.get());
  }
  if (revoked.empty()) return;
  host_.on_revoked(ends);
  for (Served* served : revoked) {
    served->tunnel->session().refuse();
    served->tunnel->send_soon();
  }
}

void TunnelServer::drain() {
  draining_ = true;
  for (const auto& served : served_) served->tunnel->drain();
}

}  // namespace sluice::drive
