// Packets that anybody may send to this machine: a DNS answer in UDP in IP. Whatever is read lies inside the packet.
#include "proxy/base/assert.h"
#include "proxy/wire/authority.h"
#include "proxy/wire/dns_answer.h"
#include "proxy/wire/limits.h"
#include "proxy/wire/udp_packet.h"

using namespace sluice;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const base::ByteView bytes{data, size};
  const auto packet = wire::parse_udp_packet(bytes);
  if (packet && !packet->payload.empty()) {
    SLUICE_ASSERT(packet->payload.data() >= data && packet->payload.data() + packet->payload.size() <= data + size);
  }
  for (const base::ByteView message : {bytes, packet ? packet->payload : base::ByteView{}}) {
    const auto answer = wire::parse_dns_answer(message);
    if (!answer) continue;
    SLUICE_ASSERT(!answer->addresses.empty() && answer->addresses.size() <= wire::dns_records_max);
    const auto host = wire::parse_host(answer->name);
    SLUICE_ASSERT(host && host->name == answer->name && !host->address);
  }
  return 0;
}
