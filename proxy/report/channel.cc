#include "proxy/report/channel.h"

#include <fstream>
#include <iterator>

#include "proxy/base/ip.h"
#include "proxy/base/text.h"
#include "proxy/report/limits.h"

namespace sluice::report {

namespace {

bool is_loopback(const std::string& address) {
  if (address.starts_with("unix:")) return true;
  if (const auto endpoint = base::Endpoint::parse(address)) {
    const base::IpAddress ip = endpoint->address.unmapped();
    return ip.is_v4() ? ip.v4_host_order() >> 24 == 127 : ip == *base::IpAddress::parse("::1");
  }
  return base::equal_ignore_case(address.substr(0, address.rfind(':')), "localhost");
}

base::Result<std::string> read_pem(const std::string& path, const std::string& what) {
  std::ifstream in(path, std::ios::binary);
  std::string text{std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
  if (!in || text.find("-----BEGIN ") == std::string::npos)
    return base::Error{what + ".tls: " + path + " is not a readable PEM file"};
  return text;
}

base::Result<std::shared_ptr<grpc::ChannelCredentials>> credentials_of(const std::string& address,
                                                                       const std::optional<TlsFiles>& tls,
                                                                       const std::string& what) {
  if (!tls) {
    if (!is_loopback(address)) {
      return base::Error{what + ".address " + address + " is not loopback: " + what +
                         ".tls (certificate, key, ca) is required"};
    }
    return grpc::InsecureChannelCredentials();
  }
  auto certificate = read_pem(tls->certificate, what);
  if (!certificate) return certificate.error();
  auto key = read_pem(tls->key, what);
  if (!key) return key.error();
  auto ca = read_pem(tls->ca, what);
  if (!ca) return ca.error();
  grpc::SslCredentialsOptions ssl;
  ssl.pem_cert_chain = *std::move(certificate);
  ssl.pem_private_key = *std::move(key);
  ssl.pem_root_certs = *std::move(ca);
  return grpc::SslCredentials(ssl);
}

grpc::ChannelArguments channel_arguments() {
  grpc::ChannelArguments arguments;
  arguments.SetInt(GRPC_ARG_KEEPALIVE_TIME_MS, static_cast<int>(keepalive_interval.count()));
  arguments.SetInt(GRPC_ARG_KEEPALIVE_TIMEOUT_MS, static_cast<int>(keepalive_timeout.count()));
  // An idle stream is still watched.
  arguments.SetInt(GRPC_ARG_HTTP2_MAX_PINGS_WITHOUT_DATA, 0);
  // Our back-off paces reconnects; the channel's must not add to it.
  arguments.SetInt(GRPC_ARG_INITIAL_RECONNECT_BACKOFF_MS, static_cast<int>(backoff_min.count()));
  arguments.SetInt(GRPC_ARG_MAX_RECONNECT_BACKOFF_MS, static_cast<int>(backoff_min.count()));
  arguments.SetInt(GRPC_ARG_MIN_RECONNECT_BACKOFF_MS, static_cast<int>(connect_timeout.count()));
  arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
  // A proxy does not send its own events through somebody's http_proxy.
  arguments.SetInt(GRPC_ARG_ENABLE_HTTP_PROXY, 0);
  return arguments;
}

}  // namespace

base::Result<std::shared_ptr<grpc::Channel>> open_channel(const std::string& address,
                                                          const std::optional<TlsFiles>& tls, const std::string& what) {
  auto credentials = credentials_of(address, tls, what);
  if (!credentials) return credentials.error();
  return grpc::CreateCustomChannel(address, *credentials, channel_arguments());
}

}  // namespace sluice::report
