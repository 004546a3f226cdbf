#pragma once
// Recognizing: a connection that the network turned over to us (transparent listener). Nobody said where it goes but
// the packet; who is meant is read in the client's first bytes, and only then is anything dialled. There is nobody to
// tell "connected": the client believes that it speaks to its origin.
//
//   whole ClientHello with a name -> that name, by our own resolution; without one -> the address
//   an HTTP method                -> Relaying, Host names the origin
//   anything else, or silence     -> the address (who waits for the origin's first word says nothing)
#include <optional>

#include "proxy/flow/stage_context.h"
#include "proxy/wire/authority.h"
#include "proxy/wire/client_hello.h"

namespace sluice::flow {

class Recognizing {
 public:
  static constexpr const char* name = "recognizing";

  void on(Opened&& input, const StageContext& context);
  void on(Received&& input, const StageContext& context);
  void on(ReadEnded&& input, const StageContext& context);
  void on(Reset&& input, const StageContext& context);
  void on(Tick&& input, const StageContext& context);
  void on(Shutdown&& input, const StageContext& context);
  void on(PolicyChanged&&, const StageContext&) {}  // asked when the first bytes are understood
  std::optional<base::Time> deadline() const { return deadline_; }

 private:
  void look(const StageContext& context);
  void heard(const wire::ClientHello& hello, const StageContext& context);
  void look_for_request(const StageContext& context);
  // As if the client had asked for it: what may be checked without a resolver, then the dial. The first bytes are
  // looked at again once it is connected.
  void go_to(wire::Authority authority, const StageContext& context);
  void end(CloseReason reason, const StageContext& context) const;

  std::optional<base::Time> deadline_;
  wire::Authority destination_;  // the address that the client dialled
  base::Chunk held_;
  wire::ClientHelloPeek peek_;
};

}  // namespace sluice::flow
