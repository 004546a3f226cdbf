#pragma once
// HttpServer: carries requests to one handler and its answers back, over HTTP/1.1 with or without TLS. The only user of
// cpp-httplib here.
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "events/api/http.h"
#include "proxy/base/ip.h"
#include "proxy/base/result.h"

namespace sluice::api {

struct HttpTls {
  std::string certificate;  // PEM file
  std::string key;          // PEM file
};

// Any thread. The handler runs on the server's threads, several at a time; what it borrows outlives the server.
class HttpServer {
 public:
  using Handler = std::function<HttpResponse(const HttpRequest&)>;
  static base::Result<std::unique_ptr<HttpServer>> start(const base::Endpoint& address,
                                                         const std::optional<HttpTls>& tls, Handler handler);
  // Streams must have been told to end.
  ~HttpServer();
  const base::Endpoint& address() const { return address_; }

 private:
  struct Impl;
  explicit HttpServer(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
  base::Endpoint address_;
};

}  // namespace sluice::api
