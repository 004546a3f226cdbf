#pragma once
// PoPs that echo, and flows through a TunnelClient, on one loop.
#include <catch2/catch.hpp>
#include <functional>
#include <memory>
#include <semaphore>
#include <string>
#include <thread>
#include <vector>

#include "proxy/drive/limits.h"
#include "proxy/drive/tunnel_client.h"
#include "proxy/drive/tunnel_server.h"
#include "proxy/net/listener.h"
#include "proxy/tls/ca.h"
#include "tests/support/temporary_folder.h"

namespace sluice::drive::test {

// Certificates of one installation.
struct Installation {
  Installation() {
    REQUIRE(tls::create_ca(folder.path(), "Test", base::wall_now()));
    REQUIRE(tls::issue_service_certificate(
        folder.path(), {tls::ServiceRole::kServer, "pop", {"IP:127.0.0.1"}, folder.path("pop")}, base::wall_now()));
    REQUIRE(tls::issue_device_certificate(
        folder.path(), {.identity = {"acme", "laptop-7", "anna"}, .out = folder.path("device"), .days = 1},
        base::wall_now()));
  }
  std::shared_ptr<const TunnelSettings> server() const {
    tls::ServerOptions options;
    options.certificate = folder.path("pop.crt");
    options.key = folder.path("pop.key");
    options.client_ca = folder.path("devices.crt");
    options.alpn = {"h2", "http/1.1"};
    options.tickets = std::make_shared<tls::TicketKeys>();
    auto settings = std::make_shared<TunnelSettings>(TunnelSettings{tls::ServerContext::make(options).value()});
    settings->tenant = "acme";
    settings->streams_max = 1'000;
    settings->tunnels_max = 100;
    settings->handshake_max = base::Duration(5'000);
    return settings;
  }
  tls::ClientContext client() const {
    tls::ClientOptions options;
    options.trust = folder.path("service-root.crt");
    options.certificate = folder.path("device.crt");
    options.key = folder.path("device.key");
    return tls::ClientContext::make(options).value();
  }
  TemporaryFolder folder;
};

// One flow at its PoP: refuses names that begin with "no.", echoes everything else.
class EchoFlow : private net::StreamHandler {
 public:
  EchoFlow(std::unique_ptr<net::Stream> stream, Responder& responder, const std::string& authority)
      : stream_(std::move(stream)) {
    stream_->set_handler(*this);
    if (authority.starts_with("no.")) {
      refused_ = true;
      responder.respond(403, {{"sluice-reason", "policy_block; policy=No%20such%20names"}});
    } else {
      responder.respond(200, {});
      on_stream(*stream_);
    }
  }

 private:
  void on_stream(net::Stream& stream) override {
    uint8_t buffer[4096];
    while (stream.readable()) {
      const net::IoResult result = stream.read(buffer);
      if (result.kind == net::IoResult::Kind::kMoved) {
        if (!refused_) CHECK(stream.write({buffer, result.bytes}).bytes == result.bytes);
      } else if (result.kind == net::IoResult::Kind::kEnded) {
        stream.shutdown_write();
      } else {
        return;
      }
    }
  }
  std::unique_ptr<net::Stream> stream_;
  bool refused_ = false;
};

class EchoPop : public TunnelHost {
 public:
  EchoPop(net::Loop& loop, const Installation& installation)
      : loop_(loop), settings_(installation.server()), server_(std::make_unique<TunnelServer>(loop, *this)) {
    auto listener =
        net::Listener::listen(loop, *base::Endpoint::parse("127.0.0.1:0"),
                              [this](int fd, const base::Endpoint& peer) { server_->accept(0, fd, peer, settings_); });
    REQUIRE(listener);
    listener_ = std::move(*listener);
  }
  uint16_t port() const { return listener_->address().port; }
  TunnelServer& server() { return *server_; }
  // Loses its tunnels, keeps its ticket keys.
  void stumble() { server_ = std::make_unique<TunnelServer>(loop_, *this); }
  void die() {
    listener_.reset();
    server_.reset();
  }

  std::vector<flow::Opened> seen;
  int turned_away = 0;
  std::function<void()> when_turned_away;

 private:
  void on_tunnel_flow(size_t, std::unique_ptr<net::Stream> client, Responder* responder, flow::Opened opened) override {
    const std::string authority = opened.request->authority;
    seen.push_back(std::move(opened));
    flows_.push_back(std::make_unique<EchoFlow>(std::move(client), *responder, authority));
  }
  bool reserve_flow() override { return true; }
  void on_turned_away(TurnedAway, const base::Endpoint&, std::string_view) override {
    ++turned_away;
    if (when_turned_away) when_turned_away();
  }
  void on_revoked(const std::vector<const flow::TunnelEnd*>&) override {}

