// sluicectl ca ...: certificate authorities and the certificates of servers.
#include "proxy/tls/ca.h"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <array>
#include <cstdio>
#include <ctime>
#include <memory>
#include <string>
#include <vector>

#include "proxy/ctl/commands.h"

namespace sluice::ctl {

namespace {

// "2027-01-31" in UTC.
std::string date_of(base::WallTime time) {
  const std::time_t seconds = std::chrono::system_clock::to_time_t(time);
  std::tm parts{};
  std::array<char, 16> text{};
  if (gmtime_r(&seconds, &parts) == nullptr) return "";
  return {text.data(), std::strftime(text.data(), text.size(), "%Y-%m-%d", &parts)};
}

void print_table(const std::vector<tls::MadeFile>& files) {
  size_t path_width = 4;
  size_t purpose_width = 7;
  for (const tls::MadeFile& file : files) {
    path_width = std::max(path_width, file.path.size());
    purpose_width = std::max(purpose_width, file.purpose.size());
  }
  const auto row = [&](const std::string& path, const std::string& purpose, const std::string& last) {
    std::printf("%-*s  %-*s  %s\n", static_cast<int>(path_width), path.c_str(), static_cast<int>(purpose_width),
                purpose.c_str(), last.c_str());
  };
  row("FILE", "PURPOSE", "VALID UNTIL");
  for (const tls::MadeFile& file : files) {
    row(file.path, file.purpose, file.is_key ? "(secret, mode 0600)" : date_of(file.valid_until));
  }
}

int report(const base::Result<std::vector<tls::MadeFile>>& made, const std::string& next) {
  if (!made) {
    std::fprintf(stderr, "sluicectl: %s\n", made.error().message.c_str());
    return exit_failed;
  }
  print_table(*made);
  std::printf("\n%s\n", next.c_str());
  return exit_done;
}

void add_init(CLI::App& group, int& exit_code) {
  struct Options {
    std::string directory;
    std::string name = "Sluice";
  };
  auto options = std::make_shared<Options>();
  CLI::App* command = group.add_subcommand("init", "Make the roots and an issuing CA for one PoP in a folder");
  command->add_option("dir,--dir", options->directory, "Folder for the files; created when missing")->required();
  command->add_option("--name", options->name, "Begins the names in the certificates")->capture_default_str();
  command->footer(
      "Makes three unrelated roots (interception: what clients trust; devices: signs steered devices; service: signs "
      "PoP\n"
      "and event store), and an issuing CA for one PoP. Existing files are never replaced.\n\n"
      "Example:\n  sluicectl ca init --dir /etc/sluice/ca --name Acme");
  command->callback([options, &exit_code] {
    const std::string& directory = options->directory;
    exit_code =
        report(tls::create_ca(directory, options->name, base::wall_now()),
               "Next: let clients trust " + directory + "/root.crt, give the PoP ca.crt and ca.key, and keep the " +
                   "keys of the roots offline.\nCertificates for PoP and event store: sluicectl ca issue-server " +
                   "and issue-producer, --dir " + directory);
  });
}

void add_issue(CLI::App& group, int& exit_code, tls::ServiceRole role) {
  struct Options {
    std::string directory;
    tls::ServiceCertificate wanted;
  };
  auto options = std::make_shared<Options>();
  options->wanted.role = role;
  const bool server = role == tls::ServiceRole::kServer;
  CLI::App* command =
      server ? group.add_subcommand("issue-server", "Make a certificate that an event store or PoP shows to clients")
             : group.add_subcommand("issue-producer", "Make a certificate that a PoP shows to the event store");
  command->add_option("--dir", options->directory, "Folder of `ca init`")->required();
  command->add_option("--name", options->wanted.name, "Common name, usually the host name")->required();
  command
      ->add_option("--san", options->wanted.alternative_names,
                   "Names and addresses, DNS:NAME or IP:ADDRESS; default DNS: and the name")
      ->delimiter(',');
  command->add_option("--out", options->wanted.out, "Writes OUT.crt and OUT.key")->required();
  command->footer(std::string("Signed by the service root, valid for one year.\n\nExample:\n  sluicectl ca ") +
                  (server
                       ? "issue-server --dir ca --name store.example --san DNS:store.example,IP:192.0.2.7 --out store"
                       : "issue-producer --dir ca --name pop-tokyo-1 --out pop"));
  command->callback([options, &exit_code] {
    const std::string& out = options->wanted.out;
    exit_code = report(tls::issue_service_certificate(options->directory, options->wanted, base::wall_now()),
                       "Next: in the configuration, tls: {certificate: " + out + ".crt, key: " + out +
                           ".key, ca: " + options->directory + "/service-root.crt}");
  });
}

void add_issue_client(CLI::App& group, int& exit_code) {
  struct Options {
    std::string directory;
    tls::DeviceCertificate wanted{.identity = {"default", "", ""}, .out = "", .days = 365};
  };
  auto options = std::make_shared<Options>();
  CLI::App* command =
      group.add_subcommand("issue-client", "Make the certificate by which a steering client and its user are known");
  command->add_option("--dir", options->directory, "Folder of `ca init`")->required();
  command->add_option("--user", options->wanted.identity.user, "User, as the tenant's directory spells it")->required();
  command->add_option("--device", options->wanted.identity.device, "Device id, unique in the tenant")->required();
  command->add_option("--tenant", options->wanted.identity.tenant, "Tenant of the PoP")->capture_default_str();
  command->add_option("--days", options->wanted.days, "How long it is valid, never longer than the devices' root")
      ->check(CLI::Range(1, 3650))
      ->capture_default_str();
  command->add_option("--out", options->wanted.out, "Writes OUT.crt and OUT.key; default the device id");
  command->footer(
      "Signed by the devices' root. To revoke it, put its serial number (openssl x509 -noout -serial -in OUT.crt) on "
      "a\n"
      "line of the file `tls.revoked` of the PoP's tunnel listener, and reload the PoP.\n\n"
      "Example:\n  sluicectl ca issue-client --dir ca --tenant acme --user anna@acme.example --device laptop-7");
  command->callback([options, &exit_code] {
    if (options->wanted.out.empty()) options->wanted.out = options->wanted.identity.device;
    const std::string& out = options->wanted.out;
    exit_code =
        report(tls::issue_device_certificate(options->directory, options->wanted, base::wall_now()),
               "Next: in the client's configuration, identity: {certificate: " + out + ".crt, key: " + out + ".key}");
  });
}

}  // namespace

void add_ca_commands(CLI::App& program, int& exit_code) {
  CLI::App* group = program.add_subcommand("ca", "Certificate authorities");
  group->require_subcommand(1);
  add_init(*group, exit_code);
  add_issue(*group, exit_code, tls::ServiceRole::kServer);
  add_issue(*group, exit_code, tls::ServiceRole::kProducer);
  add_issue_client(*group, exit_code);
}

}  // namespace sluice::ctl
