#include "proxy/client/datagram_flows.h"

#include <catch2/catch.hpp>
#include <string>
#include <vector>

#include "proxy/client/limits.h"

namespace sluice::client {

namespace {

const base::Endpoint app = *base::Endpoint::parse("192.0.2.7:40000");
const base::Endpoint origin = *base::Endpoint::parse("203.0.113.10:443");

DatagramFlows::Flow flow_to(const base::Endpoint& destination) {
  DatagramFlows::Flow flow;
  flow.record.source = app;
  flow.record.destination = destination;
  return flow;
}

// What was written, as a text: O(pen) or C(losed), and bytes.
struct World {
  explicit World(bool counts) : flows(loop, host(counts)) {}
  DatagramFlows::Host host(bool counts) {
    DatagramFlows::Host host;
    host.write = [this](flow::FlowRecord& record, flow::Record::State state) {
      written += state == flow::Record::State::kOpen ? "O" : "C";
      written += std::to_string(record.client_bytes) + "/" + std::to_string(record.server_bytes) + " ";
    };
    host.ended = [this](const DatagramFlows::Flow& flow) { reasons.push_back(flow.record.close_reason); };
    if (counts) {
      host.ask = [this](const base::Endpoint& source, const base::Endpoint& destination) {
        flows.heard({source, destination, 10, 20}, false);
      };
    }
    return host;
  }
  net::Loop loop;
  std::string written;
  std::vector<flow::CloseReason> reasons;
  DatagramFlows flows;
};

}  // namespace

TEST_CASE("a QUIC connection is open until the kernel has forgotten it, and has the bytes that the kernel counted") {
  World world(true);
  world.flows.begin(flow_to(origin));
  CHECK(world.flows.holds(app, origin));
  world.flows.heard({app, *base::Endpoint::parse("203.0.113.11:443"), 1, 1}, true);  // somebody else's
  CHECK(world.flows.holds(app, origin));
  world.flows.heard({app, origin, 1'200, 3'000}, true);
  CHECK_FALSE(world.flows.holds(app, origin));
  CHECK(world.written == "O0/0 C1200/3000 ");
  CHECK(world.reasons == std::vector{flow::CloseReason::kIdleTimeout});
}

TEST_CASE("QUIC connections that are open when the client ends have the bytes so far") {
  World world(true);
  world.flows.begin(flow_to(origin));
  world.flows.rewrite();
  world.flows.end_all(flow::CloseReason::kDrain);
  CHECK(world.written == "O0/0 O0/0 C10/20 ");
  CHECK(world.reasons == std::vector{flow::CloseReason::kDrain});
  world.flows.end_all(flow::CloseReason::kDrain);
  CHECK(world.reasons.size() == 1);
}

TEST_CASE("where the kernel counts nothing, or too many are open, a QUIC connection is one record") {
  World world(false);
  world.flows.begin(flow_to(origin));
  CHECK(world.written == "C0/0 ");
  World full(true);
  for (size_t i = 0; i < datagram_flows_max; ++i) {
    full.flows.begin(flow_to({base::IpAddress::v4(static_cast<uint32_t>(0x0b000000 + i)), 443}));
  }
  CHECK(full.reasons.empty());
  full.flows.begin(flow_to(origin));
  CHECK(full.reasons.size() == 1);
  CHECK_FALSE(full.flows.holds(app, origin));
}

TEST_CASE("connections of the kernel's table: who, whom, and payload without the heads of its packets") {
  const auto v4 = attributes_of_connection(app, origin);
  auto connection = parse_kernel_connection(v4);
  REQUIRE(connection);
  CHECK(connection->source == app);
  CHECK(connection->destination == origin);
  CHECK(connection->sent_bytes == 0);
  std::vector<uint8_t> counters, all = v4;
  add_netlink_attribute(counters, 1, std::vector<uint8_t>{0, 0, 0, 0, 0, 0, 0, 2});  // CTA_COUNTERS_PACKETS
  add_netlink_attribute(counters, 2, std::vector<uint8_t>{0, 0, 0, 0, 0, 0, 9, 0});  // CTA_COUNTERS_BYTES
  add_netlink_attribute(all, 9 | 0x8000, counters);                                  // CTA_COUNTERS_ORIG, nested
  connection = parse_kernel_connection(all);
  REQUIRE(connection);
  CHECK(connection->sent_bytes == 0x900 - 2 * 28);

  const auto six = *base::Endpoint::parse("[2001:db8::7]:40000"), to = *base::Endpoint::parse("[2001:db8:1::1]:443");
  connection = parse_kernel_connection(attributes_of_connection(six, to));
  REQUIRE(connection);
  CHECK((connection->source == six && connection->destination == to));
  for (size_t size = 0; size < v4.size(); ++size) {
    CHECK_FALSE(parse_kernel_connection(base::ByteView(v4).first(size)));
  }
}

}  // namespace sluice::client
