#pragma once
// Introducer: the door of a listener behind a load balancer. Each connection begins with a PROXY header (version 2)
// that says whose connection it is; what follows is that client's. Believed from the balancers only.
//
//   accept -> Waiting (header_max) --header--> the host, as if the client had connected itself
#include <memory>
#include <optional>
#include <string_view>
#include <vector>

#include "proxy/base/ip.h"
#include "proxy/net/tcp_stream.h"

namespace sluice::pop {

// One immutable snapshot per listener; a reload makes a new one.
struct Introduction {
  std::vector<base::Cidr> balancers;  // empty: whoever can connect (a loopback listener)
  base::Duration header_max{0};
};

class IntroducerHost {
 public:
  // `destination`: absent when the balancer spoke for itself (a health check), and `source` is its own address then.
  virtual void on_introduced(size_t listener, std::unique_ptr<net::TcpStream> client, const base::Endpoint& source,
                             std::optional<base::Endpoint> destination) = 0;
  virtual void on_not_introduced(const base::Endpoint& peer, std::string_view text) = 0;

 protected:
  virtual ~IntroducerHost() = default;
};

// Lives with its loop's owner; that loop's thread.
class Introducer final : private net::Ready {
 public:
  Introducer(net::Loop& loop, IntroducerHost& host);
  ~Introducer() override;

  // `fd` is an accepted socket, owned from here on.
  void accept(size_t listener, int fd, const base::Endpoint& peer, std::shared_ptr<const Introduction> terms);
  // Forgets those who have not said who they are.
  void drain();

 private:
  class Waiting;
  friend class Waiting;

  void on_ready() override;
  std::unique_ptr<net::TcpStream> leave(Waiting& waiting);

  net::Loop& loop_;
  IntroducerHost& host_;
  std::vector<std::unique_ptr<Waiting>> waiting_;
  std::vector<std::unique_ptr<Waiting>> left_;  // destroyed when nothing of them is on the stack
};

}  // namespace sluice::pop
