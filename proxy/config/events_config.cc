#include "proxy/config/events_config.h"

#include <set>

#include "proxy/base/file.h"
#include "proxy/config/checks.h"
#include "proxy/config/limits.h"
#include "proxy/config/yaml.h"

namespace sluice::config {

namespace {

void check_query(Checks& checks, v1::QueryServer& query) {
  if (query.socket().empty()) return checks.problem("query.socket", "is required; write the name of a unix socket");
  query.set_socket(checks.socket("query.socket", query.socket()));
}

void check_http(Checks& checks, v1::Http& http) {
  const auto endpoint = checks.endpoint("http.address", http.address(), Checks::Port::kAnyFree);
  const bool local = !endpoint || is_loopback(endpoint->address);
  http.set_tokens(checks.word("http.tokens", http.tokens(), {"required", "optional"}));
  http.set_requests_per_second(
      checks.number32("http.requests_per_second", http.requests_per_second(), {4, 1, http_requests_per_second_max}));
  if (http.has_tls()) {
    http.mutable_tls()->set_certificate(checks.readable_file("http.tls.certificate", http.tls().certificate()));
    http.mutable_tls()->set_key(checks.readable_file("http.tls.key", http.tls().key()));
  } else if (!local) {
    checks.problem("http.address", "is not loopback, so http.tls is required");
  }
  if (!local && http.tokens() == "optional") {
    checks.problem("http.tokens", "can be optional on loopback only; write required, or leave it out");
  }
}

void check_pops(Checks& checks, v1::Events& events) {
  std::set<std::string> seen;
  for (int i = 0; i < events.pops_size(); ++i) {
    v1::PopAdmin& pop = *events.mutable_pops(i);
    const std::string path = "pops[" + std::to_string(i) + "]";
    checks.name(path + ".name", pop.name());
    if (!seen.insert(pop.name()).second) checks.problem(path + ".name", "is the name of another PoP too");
    if (pop.socket().empty()) {
      checks.problem(path + ".socket", "is required; write the `admin.socket` of that sluice-proxy");
    } else {
      pop.set_socket(checks.socket(path + ".socket", pop.socket()));
    }
    if (!events.has_http()) checks.problem(path, "means nothing without `http`, which shows it");
  }
}

void check_store(Checks& checks, v1::Store& store) {
  if (store.sqlite().directory().empty()) {
    return checks.problem("store.sqlite.directory", "is required; write the name of a folder");
  }
  v1::Sqlite& sqlite = *store.mutable_sqlite();
  sqlite.set_directory(checks.folder("store.sqlite.directory", sqlite.directory()));
  sqlite.set_retention_days(
      checks.number32("store.sqlite.retention_days", sqlite.retention_days(), {90, 0, retention_days_max}));
}

void check_events(Checks& checks, v1::Events& events) {
  if (!checks.stands("name")) events.set_name(host_name());
  checks.name("name", events.name());
  if (!checks.stands("tenant")) events.set_tenant("default");
  checks.name("tenant", events.tenant());
  v1::Ingest& ingest = *events.mutable_ingest();
  checks.address_with_tls("ingest", ingest.address(), ingest.has_tls(), Checks::Port::kAnyFree);
  if (ingest.has_tls()) checks.tls("ingest.tls", *ingest.mutable_tls());
  for (int i = 0; i < ingest.relays_size(); ++i) {
    const std::string path = "ingest.relays[" + std::to_string(i) + "]";
    if (ingest.relays(i).empty()) checks.problem(path, "is empty; write the name in the certificate of a PoP");
    if (!ingest.has_tls()) checks.problem(path, "means nothing without `tls`, which says who a peer is");
  }
  if (events.has_query()) check_query(checks, *events.mutable_query());
  if (events.has_health()) checks.endpoint("health.address", events.health().address(), Checks::Port::kAnyFree);
  if (events.has_http()) check_http(checks, *events.mutable_http());
  check_pops(checks, events);
  check_store(checks, *events.mutable_store());
  checks.log(*events.mutable_log());
}

}  // namespace

base::Result<LoadedEvents> load_events_config(const std::string& file) {
  const auto text = base::read_file(file, file_bytes_max);
  if (!text) return text.error();
  return parse_events_config(*text, file);
}

base::Result<LoadedEvents> parse_events_config(std::string_view text, const std::string& file) {
  LoadedEvents loaded;
  loaded.file = file;
  Marks marks;
  if (const auto status = load_yaml(text, file, loaded.message, &marks); !status) return status.error();
  Problems problems(file);
  Checks checks(file, marks, problems);
  check_events(checks, loaded.message);
  if (const auto status = problems.status(); !status) return status.error();
  return loaded;
}

}  // namespace sluice::config