  net::Loop& loop_;
  std::shared_ptr<const TunnelSettings> settings_;
  std::unique_ptr<TunnelServer> server_;
  std::unique_ptr<net::Listener> listener_;
  std::vector<std::unique_ptr<EchoFlow>> flows_;
};

// A PoP on a thread of its own, which can fall silent without closing anything.
class SilencingPop {
 public:
  explicit SilencingPop(const Installation& installation) : pop_(std::make_unique<EchoPop>(loop_, installation)) {
    port_ = pop_->port();
    thread_ = std::thread([this] { loop_.run(); });
  }
  ~SilencingPop() {
    go_on_.release();
    loop_.post([this] { loop_.stop(); });
    thread_.join();
    pop_.reset();
  }
  uint16_t port() const { return port_; }
  void fall_silent() {
    loop_.post([this] {
      silent_.release();
      go_on_.acquire();
    });
    silent_.acquire();
  }

 private:
  net::Loop loop_;
  std::unique_ptr<EchoPop> pop_;
  uint16_t port_ = 0;
  std::binary_semaphore silent_{0};
  std::binary_semaphore go_on_{0};
  std::thread thread_;
};

// One flow at the client.
class ClientFlow : private DialHandler, private net::StreamHandler {
 public:
  ClientFlow(TunnelClient& client, const std::string& host, std::string_view early) {
    flow::Dial dial{wire::parse_authority(host + ":443").value(), std::make_unique<flow::ThroughTunnel>()};
    dial.tunnel->metadata.flow_id = "f-1";
    dial.tunnel->early = base::Chunk::copy_of(early);
    dialling_ = client.dial(std::move(dial), *this);
    dialling_->start();
  }
  void send(std::string_view text) { stream_->write(base::as_bytes(text)); }
  bool lost() const { return stream_ && stream_->lost(); }

  std::optional<flow::DialDone> done;
  std::string received;

 private:
  void on_dialled(std::unique_ptr<net::Stream> stream, flow::DialDone result) override {
    done = std::move(result);
    stream_ = std::move(stream);
    if (!stream_) return;
    stream_->set_handler(*this);
    on_stream(*stream_);
  }
  void on_stream(net::Stream& stream) override {
    uint8_t buffer[4096];
    while (stream.readable()) {
      const net::IoResult result = stream.read(buffer);
      if (result.kind != net::IoResult::Kind::kMoved) break;
      received.append(reinterpret_cast<const char*>(buffer), result.bytes);
    }
  }
  std::unique_ptr<Dialling> dialling_;
  std::unique_ptr<net::Stream> stream_;
};

class World : public TunnelWatcher, private net::Timer {
 public:
  World() {
    resolver = std::move(*net::Resolver::create(loop, {}));
    loop.at_turn_end([this] {
      if (condition_ && condition_()) loop.stop();
    });
  }
  EchoPop& add_pop() { return *pops.emplace_back(std::make_unique<EchoPop>(loop, installation)); }
  TunnelClient& connect(const std::vector<uint16_t>& ports) {
    auto dial = std::make_shared<DialSettings>();
    dial->rules = flow::AddressRules({*base::Cidr::parse("127.0.0.0/8")}, {});
    TunnelClientSettings settings{{}, installation.client(), std::move(dial)};
    for (const uint16_t port : ports) {
      settings.pops.push_back(
          {std::to_string(port), wire::parse_authority("127.0.0.1:" + std::to_string(port)).value()});
    }
    client = std::make_unique<TunnelClient>(loop, *resolver, std::move(settings), *this);
    client->start();
    return *client;
  }
  ClientFlow& flow(const std::string& host, std::string_view early = "") {
    return *flows.emplace_back(std::make_unique<ClientFlow>(*client, host, early));
  }
  void until(const std::function<bool()>& condition) {
    condition_ = condition;
    timed_out_ = false;
    loop.timers().arm(*this, base::time_now() + base::Duration(20'000));
    loop.post([] {});  // a turn, in which the condition may already hold
    loop.run();
    condition_ = nullptr;
    loop.timers().disarm(*this);
    REQUIRE_FALSE(timed_out_);
  }

  Installation installation;
  net::Loop loop;
  std::unique_ptr<net::Resolver> resolver;
  std::vector<std::unique_ptr<EchoPop>> pops;
  std::unique_ptr<TunnelClient> client;
  std::vector<std::unique_ptr<ClientFlow>> flows;
  std::vector<TunnelClient::State> states;

 private:
  void on_tunnel_state() override { states.push_back(client->state()); }
  void on_timer() override {
    timed_out_ = true;
    loop.stop();
  }
  std::function<bool()> condition_;
  bool timed_out_ = false;
};

}  // namespace sluice::drive::test
