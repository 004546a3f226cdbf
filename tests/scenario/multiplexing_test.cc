// HTTP/2 on both sides of a decrypted flow. The peers of the machine are sessions of the same codec in the opposite
// roles (its own tests meet other people's); what is tested here is what becomes of streams between them.
#include "proxy/http/http2_session.h"
#include "tests/scenario/mux_peer.h"
#include "tests/scenario/relay_scripts.h"
#include "tests/support/policies.h"

namespace sluice::flow::test {

namespace {

using http::Http2Code;
using http::Http2Session;

constexpr const char* decrypting = R"(
tenant: acme
realtime_policies:
- {name: No uploads, match: {domains: [example.com], methods: [POST]}, action: block}
)";

struct Written {
  Record::State state;
  FlowRecord record;
};

// Client, machine and origin; bytes pass until nobody has anything to say.
class Conversation : private EventIds {
 public:
  explicit Conversation(base::Duration total = {}) {
    Settings settings = open_settings();
    settings.timeouts.total = total;
    settings.interception = true;
    settings.policy = support::policy_of(decrypting);
    settings_ = std::make_shared<const Settings>(std::move(settings));
    machine_ = std::make_unique<ProxyFlow>(settings_, *base::Endpoint::parse("192.0.2.10:40000"), now_,
                                           base::WallTime(base::Duration(1'700'000'000'000)));
    machine_->use_event_ids(*this);
    machine_->record().event_counter = 1;
    give(Opened{});
    give(Received{Side::kClient, base::Chunk::copy_of("CONNECT example.com:443 HTTP/1.1\r\n\r\n")});
    give(connected());
    give(Received{Side::kClient, base::Chunk::copy_of(hello_for("example.com"))});
    give(secured());
    give(ClientSecured{done(), true});
    to_client_.clear();
    origin.emplace(Http2Session::Role::kServer);
    REQUIRE(machine_->stage_name() == std::string("multiplexing"));
  }

  static Handshake done() {
    return {.failed = false, .alert = 0, .version = 0x0304, .cipher = "TLS_AES_128_GCM_SHA256", .alpn = "h2"};
  }
  static OriginSecured secured() { return {done(), false, {}}; }

  void give(Input input) {
    if (machine_->done()) return;
    Outbox out;
    machine_->handle(std::move(input), now_, out);
    for (Action& action : out) note(action);
  }
  void pass() {
    for (bool moved = true; moved && !machine_->done();) {
      moved = give_bytes(Side::kClient, client.say());
      if (origin && connected_) moved = give_bytes(Side::kOrigin, origin->say()) || moved;
      if (!to_client_.empty()) {
        client.hear(base::as_bytes(std::exchange(to_client_, {})));
        moved = true;
      }
      if (!to_origin_.empty()) {
        origin->hear(base::as_bytes(std::exchange(to_origin_, {})));
        moved = true;
      }
      for (const Side side : std::exchange(tell_, {})) {
        give(Sent{side});
        moved = true;
      }
      if (std::exchange(dialling_, false)) {
        give(connected());
        moved = true;
      }
      if (std::exchange(securing_, false)) {
        origin.emplace(Http2Session::Role::kServer);
        connected_ = true;
        give(secured());
        moved = true;
      }
    }
  }
  void tick() {
    REQUIRE(machine_->deadline());
    now_ = *machine_->deadline();
    give(Tick{});
    pass();
  }
  void lose_origin() {
    connected_ = false;
    to_origin_.clear();
    give(ReadEnded{Side::kOrigin});
    pass();
  }

