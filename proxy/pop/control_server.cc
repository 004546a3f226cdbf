#include "proxy/pop/control_server.h"

#include <utility>

#include "proxy/base/file.h"
#include "proxy/config/proxy_config.h"
#include "proxy/pop/limits.h"
#include "proxy/pop/watch_call.h"
#include "proxy/report/limits.h"

namespace sluice::pop {

namespace {

using RefusedWatch = RefusedStream<control::v1::WatchRequest, control::v1::WatchResponse>;

base::Result<std::shared_ptr<grpc::ServerCredentials>> credentials_of(const config::v1::DeviceTls& tls) {
  auto certificate = base::read_file(tls.certificate(), pem_file_bytes_max);
  if (!certificate) return certificate.error();
  auto key = base::read_file(tls.key(), pem_file_bytes_max);
  if (!key) return key.error();
  auto client_ca = base::read_file(tls.client_ca(), pem_file_bytes_max);
  if (!client_ca) return client_ca.error();
  grpc::SslServerCredentialsOptions options(GRPC_SSL_REQUEST_AND_REQUIRE_CLIENT_CERTIFICATE_AND_VERIFY);
  options.pem_key_cert_pairs.push_back({*std::move(key), *std::move(certificate)});
  options.pem_root_certs = *std::move(client_ca);
  return grpc::SslServerCredentials(options);
}

int milliseconds(base::Duration duration) {
  return static_cast<int>(duration.count());
}

}  // namespace

grpc::ServerBidiReactor<control::v1::WatchRequest, control::v1::WatchResponse>* WatchService::WatchConfig(
    grpc::CallbackServerContext* context) {
  auto peer = control_peer(*context);
  if (!peer) return RefusedWatch::start({grpc::StatusCode::UNAUTHENTICATED, peer.error().message});
  if (auto status = hub_.admit(*peer); !status.ok()) return RefusedWatch::start(std::move(status));
  if (auto status = budget_.take(peer->identity.device); !status.ok()) return RefusedWatch::start(std::move(status));
  return WatchCall::start(hub_, budget_, *std::move(peer));
}

ControlServer::ControlServer(ControlHub& hub, std::shared_ptr<grpc::Channel> store, std::string observed_by,
                             RelayService::Report report)
    : hub_(hub),
      watch_(hub, budget_),
      relay_(hub, budget_, std::move(store), std::move(observed_by), std::move(report)) {}

base::Result<std::unique_ptr<ControlServer>> ControlServer::start(const config::v1::Control& control, ControlHub& hub,
                                                                  std::shared_ptr<grpc::Channel> store,
                                                                  std::string observed_by,
                                                                  RelayService::Report report) {
  const auto credentials = credentials_of(control.tls());
  if (!credentials) return credentials.error();
  std::unique_ptr<ControlServer> made(
      new ControlServer(hub, std::move(store), std::move(observed_by), std::move(report)));
  grpc::ServerBuilder builder;
  int port = 0;
  builder.AddListeningPort(control.address(), *credentials, &port);
  builder.RegisterService(&made->watch_);
  builder.RegisterService(&made->relay_);
  builder.SetMaxReceiveMessageSize(static_cast<int>(report::batch_bytes_max + control_message_slack_bytes));
  builder.AddChannelArgument(GRPC_ARG_ALLOW_REUSEPORT, 0);  // else two PoPs would share one port silently
  builder.AddChannelArgument(GRPC_ARG_MAX_CONCURRENT_STREAMS, static_cast<int>(control_streams_per_device_max));
  builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_TIME_MS, milliseconds(control_keepalive_interval));
  builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_TIMEOUT_MS, milliseconds(control_keepalive_timeout));
  builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_PERMIT_WITHOUT_CALLS, 1);
  builder.AddChannelArgument(GRPC_ARG_HTTP2_MIN_RECV_PING_INTERVAL_WITHOUT_DATA_MS, milliseconds(control_ping_min));
  made->server_ = builder.BuildAndStart();
  if (!made->server_ || port == 0) {
    return base::Error{"control cannot listen on " + control.address() +
                       ": the address is in use or not ours, or certificate and key are not usable"};
  }
  made->address_ = {config::endpoint_of(control.address()).address, static_cast<uint16_t>(port)};
  return made;
}

ControlServer::~ControlServer() {
  if (!server_) return;
  hub_.close_all();
  relay_.close_all();
  server_->Shutdown(std::chrono::system_clock::now() + control_stop_grace);
  server_->Wait();
}

}  // namespace sluice::pop
