// A client of HTTP/2 before an origin of HTTP/1.1: which connections there are, who uses them, and what becomes of
// streams when one ends.
#include <deque>

#include "tests/scenario/mux_peer.h"
#include "tests/scenario/relay_scripts.h"

namespace sluice::flow::test {

namespace {

// One connection to the origin, as the driver and the origin see it.
struct Leg {
  bool open = false;
  bool held = false;
  std::string heard;  // what was sent to it and not answered
  int dials = 0;
};

class Translation : private EventIds {
 public:
  Translation() {
    Settings settings = open_settings();
    settings.interception = true;
    machine_ = std::make_unique<ProxyFlow>(std::make_shared<const Settings>(std::move(settings)),
                                           *base::Endpoint::parse("192.0.2.10:40000"), now_,
                                           base::WallTime(base::Duration(1'700'000'000'000)));
    machine_->use_event_ids(*this);
    give(Opened{});
    give(Received{Side::kClient, base::Chunk::copy_of("CONNECT example.com:443 HTTP/1.1\r\n\r\n")});
    give(connected());
    give(Received{Side::kClient, base::Chunk::copy_of(hello_for("example.com"))});
    give(OriginSecured{agreed("http/1.1"), false, {}});
    give(ClientSecured{agreed("h2"), true});
    to_client_.clear();
    dialled_.clear();
    legs[0] = {true, false, "", 1};
    REQUIRE(machine_->stage_name() == std::string("multiplexing"));
  }

  static Handshake agreed(const char* alpn) {
    return {.failed = false, .alert = 0, .version = 0x0304, .cipher = "TLS_AES_128_GCM_SHA256", .alpn = alpn};
  }
  void give(Input input) {
    if (machine_->done()) return;
    Outbox out;
    machine_->handle(std::move(input), now_, out);
    for (Action& action : out) note(action);
  }
  void pass() {
    for (bool moved = true; moved && !machine_->done();) {
      const std::string said = client.say();
      moved = !said.empty() || !to_client_.empty() || !tell_.empty() || !dialled_.empty();
      if (!said.empty()) give(Received{Side::kClient, base::Chunk::copy_of(said)});
      if (!to_client_.empty()) client.hear(base::as_bytes(std::exchange(to_client_, {})));
      for (const TellWhenSent& tell : std::exchange(tell_, {})) give(Sent{tell.side, tell.leg});
      for (const LegIndex leg : std::exchange(dialled_, {})) open(leg);
    }
  }
  http::StreamId ask(const std::string& path, const std::string& method = "GET") {
    http::Request request;
    request.method = method;
    request.authority = {"example.com", std::nullopt, 443};
    request.path = path;
    const http::StreamId id = client.session.send_request(request, true);
    REQUIRE(id != 0);
    pass();
    return id;
  }
  void answer(LegIndex leg, const std::string& bytes) {
    legs[leg].heard.clear();
    give(Received{Side::kOrigin, base::Chunk::copy_of(bytes), leg});
    pass();
  }
  void close_leg(LegIndex leg) {
    give(ReadEnded{Side::kOrigin, false, leg});
    pass();
  }
  void tick() {
    REQUIRE(machine_->deadline());
    now_ = *machine_->deadline();
    give(Tick{});
    pass();
  }
  size_t open_legs() const {
    return static_cast<size_t>(
        std::count_if(legs.begin(), legs.end(), [](const auto& leg) { return leg.second.open; }));
  }
  bool asks(LegIndex leg, const std::string& path) {
    return legs[leg].heard.starts_with("GET " + path + " HTTP/1.1\r\n");
  }

  Peer client{Http2Session::Role::kClient};
  std::map<LegIndex, Leg> legs;
  CloseReason failure = CloseReason::kUnspecified;  // of the next dials
  const char* version = "http/1.1";                 // that further connections agree on
  int dials = 0;
  std::vector<LegIndex> aborted;
  std::optional<CloseReason> over;