  http::StreamId ask(const std::string& path, const std::string& method = "GET", bool end = true,
                     const std::string& host = "example.com") {
    http::Request request;
    request.method = method;
    request.authority = {host, std::nullopt, 443};
    request.path = path;
    if (!end) request.body = {http::BodyKind::kChunked};
    const http::StreamId id = client.session.send_request(request, end);
    REQUIRE(id != 0);
    pass();
    return id;
  }
  void respond(http::StreamId id, const std::string& body, bool end = true) {
    http::Response response;
    response.status = 200;
    response.body = {http::BodyKind::kChunked};
    origin->session.send_response(id, response, false);
    origin->session.send_data(id, base::Chunk::copy_of(body));
    if (end) origin->session.send_end(id);
    pass();
  }
  // The last record of an exchange.
  const FlowRecord& closed(const std::string& path) const {
    for (auto at = written.rbegin(); at != written.rend(); ++at) {
      if (at->state == Record::State::kClosed && at->record.exchange &&
          at->record.exchange->url == "https://example.com" + path) {
        return at->record;
      }
    }
    FAIL("no closed record of " << path);
    return written.front().record;
  }
  size_t count(Record::State state) const {
    return static_cast<size_t>(
        std::count_if(written.begin(), written.end(), [&](const Written& one) { return one.state == state; }));
  }

  ProxyFlow& machine() { return *machine_; }
  const std::shared_ptr<const Settings>& settings() const { return settings_; }
  base::Time now() const { return now_; }

  Peer client{Http2Session::Role::kClient};
  std::optional<Peer> origin;
  std::vector<Written> written;
  size_t dials = 0, hang_ups = 0;
  bool fail_dials = false;
  std::optional<CloseReason> over;

 private:
  uint64_t next_event_counter() override { return ++event_counter_; }

  bool give_bytes(Side side, const std::string& bytes) {
    if (bytes.empty()) return false;
    give(Received{side, base::Chunk::copy_of(bytes)});
    return true;
  }
  void note(Action& action) {
    if (auto* send = std::get_if<Send>(&action)) {
      (send->side == Side::kClient ? to_client_ : to_origin_) += send->bytes.text();
    } else if (auto* record = std::get_if<Record>(&action)) {
      FlowRecord& of = record->of ? *record->of : machine_->record();
      ++of.revision;
      written.push_back({record->state, of});
      if (of.exchange) written.back().record.exchange = std::make_shared<Exchange>(*of.exchange);
    } else if (auto* tell = std::get_if<TellWhenSent>(&action)) {
      tell_.push_back(tell->side);
    } else if (std::holds_alternative<Dial>(action)) {
      dialling_ = ++dials > 1;
    } else if (std::holds_alternative<SecureOrigin>(action)) {
      securing_ = dials > 1;
    } else if (std::holds_alternative<HangUp>(action)) {
      ++hang_ups;
      connected_ = false;
      to_origin_.clear();
    } else if (auto* close = std::get_if<Close>(&action)) {
      over = close->reason;
    }
  }

  base::Time now_{base::Duration(1'000'000)};
  std::shared_ptr<const Settings> settings_;
  std::unique_ptr<ProxyFlow> machine_;
  uint64_t event_counter_ = 1;
  std::string to_client_, to_origin_;
  std::vector<Side> tell_;
  bool dialling_ = false, securing_ = false, connected_ = true;
};

}  // namespace

TEST_CASE("multiplexing: each stream is an exchange with a record of its own") {
  Conversation talk;
  const auto first = talk.ask("/a?secret");
  const auto second = talk.ask("/b");
  REQUIRE(talk.origin->order.size() == 2);
  CHECK(talk.origin->streams[talk.origin->order[0]].request == "GET /a?secret");
  CHECK(talk.count(Record::State::kClosed) == 0);
  talk.respond(talk.origin->order[1], "second");
  CHECK(talk.client.streams[second].body == "second");
  CHECK(talk.closed("/b").event_counter == 2);
  CHECK(talk.closed("/b").exchange->version == HttpVersion::kHttp2);
  talk.respond(talk.origin->order[0], "first");
  CHECK(talk.client.streams[first].body == "first");
  CHECK(talk.closed("/a").event_counter == 1);
  CHECK(talk.closed("/a").close_reason == CloseReason::kCompleted);
  CHECK(talk.closed("/a").action == Verdict::kAllow);
  CHECK(talk.closed("/a").exchange->status == 200);
  CHECK(talk.closed("/a").server_bytes > 5);
  const FlowRecord& flow = talk.machine().record();
  CHECK(flow.earlier_server_bytes == talk.closed("/a").server_bytes + talk.closed("/b").server_bytes);
  // The connection itself has no record beside those of its exchanges.
  talk.give(ReadEnded{Side::kClient});
  CHECK(talk.over == CloseReason::kClientClosed);
  CHECK(talk.count(Record::State::kClosed) == 2);
}

