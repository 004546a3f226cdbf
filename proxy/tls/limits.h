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

}  // namespace sluice::tls
