#pragma once
// HttpEndpoint: a small HTTP/1.1 server for machines and administrators on the same network: health and admin. Its own
// threads, none of the workers'.
#include <functional>
#include <memory>
#include <string>

#include "proxy/base/ip.h"
#include "proxy/base/result.h"

namespace sluice::monitor {

class HttpEndpoint {
 public:
  struct Answer {
    int status = 200;
    std::string content_type = "text/plain; charset=utf-8";
    std::string body;
  };
  using Handler = std::function<Answer()>;

  HttpEndpoint();
  ~HttpEndpoint();  // stops

  // Before start(). Handlers run on the endpoint's threads.
  void get(const std::string& path, Handler handler);
  void post(const std::string& path, Handler handler);
  // The address comes back with the port that the kernel chose.
  base::Result<base::Endpoint> start(const base::Endpoint& address);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace sluice::monitor
