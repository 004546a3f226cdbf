#pragma once
// Names of inputs, for the reason of a flow that heard one that it has no handler for.
#include "proxy/flow/io.h"

namespace sluice::flow {

template <class T>
inline constexpr const char* input_name = "";
template <>
inline constexpr const char* input_name<Opened> = "opened";
template <>
inline constexpr const char* input_name<Received> = "received";
template <>
inline constexpr const char* input_name<ReadEnded> = "read_ended";
template <>
inline constexpr const char* input_name<Reset> = "reset";
template <>
inline constexpr const char* input_name<AuthDone> = "auth_done";
template <>
inline constexpr const char* input_name<Resolved> = "resolved";
template <>
inline constexpr const char* input_name<DialDone> = "dial_done";
template <>
inline constexpr const char* input_name<OriginSecured> = "origin_secured";
template <>
inline constexpr const char* input_name<ClientSecured> = "client_secured";
template <>
inline constexpr const char* input_name<SpliceEnded> = "splice_ended";
template <>
inline constexpr const char* input_name<Resumed> = "resumed";
template <>
inline constexpr const char* input_name<Sent> = "sent";
template <>
inline constexpr const char* input_name<Tick> = "tick";
template <>
inline constexpr const char* input_name<Shutdown> = "shutdown";
template <>
inline constexpr const char* input_name<Draining> = "draining";
template <>
inline constexpr const char* input_name<PolicyChanged> = "policy_changed";

}  // namespace sluice::flow
