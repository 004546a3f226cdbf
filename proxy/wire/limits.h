#pragma once
// Bounds of the parsers. Every one is checked before a byte past it is kept.
#include <cstddef>

namespace sluice::wire {

// A request line and its fields. Common servers take 8 to 16 KiB; a proxy adds nothing to it.
inline constexpr size_t head_bytes_max = size_t{16} * 1024;
// Fields of one head. Browsers send about 30; the bound keeps the vector small.
inline constexpr size_t head_fields_max = 200;
// The line before a chunk: up to 15 hex digits (nobody sends an exabyte), blanks, extensions that nobody uses.
inline constexpr size_t chunk_size_digits_max = 15;
inline constexpr size_t chunk_line_bytes_max = 1024;

// A PROXY protocol header with its extensions: addresses take 36 bytes, a certificate's name some hundred.
inline constexpr size_t proxy_header_bytes_max = 2048;

// TLS records that carry one ClientHello, record headers included. Hybrid key shares make 1.8 KB; large pre-shared key
// tickets and padding are far below this.
inline constexpr size_t client_hello_bytes_max = size_t{64} * 1024;
// RFC 8446 section 5.1: the plaintext of one record.
inline constexpr size_t tls_record_bytes_max = size_t{16} * 1024;
// Entries of one list in a JA4. A hello beyond it is nobody's, and its raw text would fill the records of its flow.
inline constexpr size_t ja4_list_entries_max = 512;

// RFC 1035 section 2.3.4, as text without the trailing dot.
inline constexpr size_t host_bytes_max = 253;
inline constexpr size_t host_label_bytes_max = 63;

// Records read of one DNS answer: large ones have a few dozen.
inline constexpr size_t dns_records_max = 64;

// Details of a Proxy-Status member: one sentence.
inline constexpr size_t proxy_status_details_bytes_max = 256;

}  // namespace sluice::wire
