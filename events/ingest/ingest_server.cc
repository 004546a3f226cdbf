#include "events/ingest/ingest_server.h"

#include <algorithm>
#include <chrono>
#include <utility>

#include "events/ingest/bind_reason.h"
#include "events/ingest/limits.h"

namespace sluice::ingest {
namespace {

bool is_loopback(const base::IpAddress& address) {
  const base::IpAddress plain = address.unmapped();
  return plain.is_v4() ? plain.v4_host_order() >> 24 == 127 : plain == *base::IpAddress::parse("::1");
}

std::shared_ptr<grpc::ServerCredentials> credentials(const std::optional<IngestTls>& tls) {
  if (!tls) return grpc::InsecureServerCredentials();
  grpc::SslServerCredentialsOptions options(GRPC_SSL_REQUEST_AND_REQUIRE_CLIENT_CERTIFICATE_AND_VERIFY);
  options.pem_key_cert_pairs.push_back({tls->key, tls->certificate});
  options.pem_root_certs = tls->client_ca;
  return grpc::SslServerCredentials(options);
}

int milliseconds(std::chrono::milliseconds duration) {
  return static_cast<int>(duration.count());
}
}  // namespace

base::Result<std::unique_ptr<IngestServer>> IngestServer::start(store::EventStore& store, IngestOptions options) {
  const std::string where = options.address.to_string();
  if (!options.tls && !is_loopback(options.address.address)) {
    return base::Error{"ingest on " + where + " needs tls, because the address is not loopback"};
  }
  std::unique_ptr<IngestServer> ingest(new IngestServer(store, options));
  grpc::ServerBuilder builder;
  int port = 0;
  builder.AddListeningPort(where, credentials(options.tls), &port);
  builder.RegisterService(&ingest->service_);
  builder.SetMaxReceiveMessageSize(static_cast<int>(message_bytes_max));
  builder.AddChannelArgument(GRPC_ARG_ALLOW_REUSEPORT, 0);  // else two stores would share one port silently
  builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_TIME_MS, milliseconds(keepalive_interval));
  builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_TIMEOUT_MS, milliseconds(keepalive_timeout));
  builder.AddChannelArgument(GRPC_ARG_HTTP2_MIN_RECV_PING_INTERVAL_WITHOUT_DATA_MS, milliseconds(ping_interval_min));
  builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_PERMIT_WITHOUT_CALLS, 1);
  ingest->server_ = builder.BuildAndStart();
  if (!ingest->server_ || port == 0) {
    const std::string reason = bind_reason(options.address);
    return base::Error{"ingest cannot listen on " + where + ": " +
                       (!reason.empty() ? reason
                        : options.tls   ? "the certificate and key of ingest.tls are not usable"
                                        : "gRPC refuses the address")};
  }
  ingest->address_ = base::Endpoint{options.address.address, static_cast<uint16_t>(port)};
  return ingest;
}

IngestServer::~IngestServer() {
  stop();
}

void IngestServer::stop() {
  if (!server_) return;
  service_.drain();
  server_->Shutdown(std::chrono::system_clock::now() + stop_grace);
  server_->Wait();
  server_.reset();
}

}  // namespace sluice::ingest
