#pragma once
// Certificates of an installation, and two sessions joined by hand.
#include <catch2/catch.hpp>
#include <cstdlib>
#include <iostream>
#include <random>
#include <string>

#include "proxy/tls/ca.h"
#include "proxy/tls/certificate.h"
#include "proxy/tls/session.h"
#include "tests/support/temporary_folder.h"

namespace sluice::tls {

inline const DeviceIdentity anna{"acme", "laptop-7f3a", "anna@acme.example"};

// An installation's CAs, a PoP named pop.example and 127.0.0.1, and Anna's device. Made once: keys take time.
class Installation {
 public:
  static const Installation& get() {
    static const Installation installation;
    return installation;
  }
  std::string path(const std::string& name) const { return folder_.path(name); }

  ServerOptions server_options() const {
    ServerOptions options;
    options.certificate = path("pop.crt");
    options.key = path("pop.key");
    return options;
  }
  ServerOptions tunnel_options() const {
    ServerOptions options = server_options();
    options.client_ca = path("devices.crt");
    options.alpn = {"h2", "http/1.1"};
    options.tickets = std::make_shared<TicketKeys>();
    return options;
  }
  ClientOptions client_options() const {
    ClientOptions options;
    options.trust = path("service-root.crt");
    return options;
  }
  ClientOptions device_options() const {
    ClientOptions options = client_options();
    options.certificate = path("device.crt");
    options.key = path("device.key");
    options.alpn = {"h2"};
    return options;
  }
  // A leaf with dates of one's own, by the root in `issuer`.crt; its files are `name`.crt and `name`.key.
  void make_leaf(const std::string& name, const std::string& issuer, Identity::Form form) const {
    const auto root = Identity::from_pem(content(issuer + ".crt"), content(issuer + ".key"), issuer);
    const auto leaf = Identity::make(form, &root.value());
    folder_.write(name + ".crt", leaf.value().certificate_pem());
    folder_.write(name + ".key", leaf.value().key_pem());
  }
  std::string content(const std::string& name) const {
    std::ifstream file(path(name), std::ios::binary);
    return {std::istreambuf_iterator<char>(file), {}};
  }
  const TemporaryFolder& folder() const { return folder_; }

 private:
  Installation() {
    const auto now = base::wall_now();
    REQUIRE(create_ca(folder_.path(), "Acme", now).ok());
    ServiceCertificate pop;
    pop.name = "pop";
    pop.alternative_names = {"DNS:pop.example", "IP:127.0.0.1"};
    pop.out = path("pop");
    REQUIRE(issue_service_certificate(folder_.path(), pop, now).ok());
    REQUIRE(issue_device_certificate(folder_.path(), {anna, path("device")}, now).ok());
  }
  TemporaryFolder folder_;
};

inline ServerContext server_context(const ServerOptions& options) {
  auto context = ServerContext::make(options);
  if (!context) FAIL(context.error().message);
  return *context;
}

inline ClientContext client_context(const ClientOptions& options) {
  auto context = ClientContext::make(options);
  if (!context) FAIL(context.error().message);
  return *context;
}

// A seed that is printed when the test fails; SLUICE_SEED replays it.
inline uint64_t test_seed() {
  const char* given = std::getenv("SLUICE_SEED");
  return given != nullptr ? std::strtoull(given, nullptr, 10) : std::random_device{}();
}

// One end of a joined pair: its session, what came for it, what it read.
struct End {
  Session session;
  std::string inbox;     // ciphertext not read yet
  std::string received;  // plaintext
  bool ended = false;

  // Reads at most `cipher_max` of the inbox into pieces of `plain_max`.
  Session::Read read(size_t cipher_max, size_t plain_max) {
    std::string plain(plain_max, '\0');
    const auto bytes = base::as_bytes(inbox).first(std::min(cipher_max, inbox.size()));
    const auto read = session.read(bytes, {reinterpret_cast<uint8_t*>(plain.data()), plain.size()});
    inbox.erase(0, read.consumed);
    received.append(plain, 0, read.produced);
    if (read.stop == Session::Read::Stop::kEnded) ended = true;
    return read;
  }
};

struct Pair {
  End client;
  End server;

  static Pair make(const ClientContext& client, const ServerContext& server,
                   const ConnectParameters& connect = {"pop.example", {}, {}}, const AcceptParameters& accept = {}) {
    return {{Session::connect(client, connect), "", "", false}, {Session::accept(server, accept), "", "", false}};
  }

  // Moves output across; true when there was any.
  bool carry() {
    bool moved = false;
    const auto move = [&](End& from, End& to) {
      const auto bytes = from.session.output();
      moved = moved || !bytes.empty();
      to.inbox.append(base::as_text(bytes));
      from.session.consume_output(bytes.size());
    };
    move(client, server);
    move(server, client);
    return moved;
  }

  // Until nothing moves any more, in pieces of the given sizes.
  void settle(size_t cipher_max = SIZE_MAX, size_t plain_max = 20000) {
    bool moving = true;
    while (moving) {
      moving = carry();
      for (End* end : {&client, &server}) {
        const auto read = end->read(cipher_max, plain_max);
        moving = moving || read.consumed != 0 || read.produced != 0;
      }
    }
  }
};

inline std::string described(const Session& session) {
  const Failure* failure = session.failure();
  if (failure == nullptr) return "state " + std::to_string(static_cast<int>(session.state()));
  return "kind " + std::to_string(static_cast<int>(failure->kind)) + " fault " +
         std::to_string(static_cast<int>(failure->fault)) + " alert " + std::to_string(failure->alert) + ": " +
         failure->text;
}

}  // namespace sluice::tls
