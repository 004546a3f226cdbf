#include "proxy/tls/password.h"

#include <crypt.h>
#include <openssl/crypto.h>

#include <charconv>
#include <memory>
#include <optional>

#include "proxy/base/file.h"
#include "proxy/tls/limits.h"

namespace sluice::tls {

namespace {

// Cleans up after itself: crypt_data holds what was made of the password.
struct CryptDeleter {
  void operator()(crypt_data* data) const {
    OPENSSL_cleanse(data, sizeof *data);
    delete data;
  }
};

std::optional<std::string> hash_of(const std::string& password, const std::string& setting) {
  const std::unique_ptr<crypt_data, CryptDeleter> data(new crypt_data{});
  const char* hash = crypt_r(password.c_str(), setting.c_str(), data.get());
  // libxcrypt reports failure by a text that begins with '*'.
  if (hash == nullptr || *hash == '*') return std::nullopt;
  return std::string(hash);
}

bool equal_in_constant_time(const std::string& a, const std::string& b) {
  return a.size() == b.size() && CRYPTO_memcmp(a.data(), b.data(), a.size()) == 0;
}

bool ends_with_hash(std::string_view hash, size_t digits) {
  const size_t dollar = hash.rfind('$');
  return dollar != std::string_view::npos && hash.size() - dollar - 1 == digits;
}

// "" when the hash can be used, else what is wrong with it, to follow the user's name.
std::string why_unusable(const std::string& hash) {
  const std::string damaged = "has a damaged password hash";
  const std::string too_dear = "has a password hash whose cost would take seconds for every check";
  const std::string_view text = hash;
  if (text.starts_with("$2b$") || text.starts_with("$2y$")) {
    int cost = 0;
    const auto [end, error] = std::from_chars(text.data() + 4, text.data() + text.size(), cost);
    if (error != std::errc{} || text.size() != 60 || end != text.data() + 6) return damaged;
    if (cost > bcrypt_cost_max) return too_dear;
  } else if (text.starts_with("$5$") || text.starts_with("$6$")) {
    if (!ends_with_hash(text, text[1] == '5' ? 43 : 86)) return damaged;
    unsigned long rounds = 0;
    const std::string_view parameters = text.substr(3);
    if (parameters.starts_with("rounds=")) {
      const char* begin = parameters.data() + 7;
      const auto [end, error] = std::from_chars(begin, parameters.data() + parameters.size(), rounds);
      if (error != std::errc{} || *end != '$') return damaged;
    }
    if (rounds > sha_crypt_rounds_max) return too_dear;
  } else if (text.starts_with("$y$")) {
    constexpr std::string_view digits = "./0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
    // `$y$` flavour, log2(N) - 1, block size: `$y$j9T$`.
    const size_t log2_n = text.size() > 4 ? digits.find(text[4]) : std::string_view::npos;
    if (!ends_with_hash(text, 43) || log2_n == std::string_view::npos) return damaged;
    if (log2_n + 1 > yescrypt_log2_n_max) return too_dear;
  } else if (text.starts_with("$apr1$") || text.starts_with("$1$")) {
    return "has an MD5 password hash, which is too weak";
  } else if (text.starts_with("{SHA}")) {
    return "has a SHA-1 password hash, which is too weak";
  } else {
    return "has a password in clear or of an unknown scheme";
  }
  return crypt_checksalt(hash.c_str()) == CRYPT_SALT_INVALID ? damaged : "";
}

// "" when the name can be used.
std::string why_bad_user(std::string_view user) {
  if (user.empty()) return "the user name is empty";
  if (user.size() > user_bytes_max) return "the user name is longer than " + std::to_string(user_bytes_max) + " bytes";
  for (const char c : user) {
    const auto byte = static_cast<uint8_t>(c);
    if (byte < 0x20 || byte == 0x7f) return "the user name has a control character";
  }
  return "";
}

}  // namespace

base::Result<Passwords> Passwords::load(const std::string& file) {
  const auto text = base::read_file(file, password_file_bytes_max);
  if (!text) return text.error();
  return parse(*text, file);
}

base::Result<Passwords> Passwords::parse(std::string_view text, const std::string& file) {
  Passwords passwords;
  size_t number = 0;
  while (!text.empty()) {
    const size_t end = text.find('\n');
    std::string_view line = text.substr(0, end);
    text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
    const std::string place = file + ":" + std::to_string(++number) + ": ";
    if (line.ends_with('\r')) line.remove_suffix(1);
    if (line.empty() || line.starts_with('#')) continue;

    const size_t colon = line.find(':');
    if (colon == std::string_view::npos) return base::Error{place + "must be `user:hash`, found no colon"};
    const std::string user(line.substr(0, colon));
    if (const std::string why = why_bad_user(user); !why.empty()) return base::Error{place + why};
    const std::string hash(line.substr(colon + 1));
    if (const std::string why = why_unusable(hash); !why.empty()) {
      return base::Error{place + "user `" + user + "` " + why + "; make a new one with `htpasswd -B " + file + " " +
                         user + "`"};
    }
    if (!passwords.hashes_.emplace(user, hash).second) {
      return base::Error{place + "user `" + user + "` stands here twice"};
    }
    if (passwords.size() > password_users_max) {
      return base::Error{place + "more than " + std::to_string(password_users_max) + " users"};
    }
  }
  if (passwords.hashes_.empty()) {
    return base::Error{file + ": holds no user, so nobody could pass; add one with `htpasswd -B " + file + " USER`"};
  }
  return passwords;
}

bool Passwords::verify(std::string_view user, std::string_view password) const {
  if (hashes_.empty() || password.size() > password_bytes_max) return false;
  // libcrypt reads up to the first NUL: `secret\0x` must not pass as `secret`.
  if (password.find('\0') != std::string_view::npos) return false;
  const auto found = hashes_.find(user);
  const std::string& expected = found == hashes_.end() ? hashes_.begin()->second : found->second;
  std::string copy(password);
  const auto hash = hash_of(copy, expected);
  OPENSSL_cleanse(copy.data(), copy.size());
  return hash && equal_in_constant_time(*hash, expected) && found != hashes_.end();
}

}  // namespace sluice::tls
