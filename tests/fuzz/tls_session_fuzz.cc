// A server session fed with anything, in pieces whose sizes the input chooses: it never stalls with input left, never
// grows beyond its bounds, and what it calls failed stays failed.
#include <algorithm>

#include "proxy/tls/ca.h"
#include "proxy/tls/limits.h"
#include "proxy/tls/session.h"
#include "tests/support/temporary_folder.h"

using namespace sluice;
using Stop = tls::Session::Read::Stop;

namespace {

tls::ServerContext make_context() {
  const TemporaryFolder folder;
  const auto now = base::wall_now();
  SLUICE_ASSERT(tls::create_ca(folder.path(), "Fuzz", now).ok());
  tls::ServiceCertificate pop;
  pop.name = "pop";
  pop.out = folder.path("pop");
  SLUICE_ASSERT(tls::issue_service_certificate(folder.path(), pop, now).ok());
  tls::ServerOptions options;
  options.certificate = folder.path("pop.crt");
  options.key = folder.path("pop.key");
  options.client_ca = folder.path("devices.crt");
  options.minimum = tls::Version::kTls12;
  options.alpn = {"h2", "http/1.1"};
  options.tickets = std::make_shared<tls::TicketKeys>();
  return tls::ServerContext::make(options).value();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static const tls::ServerContext context = make_context();
  if (size == 0) return 0;
  const size_t piece = size_t{data[0]} + 1;
  base::ByteView rest{data + 1, size - 1};
  tls::Session session = tls::Session::accept(context);
  std::array<uint8_t, 512> plaintext{};
  while (!rest.empty()) {
    const auto read = session.read(rest.first(std::min(piece, rest.size())), plaintext);
    SLUICE_ASSERT(session.output().size() <= tls::output_bytes_max + tls::output_extra_bytes_max);
    SLUICE_ASSERT((read.stop == Stop::kFailed) == (session.failure() != nullptr));
    if (read.stop == Stop::kFailed || read.stop == Stop::kEnded) break;
    SLUICE_ASSERT(read.consumed != 0 || read.stop != Stop::kNeedsInput);
    if (read.stop == Stop::kOutputFull) session.consume_output(session.output().size());
    rest = rest.subspan(read.consumed);
  }
  session.transport_ended();
  SLUICE_ASSERT(session.write(base::as_bytes("x")).accepted == 0 || session.failure() == nullptr);
  return 0;
}
