#pragma once
// Limits of everything that reads certificates, keys and password files.
#include <cstddef>

namespace sluice::tls {

// About ten thousand users with room for comments.
constexpr size_t password_file_bytes_max = size_t{1} << 20;
constexpr size_t password_users_max = 10'000;
// A user name of Basic or SOCKS5 authentication; 255 is what RFC 1929 can carry.
constexpr size_t user_bytes_max = 255;
// libcrypt's own bound on what it hashes.
constexpr size_t password_bytes_max = 511;
// Costs above these take a core for seconds on every check.
constexpr int bcrypt_cost_max = 15;
constexpr unsigned long sha_crypt_rounds_max = 5'000'000;
constexpr size_t yescrypt_log2_n_max = 18;

// A chain of certificates or a key in PEM.
constexpr size_t pem_file_bytes_max = size_t{1} << 20;
// Leaves room in a common name (64 characters, RFC 5280 ub-common-name) for what we add to it.
constexpr size_t ca_name_bytes_max = 40;
constexpr size_t common_name_bytes_max = 64;
constexpr size_t alternative_names_max = 64;

// Of a distinguished name as text, for events and errors.
constexpr size_t name_text_bytes_max = 1024;
// Parts of a device's identity: a user name of e-mail length, device ids as UUIDs and inventory names.
constexpr size_t tenant_bytes_max = 64;
constexpr size_t device_bytes_max = 128;
// All three parts with every byte percent-encoded, and the fixed text.
constexpr size_t identity_uri_bytes_max = 3 * (tenant_bytes_max + device_bytes_max + user_bytes_max) + 32;

// A list of revoked certificates: about a million entries of a CRL.
constexpr size_t revocation_file_bytes_max = size_t{64} << 20;

// Largest plaintext of one record (RFC 8446 section 5.1).
constexpr size_t record_plaintext_bytes_max = size_t{1} << 14;
// Ciphertext that waits to be sent. Above it no plaintext is accepted: 64 KiB fill a good write.
constexpr size_t output_bytes_max = size_t{64} << 10;
// What handshakes, tickets and key updates may add on top: one record with its header, and the answers to a flood of
// key updates before reading stops.
constexpr size_t output_extra_bytes_max = size_t{32} << 10;
// Room for one record's header, padding and tag.
constexpr size_t record_overhead_bytes_max = 64;
// A peer's certificate message: about fifty certificates.
constexpr long peer_chain_bytes_max = 100 * 1024;
// Newest tickets kept of one connection; servers send two.
constexpr size_t tickets_per_session_max = 2;
// RFC 7301 gives a protocol name one byte of length.
constexpr size_t alpn_name_bytes_max = 255;
constexpr size_t alpn_names_max = 16;

// A host name (RFC 1035 section 2.3.4).
constexpr size_t host_bytes_max = 253;
// Minted certificates remembered by one worker: about ten thousand hosts.
constexpr size_t minted_bytes_max = size_t{64} << 20;
// What OpenSSL's objects of one leaf take beside its encoding, measured (tests/bench/tls_bench.cc).
constexpr size_t minted_entry_bytes = 4096;

// Chains found good, remembered by one worker; some 150 bytes each.
constexpr size_t verified_chains_max = 10'000;
// Tickets that one worker keeps, for all origins; a ticket with its certificates takes some 10 KiB.
constexpr size_t origin_tickets_max = 8000;
// Connections opened at once to one origin, each with a ticket of its own: what comes in excess of this, a burst of new
// connections would pay for with full handshakes, which cost four times as much.
constexpr size_t tickets_per_origin_max = 64;
// Longest path of CAs that is followed; the web's have three certificates.
constexpr int chain_depth_max = 10;

}  // namespace sluice::tls
