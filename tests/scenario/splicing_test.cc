#include "tests/scenario/flow_scripts.h"

namespace sluice::flow::test {

namespace {
void to_splicing(Playbook& play) {
  to_peeking(play);
  play.received(Side::kClient, "x").expect({"record open", "splice up=1 down=0"});
}
}  // namespace

TEST_CASE("the end of a splice is the end of the flow, with its bytes") {
  Playbook play(Mode::kWhole, open_settings());
  to_splicing(play);
  play.in(SpliceEnded{{.client = 10, .server = 20}, CloseReason::kOriginClosed});
  play.expect({"record closed", "close 2"});
  CHECK(play.record().client_bytes == 10);
  CHECK(play.record().server_bytes == 20);
  CHECK(play.record().error_stage == Stage::kUnspecified);
}

TEST_CASE("a long splice writes its counters every minute") {
  Playbook play(Mode::kWhole, open_settings());
  to_splicing(play);
  const base::Time start = play.now();
  play.tick({.client = 5, .server = 6}).expect({"record open"});
  CHECK(play.now() == start + update_every);
  CHECK(play.record().client_bytes == 5);
  play.tick({.client = 7, .server = 8}).expect({"record open"});
  play.in(SpliceEnded{{.client = 9, .server = 9}, CloseReason::kIdleTimeout}).expect({"record closed", "close 5"});
}

TEST_CASE("the total time of a flow is bounded when so configured") {
  Settings settings = open_settings();
  settings.timeouts.total = base::Duration(30'000);
  Playbook play(Mode::kWhole, settings);
  to_splicing(play);
  play.tick({.client = 1, .server = 2});
  play.expect({"abort client", "abort origin", "record closed", "close 6"});
}

TEST_CASE("the PoP can end a flow in every stage") {
  Playbook greeting(Mode::kWhole, open_settings());
  greeting.received(Side::kClient, "CONN").in(Shutdown{CloseReason::kDrain, {}}).expect({"record closed", "close 85"});

  Playbook dialing(Mode::kWhole, open_settings());
  dialing.received(Side::kClient, connect_example).forget();
  dialing.in(Shutdown{CloseReason::kDrain, {}}).expect({"record closed", "close 85"});

  Playbook splicing(Mode::kWhole, open_settings());
  to_splicing(splicing);
  splicing.in(Shutdown{CloseReason::kPolicyChanged, {.client = 3, .server = 4}});
  splicing.expect({"abort client", "abort origin", "record closed", "close 81"});
  CHECK(splicing.record().server_bytes == 4);
}

}  // namespace sluice::flow::test
