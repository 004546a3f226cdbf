#include "proxy/drive/tunnel_client.h"

#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <catch2/catch.hpp>
#include <utility>

#include "proxy/net/address.h"
#include "tests/unit/drive/tunnel_pops.h"

namespace sluice::drive::test {

using State = TunnelClient::State;

TEST_CASE("a flow through a tunnel: metadata and first bytes with the CONNECT, bytes both ways") {
  World world;
  EchoPop& pop = world.add_pop();
  world.connect({pop.port()});
  ClientFlow& flow = world.flow("a.example", "hello ");  // waits for the tunnel
  world.until([&] { return flow.received == "hello "; });
  CHECK(flow.done->failure == flow::CloseReason::kUnspecified);
  flow.send("world");
  world.until([&] { return flow.received == "hello world"; });
  REQUIRE(pop.seen.size() == 1);
  CHECK(pop.seen[0].tunnel->user == "anna");
  CHECK(pop.seen[0].tunnel->device->id == "laptop-7");
  CHECK(*wire::find_field(pop.seen[0].request->fields, "sluice-flow-id") == "f-1");
  CHECK(world.client->state() == State::kUp);
  CHECK(world.client->round_trip());
}

TEST_CASE("a refusal arrives with its reason and its rule") {
  World world;
  world.connect({world.add_pop().port()});
  ClientFlow& flow = world.flow("no.example", "hello");
  world.until([&] { return flow.done.has_value(); });
  CHECK(flow.done->failure == flow::CloseReason::kPolicyBlock);
  CHECK(flow.done->policy == "No such names");
}

TEST_CASE("a PoP that dies loses its flows; new ones go to the next within the time a flow waits") {
  World world;
  EchoPop& first = world.add_pop();
  TunnelClient& client = world.connect({first.port()});
  world.until([&] { return client.state() == State::kUp; });
  world.client.reset();
  EchoPop& second = world.add_pop();
  TunnelClient& both = world.connect({first.port(), second.port()});
  world.until([&] { return both.state() == State::kUp; });
  EchoPop& used = both.pop() == std::to_string(first.port()) ? first : second;
  EchoPop& other = &used == &first ? second : first;
  ClientFlow& flow = world.flow("a.example", "x");
  world.until([&] { return flow.received == "x"; });
  used.die();
  const base::Time died = base::time_now();
  world.until([&] { return flow.lost(); });
  ClientFlow& next = world.flow("b.example", "y");
  world.until([&] { return next.received == "y"; });
  CHECK(base::time_now() - died < base::Duration(3'000));
  CHECK(both.pop() == std::to_string(other.port()));
  CHECK(both.tunnels_made() == 2);
}

TEST_CASE("a PoP that never answers does not hold up the ones that do") {
  World world;
  auto silent = net::Listener::listen(world.loop, *base::Endpoint::parse("127.0.0.1:0"), [](int, const auto&) {});
  REQUIRE(silent);
  EchoPop& pop = world.add_pop();
  TunnelClient& client = world.connect({(*silent)->address().port, pop.port()});
  const base::Time began = base::time_now();
  ClientFlow& flow = world.flow("a.example", "x");
  world.until([&] { return flow.received == "x"; });
  CHECK(base::time_now() - began < base::Duration(3'000));
  CHECK(client.pop() == std::to_string(pop.port()));
}

TEST_CASE("a PoP that drains keeps its flows, and new ones go elsewhere with a resumed session where possible") {
  World world;
  EchoPop& first = world.add_pop();
  EchoPop& second = world.add_pop();
  TunnelClient& client = world.connect({first.port(), second.port()});
  world.until([&] { return client.state() == State::kUp; });
  EchoPop& used = client.pop() == std::to_string(first.port()) ? first : second;
  ClientFlow& flow = world.flow("a.example", "x");
  world.until([&] { return flow.received == "x"; });
  used.server().drain();
  world.until([&] { return client.tunnels_made() == 2; });
  ClientFlow& next = world.flow("b.example", "y");
  world.until([&] { return next.received == "y"; });
  flow.send("still");
  world.until([&] { return flow.received == "xstill"; });
  CHECK_FALSE(flow.lost());
}

TEST_CASE("a PoP that falls silent is found dead in under ten seconds, and a new flow gets elsewhere in under three") {
  World world;
  SilencingPop first(world.installation);
  SilencingPop second(world.installation);
  TunnelClient& client = world.connect({first.port(), second.port()});
  world.until([&] { return client.state() == State::kUp; });
  ClientFlow& flow = world.flow("a.example", "x");
  world.until([&] { return flow.received == "x"; });
  SilencingPop& used = client.pop() == std::to_string(first.port()) ? first : second;
  used.fall_silent();
  const base::Time silent = base::time_now();
  ClientFlow& next = world.flow("b.example", "y");
  world.until([&] { return next.received == "y"; });
  CHECK(base::time_now() - silent < base::Duration(3'000));
  world.until([&] { return flow.lost(); });

  SilencingPop& other = &used == &first ? second : first;
  CHECK(client.pop() == std::to_string(other.port()));
  other.fall_silent();
  const base::Time silent_again = base::time_now();
  world.until([&] { return client.state() != State::kUp; });  // nobody asks; the open flow's tunnel asks itself
  CHECK(base::time_now() - silent_again < base::Duration(10'000));
}

// Ten thousand flows that begin at once keep a loop busy for seconds; its own silence is not the PoP's.
TEST_CASE("a loop that was busy does not take its PoP for dead") {
  World world;
  SilencingPop pop(world.installation);
  TunnelClient& client = world.connect({pop.port()});
  world.until([&] { return client.state() == State::kUp; });
  world.flow("a.example", "x");
  world.until([&] { return world.flows[0]->received == "x"; });
  const auto be_busy = [](base::Duration time) {
    for (const base::Time since = base::time_now(); base::time_now() < since + time;) std::this_thread::yield();
  };
  world.loop.post([&] { be_busy(2 * probe_after); });
  world.until([] { return true; });
  world.loop.post([&] {
    world.flow("b.example", "y");  // asks whether the PoP lives, which leaves when this turn ends
    be_busy(ping_answer + base::Duration(500));
  });
  world.until([&] { return world.flows.size() == 2 && world.flows[1]->received == "y"; });
  CHECK_FALSE(world.flows[0]->lost());
  CHECK(client.tunnels_made() == 1);
}

TEST_CASE("flows that come at once begin over several turns of the PoP's loop") {
  World world;
  EchoPop& pop = world.add_pop();
  TunnelClient& client = world.connect({pop.port()});
  world.until([&] { return client.state() == State::kUp; });
  size_t before = 0, most = 0;
  world.loop.at_turn_end([&] { most = std::max(most, pop.seen.size() - std::exchange(before, pop.seen.size())); });
  constexpr size_t flows = 5 * requests_per_turn_max;
  for (size_t i = 0; i < flows; ++i) world.flow("a.example", "x");
  world.until([&] { return pop.seen.size() == flows; });
  CHECK(most <= 2 * requests_per_turn_max);  // when bytes come, and at the end of the turn
  world.until([&] {
    return std::all_of(world.flows.begin(), world.flows.end(), [](const auto& flow) { return flow->received == "x"; });
  });
}

TEST_CASE("without any PoP flows fail at once, and a later start is found") {
  World world;
  uint16_t port = 0;
  {
    EchoPop gone(world.loop, world.installation);
    port = gone.port();
  }
  TunnelClient& client = world.connect({port});
  world.until([&] { return client.state() == State::kDown; });
  CHECK_FALSE(client.problem().empty());
  ClientFlow& flow = world.flow("a.example");
  world.until([&] { return flow.done.has_value(); });
  CHECK(flow.done->failure == flow::CloseReason::kTunnelLost);
}

TEST_CASE("a certificate that the PoP refuses never looks like a tunnel") {
  World world;
  Installation others;
  EchoPop stranger(world.loop, others);
  TunnelClient& client = world.connect({stranger.port()});
  world.until([&] { return client.state() == State::kDown; });
  CHECK(world.states == std::vector<State>{State::kDown});
}

TEST_CASE("a stranger who hangs up when he is turned away leaves nothing behind") {
  World world;
  EchoPop& pop = world.add_pop();
  for (int i = 1; i <= 5; ++i) {
    const int stranger = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    const auto address = net::SocketAddress::from(*base::Endpoint::parse("127.0.0.1:" + std::to_string(pop.port())));
    REQUIRE(::connect(stranger, address.get(), address.length) == 0);
    REQUIRE(::write(stranger, "no TLS", 6) == 6);
    pop.when_turned_away = [&] { ::close(stranger); };  // the server sees the end of one it has just let go
    world.until([&] { return pop.turned_away == i; });
  }
  TunnelClient& client = world.connect({pop.port()});
  world.until([&] { return client.state() == State::kUp; });
}

TEST_CASE("the second tunnel to a PoP resumes the session of the first") {
  World world;
  EchoPop& pop = world.add_pop();
  TunnelClient& client = world.connect({pop.port()});
  world.until([&] { return client.state() == State::kUp; });
  CHECK_FALSE(client.resumed());
  ClientFlow& flow = world.flow("a.example", "x");
  world.until([&] { return flow.received == "x"; });
  pop.stumble();
  world.until([&] { return client.tunnels_made() == 2; });
  CHECK(client.resumed());
}

}  // namespace sluice::drive::test
