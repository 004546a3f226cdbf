// Every stage hears every input: whatever happens, the actions keep the rules of io.h.
#include <functional>

#include "tests/scenario/flow_scripts.h"

namespace sluice::flow::test {

namespace {

struct StageWay {
  const char* stage;
  std::function<void(Playbook&)> reach;
};

// A tunnel's CONNECT with the beginning of a ClientHello behind it.
Opened half_a_hello() {
  Opened opened;
  opened.tunnel = std::make_shared<TunnelEnd>();
  opened.request = ConnectRequest{"example.com:443", {}};
  opened.early = base::Chunk::copy_of(hello_for("example.com").substr(0, 50));
  return opened;
}

Opened turned_over() {
  Opened opened;
  opened.original_destination = *base::Endpoint::parse("203.0.113.7:443");
  return opened;
}

Opened opened_for(const std::string& stage) {
  if (stage == "hearing") return half_a_hello();
  return stage == "recognizing" ? turned_over() : Opened{};
}

Settings settings_for(const std::string& stage) {
  Settings settings = open_settings();
  settings.transparent = stage == "recognizing";
  settings.interception = true;
  return settings;
}

const StageWay ways[] = {
    {"greeting", [](Playbook& p) { p.received(Side::kClient, "CONN"); }},
    {"hearing", [](Playbook&) {}},
    {"recognizing", [](Playbook&) {}},
    {"dialing", [](Playbook& p) { p.received(Side::kClient, connect_example); }},
    {"peeking", [](Playbook& p) { to_peeking(p); }},
    {"splicing",
     [](Playbook& p) {
       to_peeking(p);
       p.received(Side::kClient, "x");
     }},
    {"redialing", [](Playbook& p) { to_redialing(p); }},
    {"handshaking",
     [](Playbook& p) {
       to_peeking(p);
       p.received(Side::kClient, hello_for("example.com"));
     }},
    {"relaying",
     [](Playbook& p) {
       p.received(Side::kClient, "POST http://example.com/ HTTP/1.1\r\nHost: example.com\r\nContent-Length: 9\r\n\r\n");
       p.in(connected());
     }},
    {"multiplexing",
     [](Playbook& p) {
       to_peeking(p);
       p.received(Side::kClient, hello_for("example.com"));
       Handshake agreed;
       agreed.alpn = "h2";
       p.in(OriginSecured{agreed, false, {}});
       p.in(ClientSecured{agreed, true});
       p.received(Side::kClient, "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");
     }},
    {"refusing", [](Playbook& p) { p.received(Side::kClient, "GET / HTTP/1.1\r\n\r\n"); }},
};

std::vector<Input> every_input() {
  std::vector<Input> inputs;
  inputs.push_back(Opened{});
  for (const Side side : {Side::kClient, Side::kOrigin}) {
    inputs.push_back(Received{side, base::Chunk::copy_of("bytes")});
    inputs.push_back(ReadEnded{side});
    inputs.push_back(Reset{side});
  }
  inputs.push_back(AuthDone{true});
  inputs.push_back(AuthDone{false});
  inputs.push_back(Resolved{});
  inputs.push_back(connected());
  inputs.push_back(failed(CloseReason::kConnectRefused));
  inputs.push_back(OriginSecured{});
  inputs.push_back(ClientSecured{});
  inputs.push_back(SpliceEnded{{}, CloseReason::kClientClosed});
  inputs.push_back(Resumed{});
  inputs.push_back(Sent{Side::kClient});
  inputs.push_back(Draining{});
  inputs.push_back(Tick{});
  inputs.push_back(Shutdown{CloseReason::kDrain, {}});
  inputs.push_back(PolicyChanged{std::make_shared<const Settings>(open_settings()), {}});
  return inputs;
}

// Pairs that cannot come from a driver that keeps its contract, and therefore have no handler.
bool is_unexpected(const std::string& stage, const Input& input) {
  const bool opened = std::holds_alternative<Opened>(input);
  const bool auth = std::holds_alternative<AuthDone>(input);
  const bool dial = std::holds_alternative<DialDone>(input);
  const bool secured = std::holds_alternative<OriginSecured>(input) || std::holds_alternative<ClientSecured>(input);
  const bool splice = std::holds_alternative<SpliceEnded>(input);
  const bool resumed = std::holds_alternative<Resumed>(input);
  const bool tick = std::holds_alternative<Tick>(input);
  const bool bytes = std::holds_alternative<Received>(input) || std::holds_alternative<ReadEnded>(input) ||
                     std::holds_alternative<Reset>(input);
  const bool relays = stage == "relaying" || stage == "multiplexing";
  if (std::holds_alternative<Draining>(input)) return false;  // nothing to say about it
  if (std::holds_alternative<Sent>(input)) return stage != "multiplexing" && stage != "refusing";
  if (resumed) return !relays && stage != "refusing";
  if (secured && stage != "handshaking") {
    return !relays || std::holds_alternative<ClientSecured>(input);
  }
  if (std::holds_alternative<Resolved>(input)) return true;  // a PoP's flow asks for no address
  if (stage == "greeting") return dial || splice;
  if (stage == "recognizing") return auth || dial || splice;
  if (stage == "hearing") return opened || auth || dial || splice;
  if (stage == "dialing" || stage == "redialing") return opened || auth || splice || tick;
  if (stage == "peeking") return opened || auth || dial || splice;
  if (stage == "splicing") return opened || auth || dial || bytes;
  if (stage == "handshaking") return opened || auth || splice;
  if (relays) return opened || auth || splice;
  return opened || dial || splice;  // refusing
}

}  // namespace

TEST_CASE("every (stage, input) pair is handled, or closes with a reason that names the pair") {
  const size_t count = every_input().size();
  for (const StageWay& way : ways) {
    for (size_t i = 0; i < count; ++i) {
      Playbook play(Mode::kWhole, settings_for(way.stage), opened_for(way.stage));
      way.reach(play);
      play.forget();
      REQUIRE(std::string(play.machine().stage_name()) == way.stage);
      std::vector<Input> inputs = every_input();
      INFO(way.stage << " hears input " << i << " of kind " << inputs[i].index());
      // These two pairs are answers to questions that were not asked in this script.
      if (std::string(way.stage) == "greeting" &&
          (std::holds_alternative<AuthDone>(inputs[i]) || std::holds_alternative<Opened>(inputs[i]))) {
        continue;
      }
      const bool unexpected = is_unexpected(way.stage, inputs[i]);
      play.in(std::move(inputs[i]));
      size_t closes = 0;
      for (const std::string& action : play.pending()) {
        CHECK(closes == 0);  // nothing after Close
        closes += action.starts_with("close ") ? 1 : 0;
      }
      CHECK(play.machine().done() == (closes == 1));
      CHECK((play.record().close_reason == CloseReason::kInternalError) == unexpected);
      if (unexpected) {
        const std::string policy = play.record().policy;
        CHECK(policy.starts_with("unexpected "));
        CHECK(policy.ends_with(std::string(" in ") + way.stage));
      }
      play.forget();
    }
  }
}

}  // namespace sluice::flow::test
