#pragma once
// IngestServer: the listening side of ingest: gRPC server, credentials, limits.
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "events/ingest/ingest_service.h"
#include "proxy/base/ip.h"
#include "proxy/base/result.h"

namespace sluice::ingest {

struct IngestTls {
  std::string certificate;  // PEM text
  std::string key;
  std::string client_ca;
};

struct IngestOptions {
  base::Endpoint address;        // port 0: any free port
  std::optional<IngestTls> tls;  // mutual; without it only loopback addresses are accepted
  std::string tenant;
  std::vector<std::string> relays;  // peers that may publish for devices; without tls all may
};

// Any thread. Destroyed before the store.
class IngestServer {
 public:
  static base::Result<std::unique_ptr<IngestServer>> start(store::EventStore& store, IngestOptions options);
  ~IngestServer();

  const base::Endpoint& address() const { return address_; }
  const IngestCounters& counters() { return service_.counters(); }
  // Ends the streams, each after its last answer, and stops listening. Idempotent.
  void stop();

 private:
  IngestServer(store::EventStore& store, IngestOptions& options)
      : service_(store, std::move(options.tenant), std::move(options.relays)) {}

  IngestService service_;
  base::Endpoint address_;
  std::unique_ptr<grpc::Server> server_;
};

}  // namespace sluice::ingest