TEST_CASE("multiplexing: a connection without a request has the flow's record") {
  Conversation talk;
  talk.pass();
  talk.give(ReadEnded{Side::kClient});
  CHECK(talk.count(Record::State::kClosed) == 1);
  CHECK_FALSE(talk.written.back().record.exchange);
}

TEST_CASE("multiplexing: what is refused does not disturb its neighbours, and does not leave") {
  Conversation talk;
  const auto good = talk.ask("/good");
  const auto blocked = talk.ask("/upload", "POST", false);
  const auto other = talk.ask("/", "GET", true, "elsewhere.example");
  CHECK(talk.client.streams[blocked].status == 403);
  CHECK(talk.client.streams[other].status == 421);
  CHECK(talk.closed("/upload").policy == "No uploads");
  CHECK(talk.closed("/upload").close_reason == CloseReason::kPolicyBlock);
  CHECK(talk.origin->order.size() == 1);
  talk.respond(talk.origin->order[0], "good");
  CHECK(talk.client.streams[good].body == "good");
}

TEST_CASE("multiplexing: a reader that stands still holds up nobody, and bounds its sender") {
  Conversation talk;
  talk.client.reads = false;
  const auto slow = talk.ask("/slow");
  const auto at_origin = talk.origin->order[0];
  const std::string much(3'000'000, 'x');
  talk.respond(at_origin, much);
  const size_t got = talk.client.streams[slow].body.size();
  CHECK(got < much.size());
  CHECK(talk.origin->session.unsent(at_origin) > 0);
  talk.client.reads = true;
  const auto fast = talk.ask("/fast");
  talk.respond(talk.origin->order[1], "fast");
  CHECK(talk.client.streams[fast].body == "fast");
  talk.client.session.consumed(slow, got);
  talk.pass();
  CHECK(talk.client.streams[slow].body == much);
  CHECK(talk.closed("/slow").server_bytes > much.size());
}

TEST_CASE("multiplexing: resets go across, each with its reason") {
  Conversation talk;
  const auto first = talk.ask("/first");
  const auto second = talk.ask("/second");
  talk.client.session.reset(first, Http2Code::kCancel);
  talk.pass();
  CHECK(talk.origin->streams[talk.origin->order[0]].reset == Http2Code::kCancel);
  CHECK(talk.closed("/first").close_reason == CloseReason::kClientReset);
  talk.origin->session.reset(talk.origin->order[1], Http2Code::kInternalError);
  talk.pass();
  CHECK(talk.client.streams[second].reset == Http2Code::kInternalError);
  CHECK(talk.closed("/second").close_reason == CloseReason::kOriginReset);
}

TEST_CASE("multiplexing: an origin that goes away") {
  Conversation talk;
  const auto first = talk.ask("/first");
  SECTION("while it answers: the client hears it, and what still comes is refused") {
    talk.origin->session.drain();
    talk.pass();
    CHECK(talk.client.went_away);
    talk.respond(talk.origin->order[0], "first");
    CHECK(talk.client.streams[first].body == "first");
  }
  SECTION("idle: it is dialled again") {
    talk.respond(talk.origin->order[0], "first");
    talk.lose_origin();
    const auto again = talk.ask("/again");
    CHECK(talk.dials == 2);
    REQUIRE(talk.origin->order.size() == 1);
    talk.respond(talk.origin->order[0], "again");
    CHECK(talk.client.streams[again].body == "again");
    CHECK_FALSE(talk.client.went_away);
  }
  SECTION("just when a request comes: it is sent again, once") {
    talk.respond(talk.origin->order[0], "first");
    const auto again = talk.ask("/again");
    talk.lose_origin();
    CHECK(talk.dials == 2);
    talk.lose_origin();
    CHECK(talk.dials == 2);
    CHECK(talk.client.streams[again].status == 502);
    CHECK(talk.closed("/again").close_reason == CloseReason::kOriginClosed);
  }
  SECTION("in the middle of a response") {
    talk.respond(talk.origin->order[0], "part", false);
    talk.lose_origin();
    CHECK(talk.client.streams[first].reset == Http2Code::kInternalError);
    CHECK(talk.closed("/first").close_reason == CloseReason::kOriginClosed);
  }
}