 private:
  uint64_t next_event_counter() override { return ++event_counter_; }

  void open(LegIndex leg) {
    if (failure != CloseReason::kUnspecified) {
      give(DialDone{failure, {}, "no", {}, leg});
      return;
    }
    DialDone done = connected();
    done.leg = leg;
    give(std::move(done));
    legs[leg].open = true;
    give(OriginSecured{agreed(version), false, {}, leg});
  }
  void note(Action& action) {
    if (auto* send = std::get_if<Send>(&action)) {
      (send->side == Side::kClient ? to_client_ : legs[send->leg].heard) += send->bytes.text();
    } else if (auto* tell = std::get_if<TellWhenSent>(&action)) {
      tell_.push_back(*tell);
    } else if (auto* dial = std::get_if<Dial>(&action)) {
      ++dials;
      dialled_.push_back(dial->leg);
    } else if (auto* hang_up = std::get_if<HangUp>(&action)) {
      legs[hang_up->leg] = {};
    } else if (auto* hold = std::get_if<HoldRead>(&action)) {
      if (hold->side == Side::kOrigin) legs[hold->leg].held = true;
    } else if (auto* release = std::get_if<ReleaseRead>(&action)) {
      if (release->side == Side::kOrigin) legs[release->leg].held = false;
    } else if (auto* abort = std::get_if<Abort>(&action)) {
      if (abort->side == Side::kOrigin) aborted.push_back(abort->leg);
    } else if (auto* close = std::get_if<Close>(&action)) {
      over = close->reason;
    }
  }

