#pragma once
// Asking policy from inside a stage: what is known of the flow as facts, and the verdict as part of its record.
#include <span>

#include "proxy/flow/record.h"
#include "proxy/flow/stage_context.h"
#include "proxy/http/message.h"
#include "proxy/policy/policy.h"

namespace sluice::flow {

// How far a flow is, as far as policy cares.
enum class Known : uint8_t {
  kAuthority,  // before the dial
  kAddress,    // dialled, the client has not spoken
  kSpoken,     // the first bytes are understood
};

// The verdict on what is known now; without a policy every flow is spliced. Does not touch the record.
policy::Verdict ask_policy(const StageContext& context, Known known, policy::Protocol protocol);

// The flow may go on: splice it, or decrypt it.
bool passes(const policy::Verdict& verdict);

// Writes a decided verdict into the record: rule, reason, labels of the host.
void note_verdict(const StageContext& context, const policy::Verdict& verdict);

// The verdict on one request of a relayed connection, whose host and address are in the record.
policy::Verdict ask_about_request(const StageContext& context, const http::Request& request);
void note_request_verdict(const StageContext& context, const http::Request& request, const policy::Verdict& verdict);

// What to do about an origin whose certificate has these errors (one at least); without a policy they block.
policy::CertificateVerdict ask_about_certificate(const StageContext& context,
                                                 std::span<const policy::CertificateError> errors);

// What is no HTTP inside TLS: true where the rule `unknown_protocol` lets it pass. The record says so either way.
bool passes_unknown_protocol(const StageContext& context);

// The protocol of a flow whose first bytes are not a ClientHello.
// Not yet: more bytes will tell.
policy::Protocol protocol_of(base::ByteView first_bytes);

}  // namespace sluice::flow
