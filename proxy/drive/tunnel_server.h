#pragma once
// TunnelServer: the listener for steering clients on one loop. Mutual TLS; then, by ALPN, HTTP/2 with a flow per
// CONNECT stream, or one HTTP/1.1 connection that is a flow by itself.
//
//   accept -> Entrance (handshake, bounded per turn) --h2--> Served (a Tunnel) --CONNECT--> flow
//                                                    --http/1.1-------------------------> flow
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "proxy/drive/tunnel_flow.h"
#include "proxy/flow/io.h"
#include "proxy/tls/context.h"

namespace sluice::drive {

// One immutable snapshot per listener; a reload makes a new one.
struct TunnelSettings {
  tls::ServerContext context;                             // asks for a certificate; offers h2 and http/1.1
  std::string tenant{};                                   // devices of others are refused
  std::shared_ptr<const tls::Revocations> revocations{};  // null: none
  uint32_t streams_max = 0;                               // flows of one tunnel at a time
  size_t tunnels_max = 0;                                 // of this loop
  base::Duration handshake_max{0};
};

// Why somebody at the door did not get in.
enum class TurnedAway : uint8_t {
  kOverload,     // too many tunnels or handshakes
  kTimeout,      // the handshake did not end in time
  kProtocol,     // it failed
  kCertificate,  // none, or one that does not chain to the devices' CA, or has lapsed
  kNoDevice,     // the certificate names no device
  kTenant,       // a device of another tenant
  kRevoked,
};
constexpr size_t turned_away_reasons = 7;

class TunnelHost {
 public:
  // A flow has come. `responder` as in FlowDriver::open.
  virtual void on_tunnel_flow(size_t listener, std::unique_ptr<net::Stream> client, Responder* responder,
                              flow::Opened opened) = 0;
  // Takes room for one more flow; without it no flow is handed over, and its client hears 503.
  virtual bool reserve_flow() = 0;
  virtual void on_turned_away(TurnedAway why, const base::Endpoint& peer, std::string_view text) = 0;
  // These ends are cut off: their flows must be closed as revoked before this returns.
  virtual void on_revoked(const std::vector<const flow::TunnelEnd*>& ends) = 0;

 protected:
  virtual ~TunnelHost() = default;
};

// Lives with its loop's owner; that loop's thread.
class TunnelServer final : private net::Ready {
 public:
  TunnelServer(net::Loop& loop, TunnelHost& host);
  ~TunnelServer() override;

  // `fd` is an accepted socket, owned from here on.
  void accept(size_t listener, int fd, const base::Endpoint& peer, std::shared_ptr<const TunnelSettings> settings);
  // The same for a connection whose first bytes were not TLS and have been read.
  void accept(size_t listener, std::unique_ptr<net::TcpStream> socket, const base::Endpoint& peer,
              std::shared_ptr<const TunnelSettings> settings);
  // The listener was reconfigured: revoked devices are cut off.
  void apply(size_t listener, const std::shared_ptr<const TunnelSettings>& settings);
  // GOAWAY to everybody; tunnels end when their flows have.
  void drain();

  size_t tunnels() const { return served_.size(); }

 private:
  class Entrance;
  class Served;
  friend class Entrance;
  friend class Served;

  void on_ready() override;
  Entrance& enter(size_t listener, std::unique_ptr<net::TcpStream> socket, const base::Endpoint& peer,
                  std::shared_ptr<const TunnelSettings> settings);
  bool has_room(const base::Endpoint& peer, const TunnelSettings& settings);
  void admit(Entrance& entrance);
  void turn_away(Entrance& entrance, TurnedAway why, std::string_view text);
  void leave(Entrance& entrance);
  void leave(Served& served);

  net::Loop& loop_;
  TunnelHost& host_;
  std::vector<uint8_t> ciphertext_;  // scratch of every TLS stream
  std::vector<uint8_t> plaintext_;   // scratch of every tunnel
  std::vector<std::unique_ptr<Entrance>> entrances_;
  std::vector<Entrance*> knocking_;  // have something to go on with
  std::vector<std::unique_ptr<Served>> served_;
  std::vector<std::unique_ptr<Entrance>> left_;  // destroyed when nothing of them is on the stack
  std::vector<std::unique_ptr<Served>> ended_;
  bool draining_ = false;
};

}  // namespace sluice::drive