  base::Time now_{base::Duration(1'000'000)};
  std::unique_ptr<ProxyFlow> machine_;
  uint64_t event_counter_ = 1;
  std::string to_client_;
  std::vector<TellWhenSent> tell_;
  std::vector<LegIndex> dialled_;
};

const std::string ok = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";

}  // namespace

TEST_CASE("translation: one exchange at a time on each connection, and six of them") {
  Translation talk;
  std::vector<http::StreamId> streams;
  for (int i = 0; i < 8; ++i) streams.push_back(talk.ask("/" + std::to_string(i)));
  CHECK(talk.open_legs() == 6);
  CHECK(talk.dials == 6);  // the first one included
  for (LegIndex leg = 0; leg < 6; ++leg) CHECK(talk.asks(leg, "/" + std::to_string(leg)));
  talk.answer(3, ok);
  CHECK(talk.client.streams[streams[3]].body == "ok");
  CHECK(talk.asks(3, "/6"));
  talk.answer(0, ok);
  CHECK(talk.asks(0, "/7"));
  for (LegIndex leg = 0; leg < 6; ++leg) talk.answer(leg, ok);
  for (const http::StreamId stream : streams) {
    CHECK(talk.client.streams[stream].status == 200);
    CHECK(talk.client.streams[stream].ended);
  }
}

TEST_CASE("translation: one request after the other needs one connection") {
  Translation talk;
  for (int i = 0; i < 5; ++i) {
    const auto stream = talk.ask("/");
    talk.answer(0, ok);
    CHECK(talk.client.streams[stream].body == "ok");
  }
  CHECK(talk.open_legs() == 1);
  CHECK(talk.dials == 1);
}

TEST_CASE("translation: a connection that cannot be opened is missed by nobody") {
  Translation talk;
  talk.failure = CloseReason::kConnectRefused;
  const auto first = talk.ask("/0");
  const auto second = talk.ask("/1");
  const int dials = talk.dials;
  const auto third = talk.ask("/2");
  CHECK(talk.dials == dials);  // not for every stream anew
  for (const auto stream : {first, second, third}) {
    talk.answer(0, ok);
    CHECK(talk.client.streams[stream].body == "ok");
  }
}

TEST_CASE("translation: without any connection what waits is refused") {
  Translation talk;
  talk.close_leg(0);
  talk.failure = CloseReason::kConnectRefused;
  const auto refused = talk.ask("/0");
  CHECK(talk.client.streams[refused].status == 502);
  talk.failure = CloseReason::kUnspecified;
  for (int i = 0; i < 3; ++i) talk.ask("/again");
  CHECK(talk.open_legs() == 3);
}

TEST_CASE("translation: a connection that closed when the request came") {
  Translation talk;
  talk.ask("/used");
  talk.answer(0, ok);
  SECTION("a request that may be repeated is") {
    const auto stream = talk.ask("/again");
    talk.close_leg(0);
    CHECK(talk.asks(0, "/again"));
    talk.answer(0, ok);
    CHECK(talk.client.streams[stream].body == "ok");
  }
  SECTION("another one is refused, and its neighbours go on") {
    const auto lost = talk.ask("/", "DELETE");
    const auto kept = talk.ask("/kept");
    talk.close_leg(0);
    CHECK(talk.client.streams[lost].status == 502);
    talk.answer(1, ok);
    CHECK(talk.client.streams[kept].body == "ok");
  }
  SECTION("in the middle of the response") {
    const auto cut = talk.ask("/cut");
    talk.answer(0, "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf");
    talk.close_leg(0);
    CHECK(talk.client.streams[cut].body == "half");
    CHECK_FALSE(talk.client.streams[cut].ended);
    CHECK(talk.client.streams[cut].reset == Http2Code::kInternalError);
  }
}

TEST_CASE("translation: an origin that learned HTTP/2 meanwhile has one connection") {
  Translation talk;
  talk.close_leg(0);
  talk.version = "h2";
  for (int i = 0; i < 3; ++i) talk.ask("/");
  CHECK(talk.open_legs() == 1);
  CHECK(talk.legs[0].heard.starts_with("PRI * HTTP/2.0"));
}

TEST_CASE("translation: a reader that stands still holds its own connection") {
  Translation talk;
  talk.client.reads = false;
  const auto slow = talk.ask("/slow");
  talk.answer(0, "HTTP/1.1 200 OK\r\nContent-Length: 400000\r\n\r\n" + std::string(200'000, 'x'));
  CHECK(talk.legs[0].held);
  talk.client.reads = true;
  const auto fast = talk.ask("/fast");
  talk.answer(1, ok);
  CHECK(talk.client.streams[fast].body == "ok");
  CHECK_FALSE(talk.legs[1].held);
  talk.client.session.consumed(slow, talk.client.streams[slow].body.size());
  talk.pass();
  CHECK_FALSE(talk.legs[0].held);
  talk.answer(0, std::string(200'000, 'x'));
  CHECK(talk.client.streams[slow].body.size() == 400'000);
  CHECK(talk.client.streams[slow].ended);
}

TEST_CASE("translation: a client that gives a stream up costs its connection, not its neighbours") {
  Translation talk;
  const auto given_up = talk.ask("/0");
  const auto other = talk.ask("/1");
  talk.client.session.reset(given_up, Http2Code::kCancel);
  talk.pass();
  CHECK_FALSE(talk.legs[0].open);
  talk.answer(1, ok);
  CHECK(talk.client.streams[other].body == "ok");
}

TEST_CASE("translation: connections that nobody uses are closed") {
  Translation talk;
  for (int i = 0; i < 3; ++i) talk.ask("/");
  CHECK(talk.open_legs() == 3);
  for (LegIndex leg = 0; leg < 3; ++leg) talk.answer(leg, ok);
  talk.tick();
  CHECK(talk.open_legs() == 0);
  CHECK_FALSE(talk.over);
}

TEST_CASE("translation: the end of the flow is the end of every connection") {
  Translation talk;
  for (int i = 0; i < 3; ++i) talk.ask("/");
  talk.give(Shutdown{CloseReason::kDrain, {}});
  CHECK(talk.over == CloseReason::kDrain);
  CHECK(talk.aborted == std::vector<LegIndex>{0, 1, 2});
}

}  // namespace sluice::flow::test
