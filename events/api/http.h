#pragma once
// A request and its answer as values: what the API works with, whatever carries them. events/api/http_server.h carries
// them over HTTP.
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace sluice::api {

struct HttpRequest {
  std::string method;  // GET, POST, DELETE
  std::string path;    // decoded, without the query
  std::multimap<std::string, std::string> params;
  std::map<std::string, std::string> headers;  // names in lower case; of several the first
  std::string body;
  std::string remote;  // address of the other side

  std::string header(const std::string& name) const {
    const auto found = headers.find(name);
    return found == headers.end() ? std::string() : found->second;
  }
  std::string param(const std::string& name) const {
    const auto found = params.find(name);
    return found == params.end() ? std::string() : found->second;
  }
};

// An answer that goes on: next() is called on the connection's thread until it says false, and may wait.
class Stream {
 public:
  // False once the other side is gone.
  using Write = std::function<bool(std::string_view)>;
  virtual ~Stream() = default;
  virtual bool next(const Write& write) = 0;
};

struct HttpResponse {
  int status = 200;
  std::string content_type = "application/json; charset=utf-8";
  std::string body;
  std::vector<std::pair<std::string, std::string>> headers;
  std::unique_ptr<Stream> stream;  // instead of a body
  bool lasting = false;            // the stream may go on for hours: it counts against lasting_streams_max
};

}  // namespace sluice::api
