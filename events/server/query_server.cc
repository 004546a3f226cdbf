#include "events/server/query_server.h"

#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <cstring>
#include <utility>

#include "events/ingest/bind_reason.h"

namespace sluice::server {
namespace {
constexpr mode_t socket_mode = 0660;
constexpr std::chrono::seconds stop_grace{2};  // running searches and tails are cut after this

// Whether a process answers at the socket.
bool is_served(const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.size() >= sizeof address.sun_path) return false;
  std::memcpy(address.sun_path, path.c_str(), path.size() + 1);
  const int fd = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd < 0) return false;
  const bool connected = ::connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0;
  ::close(fd);
  return connected;
}
}  // namespace

base::Result<std::unique_ptr<QueryServer>> QueryServer::start(const std::string& socket,
                                                              std::unique_ptr<grpc::Service> service) {
  struct stat status {};
  if (::stat(socket.c_str(), &status) == 0 && !S_ISSOCK(status.st_mode)) {
    return base::Error{"query.socket " + socket + " is a file, not a socket"};
  }
  if (is_served(socket)) return base::Error{"query.socket " + socket + " is in use by another process"};
  std::unique_ptr<QueryServer> query(new QueryServer);
  query->service_ = std::move(service);
  grpc::ServerBuilder builder;
  int bound = 0;
  builder.AddListeningPort("unix:" + socket, grpc::InsecureServerCredentials(), &bound);
  builder.RegisterService(query->service_.get());
  query->server_ = builder.BuildAndStart();
  if (!query->server_ || bound == 0) {
    const std::string reason = ingest::bind_reason(socket);
    return base::Error{"query cannot listen on " + socket + ": " + (reason.empty() ? "gRPC refuses it" : reason)};
  }
  query->socket_ = socket;
  if (::chmod(socket.c_str(), socket_mode) != 0) {
    return base::Error{"query.socket " + socket + ": cannot set its mode: " + std::strerror(errno)};
  }
  return query;
}

QueryServer::~QueryServer() {
  if (!server_) return;
  server_->Shutdown(std::chrono::system_clock::now() + stop_grace);
  server_->Wait();
  if (!socket_.empty()) ::unlink(socket_.c_str());
}

}  // namespace sluice::server
