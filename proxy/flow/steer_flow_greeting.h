#pragma once
// SteerGreeting: how an app asks its own machine's client: HTTP CONNECT, a plain HTTP request in absolute form, SOCKS5,
// or not at all, because the kernel brought its connection here.
//
//   original destination known ----------------------------------> SteerHearing
//   first byte 5 --> methods --> request --+-- a name -----------> SteerResolving
//        |                                 |
//        +--> HTTP head --> CONNECT -------+-- an address, 200 --> SteerHearing
//                   +-----> plain request -+-- an address, verdict --> SteerDialing
#include <optional>

#include "proxy/flow/steer_flow_context.h"
#include "proxy/wire/http1.h"
#include "proxy/wire/socks5.h"

namespace sluice::flow {

class SteerGreeting {
 public:
  static constexpr const char* name = "greeting";

  void on(Opened&& input, const SteerContext& context);
  void on(Received&& input, const SteerContext& context);
  void on(ReadEnded&& input, const SteerContext& context);
  void on(Reset&& input, const SteerContext& context);
  void on(Tick&& input, const SteerContext& context);
  void on(Shutdown&& input, const SteerContext& context);
  std::optional<base::Time> deadline() const { return deadline_; }

 private:
  enum class Step : uint8_t { kFirstByte, kHttpHead, kSocksMethods, kSocksRequest };

  void advance(const SteerContext& context);
  bool http_head(const SteerContext& context);
  void http_request(const wire::RequestHead& head, size_t bytes, const SteerContext& context);
  bool socks_methods(const SteerContext& context);
  void socks_request(const SteerContext& context);
  void refuse_here(CloseReason reason, std::string_view detail, const SteerContext& context) const;
  // The request is understood.
  void asked(Way::In in, wire::Authority authority, const SteerContext& context);

  Step step_ = Step::kFirstByte;
  Dialect dialect_ = Dialect::kHttp;
  std::optional<base::Time> deadline_;
  base::Chunk held_;
  wire::RequestHeadParser parser_;
};

}  // namespace sluice::flow
