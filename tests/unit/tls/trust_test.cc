// Who is let in, who is refused and why, and what resumes.
#include "proxy/tls/limits.h"
#include "proxy/tls/session.h"
#include "tests/unit/tls/session_fixture.h"

namespace sluice::tls {

namespace {

using State = Session::State;
using Kind = Failure::Kind;
using Fault = Failure::Fault;

constexpr auto day = std::chrono::hours(24);

Identity::Form leaf_form(Identity::Form::Kind kind) {
  Identity::Form form;
  form.kind = kind;
  form.common_name = "x";
  form.alternative_names = "DNS:pop.example";
  form.not_before = base::wall_now() - day;
  form.not_after = base::wall_now() + day;
  return form;
}

Pair settled(const ClientOptions& client, const ServerOptions& server,
             const ConnectParameters& connect = {"pop.example", {}, {}}) {
  Pair pair = Pair::make(client_context(client), server_context(server), connect);
  pair.settle();
  return pair;
}

void check_refused_by_client(const Pair& pair, Fault fault, uint8_t alert) {
  const Failure* client = pair.client.session.failure();
  const Failure* server = pair.server.session.failure();
  INFO(described(pair.client.session) << " / " << described(pair.server.session));
  REQUIRE(client != nullptr);
  REQUIRE(server != nullptr);
  CHECK(client->kind == Kind::kCertificate);
  CHECK(client->fault == fault);
  CHECK(client->alert == alert);
  CHECK(server->kind == Kind::kPeerAlert);
  CHECK(server->alert == alert);
}

void check_refused_by_server(const Pair& pair, Fault fault, uint8_t alert) {
  const Failure* client = pair.client.session.failure();
  const Failure* server = pair.server.session.failure();
  INFO(described(pair.client.session) << " / " << described(pair.server.session));
  REQUIRE(server != nullptr);
  CHECK(server->kind == Kind::kCertificate);
  CHECK(server->fault == fault);
  CHECK(server->alert == alert);
  REQUIRE(client != nullptr);
  CHECK(client->kind == Kind::kPeerAlert);
  CHECK(client->alert == alert);
}

}  // namespace

TEST_CASE("clients refuse servers that are not who they should be") {
  const Installation& files = Installation::get();
  const ServerOptions server = files.server_options();
  ClientOptions client = files.client_options();
  CHECK(settled(client, server).client.session.state() == State::kOpen);
  CHECK(settled(client, server, {"127.0.0.1", {}, {}}).client.session.state() == State::kOpen);
  CHECK(settled(client, server, {"127.0.0.1", {}, {}}).server.session.negotiated().sni.empty());
  check_refused_by_client(settled(client, server, {"other.example", {}, {}}), Fault::kName, 42);
  check_refused_by_client(settled(client, server, {"127.0.0.2", {}, {}}), Fault::kName, 42);
  client.trust = files.path("devices.crt");
  check_refused_by_client(settled(client, server), Fault::kUntrusted, 48);
  client.trust = "";
  check_refused_by_client(settled(client, server), Fault::kUntrusted, 48);

  auto form = leaf_form(Identity::Form::Kind::kServer);
  form.not_after = base::wall_now() - std::chrono::hours(1);
  files.make_leaf("expired", "service-root", form);
  form = leaf_form(Identity::Form::Kind::kServer);
  form.not_before = base::wall_now() + std::chrono::hours(1);
  files.make_leaf("future", "service-root", form);
  files.make_leaf("client-only", "service-root", leaf_form(Identity::Form::Kind::kClient));
  const auto with = [&](const std::string& name) {
    ServerOptions options;
    options.certificate = files.path(name + ".crt");
    options.key = files.path(name + ".key");
    return options;
  };
  client.trust = files.path("service-root.crt");
  check_refused_by_client(settled(client, with("expired")), Fault::kExpired, 45);
  check_refused_by_client(settled(client, with("future")), Fault::kNotYetValid, 42);
  CHECK(settled(client, with("client-only")).client.session.failure()->fault == Fault::kOther);
}

TEST_CASE("a pinned key is enough, another key is not") {
  const Installation& files = Installation::get();
  ClientOptions client;
  client.verify = ClientOptions::Verify::kPins;
  CHECK_FALSE(ClientContext::make(client).ok());
  files.make_leaf("pinned", "service-root", leaf_form(Identity::Form::Kind::kServer));
  ServerOptions server;
  server.certificate = files.path("pinned.crt");
  server.key = files.path("pinned.key");
  const std::string command =
      "openssl x509 -noout -pubkey -in " + server.certificate + " | openssl pkey -pubin -outform DER";
  FILE* pipe = popen(command.c_str(), "r");
  std::string der(1000, '\0');
  der.resize(fread(der.data(), 1, der.size(), pipe));
  REQUIRE(pclose(pipe) == 0);
  client.pins = {Sha256{}, sha256(base::as_bytes(der))};
  CHECK(settled(client, server, {"any.example", {}, {}}).client.session.state() == State::kOpen);
  CHECK(settled(client, server, {"", {}, {}}).client.session.state() == State::kOpen);
  check_refused_by_client(settled(client, files.server_options()), Fault::kPin, 40);
}

TEST_CASE("tunnels refuse strangers") {
  const Installation& files = Installation::get();
  const ServerOptions server = files.tunnel_options();
  check_refused_by_server(settled(files.client_options(), server), Fault::kMissing, 116);
  ClientOptions client = files.device_options();
  client.certificate = files.path("pop.crt");
  client.key = files.path("pop.key");
  check_refused_by_server(settled(client, server), Fault::kUntrusted, 48);
  auto form = leaf_form(Identity::Form::Kind::kClient);
  form.not_after = base::wall_now() - std::chrono::hours(1);
  files.make_leaf("old-device", "devices-root", form);
  client.certificate = files.path("old-device.crt");
  client.key = files.path("old-device.key");
  check_refused_by_server(settled(client, server), Fault::kExpired, 45);
  files.make_leaf("server-as-device", "devices-root", leaf_form(Identity::Form::Kind::kServer));
  client.certificate = files.path("server-as-device.crt");
  client.key = files.path("server-as-device.key");
  CHECK(settled(client, server).server.session.failure()->fault == Fault::kOther);
}

TEST_CASE("a revoked device stays outside, also with a ticket") {
  const Installation& files = Installation::get();
  const TemporaryFolder folder;
  const std::string list = folder.write("revoked", "# nobody yet\n");
  ServerOptions options = files.tunnel_options();
  auto revocations = Revocations::load(list);
  REQUIRE(revocations.ok());
  options.revocations = *revocations;
  const ServerContext server = server_context(options);
  const ClientContext client = client_context(files.device_options());
  Pair pair = Pair::make(client, server);
  pair.settle();
  REQUIRE(pair.server.session.state() == State::kOpen);
  const std::string serial = pair.server.session.peer_certificate()->serial;
  auto tickets = pair.client.session.take_resumptions();
  REQUIRE_FALSE(tickets.empty());

  folder.write("revoked", "# stolen\n0123ab stolen in May\n" + serial + " laptop\n");
  REQUIRE((*revocations)->reload().ok());
  CHECK((*revocations)->size() == 2);
  CHECK((*revocations)->contains("0123AB"));
  for (const bool resume : {false, true}) {
    ConnectParameters connect{"pop.example", {}, {}};
    if (resume) connect.resume = tickets.back();
    Pair again = Pair::make(client, server, connect);
    again.settle();
    check_refused_by_server(again, Fault::kRevoked, 44);
  }
  folder.write("revoked", "not hex\n");
  const auto status = (*revocations)->reload();
  REQUIRE_FALSE(status.ok());
  CHECK(status.error().message ==
        list + ":1: must be a serial number in hex digits, as `openssl x509 -serial` prints it");
  CHECK((*revocations)->contains(serial));
}

TEST_CASE("revocations are read from CRLs") {
  const Installation& files = Installation::get();
  const TemporaryFolder folder;
  folder.write("index.txt", "R\t300101000000Z\t250101000000Z\t0A1B2C\tunknown\t/CN=lost\n");
  folder.write("number", "01\n");
  folder.write("ca.cnf", "[ca]\ndefault_ca=d\n[d]\ndatabase=" + folder.path("index.txt") +
                             "\ncrlnumber=" + folder.path("number") + "\ndefault_md=sha256\ndefault_crl_days=1\n");
  const std::string command = "openssl ca -gencrl -config " + folder.path("ca.cnf") + " -cert " +
                              files.path("devices-root.crt") + " -keyfile " + files.path("devices-root.key") +
                              " -out " + folder.path("crl.pem") + " > /dev/null 2>&1";
  REQUIRE(system(command.c_str()) == 0);
  const auto revocations = Revocations::load(folder.path("crl.pem"));
  if (!revocations) FAIL(revocations.error().message);
  CHECK((*revocations)->size() == 1);
  CHECK((*revocations)->contains("0A1B2C"));
  folder.write("bad.pem", "-----BEGIN X509 CRL-----\nAAAA\n-----END X509 CRL-----\n");
  CHECK_FALSE(Revocations::load(folder.path("bad.pem")).ok());
  CHECK_FALSE(Revocations::load(folder.path("none")).ok());
}

TEST_CASE("sessions really resume, after ordinary and abrupt ends") {
  const Installation& files = Installation::get();
  for (const Version version : {Version::kTls13, Version::kTls12}) {
    for (const bool abrupt : {false, true}) {
      ServerOptions options = files.tunnel_options();
      options.minimum = version;
      const ServerContext server = server_context(options);
      ClientOptions device = files.device_options();
      device.minimum = version;
      device.maximum = version;
      const ClientContext client = client_context(device);
      std::optional<Resumption> ticket;
      for (int round = 0; round < 4; ++round) {
        ConnectParameters connect{"pop.example", {}, ticket};
        Pair pair = Pair::make(client, server, connect);
        pair.settle();
        INFO(described(pair.client.session) << " / " << described(pair.server.session));
        CHECK(pair.client.session.negotiated().resumed == (round > 0));
        CHECK(pair.server.session.negotiated().resumed == (round > 0));
        CHECK(pair.server.session.negotiated().alpn == "h2");
        REQUIRE(pair.server.session.peer_certificate());
        CHECK(pair.server.session.peer_certificate()->device() == anna);
        auto tickets = pair.client.session.take_resumptions();
        CHECK(tickets.size() <= tickets_per_session_max);
        if (!tickets.empty()) ticket = tickets.back();
        REQUIRE(ticket);
        CHECK(pair.client.session.negotiated().version == static_cast<uint16_t>(version));
        CHECK(ticket->single_use() == (pair.client.session.negotiated().version == 0x0304));
        CHECK(ticket->valid_until() > base::wall_now() + std::chrono::hours(7));
        if (abrupt) {
          pair.client.session.transport_ended();
          pair.server.session.transport_ended();
        } else {
          pair.client.session.end_write();
          pair.settle();
        }
      }
    }
  }
}

TEST_CASE("tickets do not cross keys, scopes, names or lapsed time") {
  const Installation& files = Installation::get();
  const ServerOptions options = files.tunnel_options();
  const ServerContext server = server_context(options);
  const ClientContext client = client_context(files.device_options());
  const auto resumes = [&](const ServerContext& at, const ConnectParameters& connect, const std::string& scope) {
    AcceptParameters accept;
    accept.scope = scope;
    Pair pair = Pair::make(client, at, connect, accept);
    pair.settle();
    REQUIRE(pair.client.session.state() == State::kOpen);
    return pair.client.session.negotiated().resumed;
  };
  const auto ticket = [&] {
    AcceptParameters accept;
    accept.scope = "one";
    Pair pair = Pair::make(client, server, {"pop.example", {}, {}}, accept);
    pair.settle();
    return pair.client.session.take_resumptions().back();
  };
  CHECK(resumes(server, {"pop.example", {}, ticket()}, "one"));
  CHECK_FALSE(resumes(server, {"pop.example", {}, ticket()}, "two"));
  CHECK_FALSE(resumes(server, {"127.0.0.1", {}, ticket()}, "one"));
  CHECK_FALSE(resumes(server_context(files.tunnel_options()), {"pop.example", {}, ticket()}, "one"));
  auto before = ticket();
  options.tickets->rotate();
  CHECK(resumes(server, {"pop.example", {}, before}, "one"));
  before = ticket();
  options.tickets->rotate();
  options.tickets->rotate();
  CHECK_FALSE(resumes(server, {"pop.example", {}, before}, "one"));
}

TEST_CASE("ALPN and versions that do not meet are refused with their alerts") {
  const Installation& files = Installation::get();
  ClientOptions client = files.client_options();
  ServerOptions server = files.server_options();
  server.alpn = {"h2", "http/1.1"};
  CHECK(settled(client, server).client.session.negotiated().alpn.empty());
  ConnectParameters connect{"pop.example", std::vector<std::string>{"http/1.1", "h2"}, {}};
  CHECK(settled(client, server, connect).client.session.negotiated().alpn == "h2");
  connect.alpn = {"smtp"};
  const Pair pair = settled(client, server, connect);
  CHECK(pair.server.session.failure()->alert == 120);
  CHECK(pair.server.session.failure()->kind == Kind::kProtocol);
  CHECK(pair.client.session.failure()->kind == Kind::kPeerAlert);

  ClientOptions old = files.client_options();
  old.minimum = Version::kTls12;
  old.maximum = Version::kTls12;
  CHECK(settled(old, server).server.session.failure()->alert == 70);
  server.minimum = Version::kTls12;
  CHECK(settled(old, server).server.session.negotiated().version == 0x0303);

  AcceptParameters accept;
  accept.alpn.emplace();
  Pair none = Pair::make(client_context(client), server_context(server), connect, accept);
  none.settle();
  CHECK(none.client.session.state() == State::kOpen);
  CHECK(none.client.session.negotiated().alpn.empty());
}

TEST_CASE("contexts that cannot be made name the file") {
  const Installation& files = Installation::get();
  ServerOptions server = files.server_options();
  server.key = files.path("device.key");
  CHECK(ServerContext::make(server).error().message == server.key + ": is not the key of " + server.certificate);
  server.key = files.path("none");
  CHECK(ServerContext::make(server).error().message == server.key + ": cannot read: No such file or directory");
  server = files.server_options();
  server.client_ca = files.path("pop.key");
  CHECK(ServerContext::make(server).error().message == server.client_ca + ": holds no certificate in PEM");
  server = files.server_options();
  server.alpn = {""};
  CHECK_FALSE(ServerContext::make(server).ok());
  ClientOptions client = files.client_options();
  client.trust = files.folder().write("damaged.crt", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n");
  CHECK(ClientContext::make(client).error().message.starts_with(client.trust + ": certificate 1 is damaged"));
}

TEST_CASE("a name that is none fails the session, not the program") {
  const ClientContext client = client_context(Installation::get().client_options());
  for (const std::string& name : {std::string(), std::string(300, 'a')}) {
    const Session session = Session::connect(client, {name, {}, {}});
    REQUIRE(session.failure() != nullptr);
    CHECK(session.failure()->fault == Fault::kName);
  }
}

}  // namespace sluice::tls
