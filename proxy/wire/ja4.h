#pragma once
// JA4, the TLS client fingerprint of FoxIO (https://github.com/FoxIO-LLC/ja4, technical_details/JA4.md), in its raw
// form JA4_r. Std only: whoever has SHA-256 makes the short form out of it.
#include <string>
#include <string_view>

#include "proxy/wire/client_hello.h"

namespace sluice::wire {

// JA4_r of a hello sent over TCP, GREASE ignored:
//   t13d1516h2_002f,0035,...,cca9_0005,000a,...,ff01_0403,0804,...
//   |          |                  |                 signature algorithms as sent; the "_" before them goes with them
//   |          |                  extensions sorted, without SNI (0000) and ALPN (0010)
//   |          cipher suites sorted
//   t, version, d (SNI) or i, count of suites, count of extensions (SNI and ALPN included), first and last character of
//   the first ALPN protocol
// Empty if a list is longer than ja4_list_entries_max.
std::string ja4_raw(const ClientHello& hello);

// The parts of a JA4_r; views into it. With hash(x) = the first 12 hex digits of SHA-256(x), or 000000000000 if x is
// empty: JA4 = a + "_" + hash(ciphers) + "_" + hash(extensions).
struct Ja4Parts {
  std::string_view a;
  std::string_view ciphers;
  std::string_view extensions;  // with "_" and the signature algorithms, where there are any
};
Ja4Parts ja4_parts(std::string_view raw);

}  // namespace sluice::wire