TEST_CASE("multiplexing: time passes") {
  Conversation talk;
  SECTION("a stream on which nothing moves ends alone") {
    const auto still = talk.ask("/still");
    while (!talk.client.streams[still].reset) talk.tick();
    CHECK(talk.closed("/still").close_reason == CloseReason::kIdleTimeout);
    CHECK_FALSE(talk.over);
    CHECK(talk.origin->streams[talk.origin->order[0]].reset == Http2Code::kCancel);
  }
  SECTION("an idle connection gives the origin's back, and ends itself later") {
    talk.respond((talk.ask("/"), talk.origin->order[0]), "x");
    talk.tick();
    CHECK(talk.hang_ups == 1);
    talk.tick();
    CHECK(talk.client.went_away);
  }
}

TEST_CASE("multiplexing: the total time of a connection is bounded when so configured") {
  constexpr base::Duration total{30'000};
  Conversation talk(total);
  const base::Time begun = talk.now();
  talk.ask("/open");
  talk.tick();
  CHECK(talk.now() == begun + total);
  CHECK(talk.over == CloseReason::kTotalTimeout);
  CHECK(talk.closed("/open").close_reason == CloseReason::kTotalTimeout);
}

TEST_CASE("multiplexing: the PoP ends") {
  Conversation talk;
  const auto open = talk.ask("/open");
  talk.give(Draining{});
  talk.pass();
  CHECK(talk.client.went_away);
  SECTION("what runs may finish, and then the connection does") {
    talk.tick();
    talk.respond(talk.origin->order[0], "whole");
    CHECK(talk.client.streams[open].body == "whole");
    CHECK(talk.machine().stage_name() == std::string("refusing"));
    CHECK(talk.count(Record::State::kClosed) == 1);
  }
  SECTION("or it is cut off in the end") {
    talk.give(Shutdown{CloseReason::kDrain, {}});
    CHECK(talk.over == CloseReason::kDrain);
    CHECK(talk.closed("/open").close_reason == CloseReason::kDrain);
  }
}

TEST_CASE("multiplexing: a reload blocks what runs, stream by stream") {
  Conversation talk;
  const auto bad = talk.ask("/bad");
  const auto good = talk.ask("/good", "PUT", false);
  Settings changed = *talk.settings();
  changed.policy = support::policy_of(
      "tenant: acme\nrealtime_policies:\n"
      "- {name: No reading, match: {domains: [example.com], methods: [GET]}, action: block}\n");
  talk.give(PolicyChanged{std::make_shared<const Settings>(std::move(changed)), {}});
  talk.pass();
  CHECK(talk.client.streams[bad].reset == Http2Code::kCancel);
  CHECK(talk.closed("/bad").close_reason == CloseReason::kPolicyChanged);
  CHECK(talk.closed("/bad").policy == "No reading");
  CHECK_FALSE(talk.client.streams[good].reset);
}

TEST_CASE("multiplexing: what is no HTTP/2 inside") {
  Conversation talk;
  talk.give(Received{Side::kClient, base::Chunk::copy_of("PRI * HTTP/2.0\r\n\r\nSMTP")});
  CHECK(talk.over == CloseReason::kUnknownProtocol);
  CHECK(talk.machine().record().policy == "unknown_protocol");
}

TEST_CASE("multiplexing: a head that comes in pieces has a head's time, whatever else goes on") {
  Conversation talk;
  talk.ask("/good");
  http::Request request;
  request.method = "GET";
  request.authority = {"example.com", std::nullopt, 443};
  request.path = "/slow";
  REQUIRE(talk.client.session.send_request(request, true) != 0);
  const std::string head = talk.client.say();
  talk.give(Received{Side::kClient, base::Chunk::copy_of(head.substr(0, head.size() - 1))});
  const base::Time begun = talk.now();
  talk.tick();
  CHECK(talk.now() == begun + talk.settings()->timeouts.head);
  CHECK(talk.over == CloseReason::kHeadTimeout);
  CHECK(talk.closed("/good").close_reason == CloseReason::kHeadTimeout);
}

}  // namespace sluice::flow::test
