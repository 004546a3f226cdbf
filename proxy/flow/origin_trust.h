#pragma once
// What becomes of a flow once its origin has shown its certificate.
#include "proxy/flow/stage_context.h"

namespace sluice::flow {

enum class OriginTrust : uint8_t {
  kTrusted,   // nothing is wrong with it, or a rule allows what is
  kMirrored,  // the client shall see what is wrong, and decide
  kRefused,
};

// Asks policy where the certificate has errors; the rule that decided goes into the record, the rest into `facts`. The
// handshake has not failed.
OriginTrust judge_origin(const StageContext& context, const OriginSecured& origin, TlsFacts& facts);

// Into `facts`: whose handshake failed, and how.
void note_failure(Side side, const Handshake& handshake, TlsFacts& facts);

}  // namespace sluice::flow
