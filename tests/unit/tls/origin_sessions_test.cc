#include "proxy/tls/origin_sessions.h"

#include "tests/unit/tls/session_fixture.h"

namespace sluice::tls {

namespace {

// Sessions with one origin that has a good certificate.
class Origin {
 public:
  explicit Origin(Version version = Version::kTls13) {
    const Installation& files = Installation::get();
    ServerOptions server = files.server_options();
    server.minimum = Version::kTls12;
    server.maximum = version;
    server.tickets = std::make_shared<TicketKeys>();
    server_ = server_context(server);
    ClientOptions client;
    client.verify = ClientOptions::Verify::kDeferred;
    client.minimum = Version::kTls12;
    client_ = client_context(client);
    trust_ = TrustStore::load({files.path("service-root.crt"), {}}).value();
    verifier_.emplace(trust_);
  }

  // Connects as a flow would: what is known is offered, what comes is kept. True when it resumed.
  bool connect(OriginSessions& sessions, const OriginKey& key, bool asked_for_certificate = false) {
    const auto now = base::wall_now();
    const auto known = sessions.take(key, trust_->generation(), now);
    ConnectParameters parameters{key.server_name, key.alpn, {}};
    if (known) parameters.resume = known->resumption;
    Pair pair = Pair::make(*client_, *server_, parameters);
    pair.settle();
    REQUIRE(pair.client.session.state() == Session::State::kOpen);
    const bool resumed = pair.client.session.negotiated().resumed;
    const auto chain = pair.client.session.peer_chain();
    REQUIRE(chain);
    if (resumed) CHECK(chain->hash() == known->verdict.chain);
    const OriginVerdict verdict = resumed ? known->verdict : verifier_->verify(*chain, key.server_name, now);
    sessions.put(key, pair.client.session.take_resumptions(), verdict, asked_for_certificate);
    return resumed;
  }
  uint64_t generation() const { return trust_->generation(); }
  void reload() {
    trust_ = TrustStore::load({Installation::get().path("service-root.crt"), {}}).value();
    verifier_->set_trust(trust_);
  }

 private:
  std::optional<ServerContext> server_;
  std::optional<ClientContext> client_;
  std::shared_ptr<const TrustStore> trust_;
  std::optional<Verifier> verifier_;
};

const OriginKey pop_key{*base::Endpoint::parse("192.0.2.1:443"), "pop.example", {"h2", "http/1.1"}, "acme"};

}  // namespace

TEST_CASE("connections to the same origin resume, to any other they do not") {
  for (const Version version : {Version::kTls13, Version::kTls12}) {
    Origin origin(version);
    OriginSessions sessions;
    CHECK_FALSE(origin.connect(sessions, pop_key));
    for (int i = 0; i < 5; ++i) CHECK(origin.connect(sessions, pop_key));
    OriginKey other = pop_key;
    other.address.port = 8443;
    CHECK_FALSE(origin.connect(sessions, other));
    other = pop_key;
    other.alpn = {"http/1.1"};
    CHECK_FALSE(origin.connect(sessions, other));
    other = pop_key;
    other.policy = "globex";
    CHECK_FALSE(origin.connect(sessions, other));
    CHECK(sessions.size() == 4);
    sessions.forget(pop_key);
    CHECK_FALSE(origin.connect(sessions, pop_key));
  }
}

TEST_CASE("sessions with errors, with client certificates, or from before a reload are not used") {
  Origin origin;
  OriginSessions sessions;
  OriginKey wrong = pop_key;
  wrong.server_name = "other.example";
  CHECK_FALSE(origin.connect(sessions, wrong));
  CHECK_FALSE(origin.connect(sessions, wrong));
  CHECK(sessions.size() == 0);
  CHECK_FALSE(origin.connect(sessions, pop_key, true));
  CHECK(sessions.size() == 0);
  CHECK_FALSE(origin.connect(sessions, pop_key));
  CHECK(origin.connect(sessions, pop_key));
  origin.reload();
  CHECK_FALSE(origin.connect(sessions, pop_key));
  CHECK(origin.connect(sessions, pop_key));
  sessions.clear();
  CHECK_FALSE(origin.connect(sessions, pop_key));
}

TEST_CASE("sessions lapse with their ticket and with the certificate") {
  Origin origin;
  OriginSessions sessions;
  const auto now = base::wall_now();
  origin.connect(sessions, pop_key);
  CHECK(sessions.take(pop_key, origin.generation(), now).has_value());
  CHECK_FALSE(sessions.take(pop_key, origin.generation(), now + std::chrono::hours(9)).has_value());
  CHECK(sessions.size() == 0);
  origin.connect(sessions, pop_key);
  auto known = sessions.take(pop_key, origin.generation(), now);
  REQUIRE(known);
  known->verdict.usable_until = now + std::chrono::hours(1);
  sessions.put(pop_key, {known->resumption}, known->verdict, false);
  CHECK_FALSE(sessions.take(pop_key, origin.generation(), now + std::chrono::hours(2)).has_value());
}

TEST_CASE("tickets are given out once, and kept in bounds") {
  Origin origin;
  OriginSessions sessions(6);
  const auto now = base::wall_now();
  const auto generation = origin.generation();
  origin.connect(sessions, pop_key);  // two tickets
  CHECK(sessions.take(pop_key, generation, now).has_value());
  CHECK(sessions.take(pop_key, generation, now).has_value());
  CHECK_FALSE(sessions.take(pop_key, generation, now).has_value());
  for (uint16_t port = 1; port <= 10; ++port) {
    OriginKey key = pop_key;
    key.address.port = port;
    origin.connect(sessions, key);  // two tickets
    CHECK(sessions.size() == std::min<size_t>(port, 3));
  }
  OriginKey newest = pop_key;
  newest.address.port = 10;
  CHECK(sessions.take(newest, generation, now).has_value());
  newest.address.port = 7;
  CHECK_FALSE(sessions.take(newest, generation, now).has_value());
}

TEST_CASE("a burst of connections to one origin leaves tickets for the next burst") {
  Origin origin;
  OriginSessions sessions;
  const auto now = base::wall_now();
  std::vector<Resumption> tickets;
  OriginVerdict verdict;
  while (tickets.size() < tickets_per_origin_max + 8) {
    REQUIRE_FALSE(origin.connect(sessions, pop_key));
    while (auto known = sessions.take(pop_key, origin.generation(), now)) {
      tickets.push_back(known->resumption);
      verdict = known->verdict;
    }
  }
  for (const Resumption& ticket : tickets) sessions.put(pop_key, {ticket}, verdict, false);
  size_t given = 0;
  while (sessions.take(pop_key, origin.generation(), now)) ++given;
  CHECK(given == tickets_per_origin_max);
}

}  // namespace sluice::tls
