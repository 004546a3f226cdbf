// sluicectl status: how a PoP is, on one page.
#include <CLI/CLI.hpp>
#include <cstdio>
#include <memory>
#include <string>

#include "events/query/time_text.h"
#include "proxy/base/time.h"
#include "proxy/ctl/aligned.h"
#include "proxy/ctl/commands.h"
#include "proxy/ctl/events_text.h"
#include "proxy/ctl/pop_commands.h"

namespace sluice::ctl {

namespace v1 = control::v1;

namespace {

constexpr const char* default_admin = "unix:/run/sluice/proxy.sock";

// "3 d 4 h", "12 min", "5 s"
std::string span_of(int64_t ms) {
  const int64_t seconds = std::max<int64_t>(ms, 0) / 1000;
  if (seconds >= 86'400)
    return std::to_string(seconds / 86'400) + " d " + std::to_string(seconds % 86'400 / 3600) + " h";
  if (seconds >= 3600) return std::to_string(seconds / 3600) + " h " + std::to_string(seconds % 3600 / 60) + " min";
  if (seconds >= 60) return std::to_string(seconds / 60) + " min";
  return std::to_string(seconds) + " s";
}

std::string store_text(const v1::PopStatus& status) {
  if (status.store_address().empty()) return "none is configured: records stay in the spool";
  std::string text = status.store_address();
  text += status.store_streams() > 0 ? ", connected" : ", NOT CONNECTED";
  return text + ", " + human_count(status.unacknowledged_records()) + " records behind";
}

std::string spool_text(const v1::PopStatus& status) {
  const uint64_t percent = status.spool_bytes_max() == 0 ? 0 : status.spool_bytes() * 100 / status.spool_bytes_max();
  return human_bytes(status.spool_bytes()) + " of " + human_bytes(status.spool_bytes_max()) + " (" +
         std::to_string(percent) + " %)" + (status.spool_accepts() ? "" : ", FULL: new flows are refused");
}

std::string policy_text(const v1::PopStatus& status) {
  if (status.policy_version().empty()) return "none is configured: every flow passes untouched";
  std::string text = status.policy_version();
  if (status.policy_number() > 0) text += ", number " + std::to_string(status.policy_number()) + " of its history";
  if (status.timed_bypasses() > 0) text += ", " + std::to_string(status.timed_bypasses()) + " timed bypasses";
  if (status.reloads_failed() > 0) text += ", " + std::to_string(status.reloads_failed()) + " reloads refused";
  return text;
}

void print(const v1::PopStatus& status) {
  const int64_t now = base::epoch_ms(base::wall_now());
  std::fputs(
      aligned({{"pop", status.name() + " of tenant " + status.tenant() + ", sluice-proxy " + status.program_version() +
                           ", up " + span_of(now - status.start_time()) + (status.draining() ? ", DRAINING" : "")},
               {"flows", human_count(status.open_flows()) + " open, " + std::to_string(status.workers()) + " workers"},
               {"policy", policy_text(status)},
               {"store", store_text(status)},
               {"spool", spool_text(status)},
               {"clients", std::to_string(status.clients_size()) + " known"}})
          .c_str(),
      stdout);
  if (status.clients().empty()) return;
  std::vector<std::vector<std::string>> rows{
      {"DEVICE", "USER", "HOST", "OS", "VERSION", "STEERING", "POLICY", "STATE", "ADDRESS"}};
  for (const v1::ClientStatus& client : status.clients()) {
    std::string state = client.connected() ? "connected" : "last seen " + span_of(now - client.last_seen()) + " ago";
    if (client.applied_version() != client.sent_version()) state += ", behind";
    if (!client.error().empty()) state += ": " + client.error();
    rows.push_back({client.device_id(), client.user(), client.hostname(), client.device_os(), client.client_version(),
                    client.steering_configuration(), client.applied_version(), state, client.address()});
  }
  std::printf("\n%s", aligned(rows).c_str());
}

}  // namespace

int with_pop(const std::string& server, const std::function<AdminResult<base::Unit>(AdminClient&)>& work) {
  auto client = AdminClient::open(server);
  const AdminResult<base::Unit> done = client ? work(*client) : AdminResult<base::Unit>(client.error());
  if (done) return exit_done;
  std::fprintf(stderr, "sluicectl: %s\n", done.error().message.c_str());
  return done.error().usage ? exit_usage : exit_failed;
}

void add_pop_commands(CLI::App& program, int& exit_code) {
  auto admin = std::make_shared<std::string>(default_admin);
  program.add_option("--admin", *admin, "The PoP's administration socket: unix:PATH")
      ->envname("SLUICE_ADMIN")
      ->capture_default_str();
  CLI::App* command = program.add_subcommand("status", "Print how a PoP is: store, spool, policy, clients");
  command->fallthrough();
  command->footer("Example:\n  sluicectl --admin unix:/run/sluice/proxy.sock status");
  command->callback([admin, &exit_code] {
    exit_code = with_pop(*admin, [](AdminClient& pop) -> AdminResult<base::Unit> {
      const auto status = pop.status();
      if (!status) return status.error();
      print(*status);
      return base::Unit{};
    });
  });
  add_bypass_commands(program, admin, exit_code);
  add_policy_commands(program, admin, exit_code);
}

}  // namespace sluice::ctl
