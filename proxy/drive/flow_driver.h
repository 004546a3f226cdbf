#pragma once
// FlowDriver: joins one flow machine to its sockets. It turns readiness into inputs and actions into system calls, and
// knows nothing about what the flow means.
//
//   event -> inbox -> machine.handle -> actions, in order
//                                        | a Record parks what follows until the spool has been written
// Created by the host, which puts it among its flows, starts it, and destroys it after flow_ended(). One loop; never
// re-entered: what happens while an input is being handled waits in the inbox.
#include <array>
#include <memory>
#include <optional>
#include <vector>

#include "proxy/drive/dialer.h"
#include "proxy/drive/flow_end.h"
#include "proxy/drive/flow_host.h"
#include "proxy/drive/flow_tls.h"
#include "proxy/drive/further_leg.h"
#include "proxy/drive/lookup.h"
#include "proxy/drive/splicer.h"
#include "proxy/flow/machine.h"
#include "proxy/net/stream.h"

namespace sluice::drive {

// The client's side of a flow that came as a request of its own (Opened::request). Belongs to the client's stream.
class Responder {
 public:
  virtual void respond(int status, wire::Fields fields) = 0;

 protected:
  virtual ~Responder() = default;
};

class FlowDriver : private net::StreamHandler,
                   private net::Timer,
                   private net::Ready,
                   private FlowTlsOwner,
                   private FurtherLegOwner,
                   public DialHandler,
                   public LookupHandler {
 public:
  // `fd` is an accepted socket, owned from here on. Null when the kernel has no room to watch it.
  static std::unique_ptr<FlowDriver> open(FlowHost& host, int fd, std::unique_ptr<flow::Machine> machine,
                                          std::shared_ptr<const DialSettings> dial_settings);
  // Any other stream; `responder` belongs to it, null where the client asks in its first bytes.
  static std::unique_ptr<FlowDriver> open(FlowHost& host, std::unique_ptr<net::Stream> client, Responder* responder,
                                          std::unique_ptr<flow::Machine> machine,
                                          std::shared_ptr<const DialSettings> dial_settings);
  ~FlowDriver() override;

  // The first input. The flow may end before this returns.
  void start(flow::Opened opened);

  // The configuration was reloaded.
  void reconfigure(std::shared_ptr<const flow::Settings> settings);
  // The PoP ends the flow.
  void shutdown(flow::CloseReason reason);
  // Writes its records once more, as they are now (a new spool segment begins with the events still open).
  void rewrite_records();
  // The PoP takes no new connections: the client may be told.
  void drain();

  // Answers of the host.
  void records_written();
  void authenticated(bool accepted);

  const flow::FlowRecord& record() const { return machine_->record(); }

  // The host's notes about this flow.
  size_t index = 0;           // in its list of drivers
  size_t listener_index = 0;  // that accepted it
  bool counted_by_source = false;
  std::shared_ptr<const flow::TunnelEnd> tunnel_end;  // that brought it; null on plain listeners

 private:
  FlowDriver(FlowHost& host, std::unique_ptr<flow::Machine> machine, std::shared_ptr<const DialSettings> dial_settings);

  void on_stream(net::Stream& stream) override;
  void on_timer() override;
  void on_ready() override;
  void on_dialled(std::unique_ptr<net::Stream> stream, flow::DialDone result) override;
  void on_looked_up(const flow::Resolved& answer) override;
  void on_secured(flow::Side side, flow::Input result, base::Duration took) override;
  void on_leg_input(flow::Input input) override;
  void on_leg_ready() override;
  void on_leg_handshake(base::Duration took) override;

  void deliver(flow::Input input);
  void work_through_inbox();
  void perform(flow::Outbox& actions);
  void perform(flow::Send&& action);
  void perform(flow::Respond&& action);
  void perform(flow::Authenticate&& action);
  void perform(flow::Resolve&& action);
  void perform(flow::Dial&& action);
  void perform(flow::HoldRead&& action);
  void perform(flow::ReleaseRead&& action);
  void perform(flow::EndWrite&& action);
  void perform(flow::Abort&& action);
  void perform(flow::HangUp&& action);
  void perform(flow::Resume&& action);
  void perform(flow::TellWhenSent&& action);
  void perform(flow::SecureOrigin&& action);
  void perform(flow::SecureClient&& action);
  void perform(flow::Splice&& action);
  void perform(flow::Record&& action);
  void perform(flow::Announce&& action);
  void perform(flow::Close&& action);

  void dial_further(flow::Dial&& action);
  // Moving bytes (flow_driver_bytes.cc).
  void service();
  void service(flow::Side side, flow::LegIndex leg);
  bool may_read(flow::Side side, flow::LegIndex leg);
  bool flush(flow::Side side, flow::LegIndex leg = 0);
  void drop_unsent(flow::Side side, flow::LegIndex leg = 0);
  void drop_origins();
  void drop_first_origin();
  FlowTls& tls();
  FlowTls* tls_at(flow::LegIndex leg) { return leg == 0 ? tls_.get() : further(leg).tls(); }
  TlsStream* tls_of(flow::Side side, flow::LegIndex leg = 0);
  void finish_sending();
  void run_splicer();
  void arm();
  void close(flow::CloseReason reason);
  flow::SpliceBytes spliced() const;
  flow::SpliceBytes take_splicer();
  FurtherLeg& further(flow::LegIndex leg) { return *further_[leg - 1]; }
  FlowEnd& end(flow::Side side, flow::LegIndex leg = 0) {
    return leg == 0 ? ends_[static_cast<size_t>(side)] : further(leg).end();
  }

  FlowHost& host_;
  std::unique_ptr<flow::Machine> machine_;
  std::shared_ptr<const DialSettings> dial_settings_;
  std::array<FlowEnd, 2> ends_;
  Responder* responder_ = nullptr;
  std::unique_ptr<Lookup> lookup_;
  std::unique_ptr<Dialling> dialling_;
  std::unique_ptr<Splicer> splicer_;
  std::unique_ptr<FlowTls> tls_;  // of a flow that is decrypted: the client's and the first origin's
  std::vector<std::unique_ptr<FurtherLeg>> further_;
  uint64_t held_bytes_ = 0;  // of the client, handed to the splicer at its start
  std::vector<flow::Input> inbox_;
  flow::Outbox parked_;  // actions behind a Record that is not written yet
  bool waiting_for_records_ = false;
  bool handling_ = false;
  // The machine is done; the client still has to take what was sent to it.
  std::optional<flow::CloseReason> closing_;
  base::Time closing_deadline_{};
  bool closed_ = false;
  std::shared_ptr<void> alive_;  // made when somebody off this loop may answer
  FlowTotals totals_;
};

}  // namespace sluice::drive
