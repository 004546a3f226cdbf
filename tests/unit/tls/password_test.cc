#include "proxy/tls/password.h"

#include <catch2/catch.hpp>

namespace sluice::tls {

namespace {

// The password of each is `secret`; costs are low so that the test is quick.
constexpr const char* bcrypt_b = "$2b$05$abcdefghijklmnopqrstuuOQiyCxlgf/oeuTqixKmWdcYUh4Hjl0a";
constexpr const char* bcrypt_y = "$2y$05$abcdefghijklmnopqrstuuOQiyCxlgf/oeuTqixKmWdcYUh4Hjl0a";
constexpr const char* sha256 = "$5$rounds=1000$salt$CCvcOM6b7TEJDPb37Aec/9UpOg4QhPNAxPpL9ZzjTB7";
constexpr const char* sha512 =
    "$6$rounds=1000$salt$HNxBeBnDfSfUrTj6KiLnmd7tGCvHEmcExh8kl/S0cZ5WrCciNZgfhbpkeFQ4JfkHX.8vPq45lY0iINnCx1Lkm.";
constexpr const char* yescrypt = "$y$j75$saltsalt$0gBD67sgmJgRX3RZ6wHHO7sHimQEWGCWN85o4Twogh2";

std::string error_of(const std::string& text) {
  const auto passwords = Passwords::parse(text, "users");
  return passwords.ok() ? "ok" : passwords.error().message;
}

}  // namespace

TEST_CASE("every scheme verifies its password and nothing else") {
  for (const char* hash : {bcrypt_b, bcrypt_y, sha256, sha512, yescrypt}) {
    INFO(hash);
    const auto passwords = Passwords::parse("# users\r\n\r\nalice:" + std::string(hash) + "\r\n", "users");
    REQUIRE(passwords.ok());
    CHECK(passwords->size() == 1);
    CHECK(passwords->verify("alice", "secret"));
    CHECK_FALSE(passwords->verify("alice", "Secret"));
    CHECK_FALSE(passwords->verify("alice", ""));
    CHECK_FALSE(passwords->verify("alice", std::string("secret\0", 7)));
    CHECK_FALSE(passwords->verify("alice", std::string(100'000, 'x')));
    CHECK_FALSE(passwords->verify("bob", "secret"));
    CHECK_FALSE(passwords->verify("", "secret"));
  }
}

TEST_CASE("users do not share passwords") {
  const auto passwords =
      Passwords::parse("a:" + std::string(sha256) + "\nb:$5$salt$kpa26zwgX83BPSR8d7w93OIXbFt/d3UOTZaAu5vsTM6", "users");
  REQUIRE(passwords.ok());
  CHECK(passwords->size() == 2);
  CHECK(passwords->verify("a", "secret"));
  CHECK(passwords->verify("b", "secret"));
  CHECK_FALSE(passwords->verify("c", "secret"));
}

TEST_CASE("files that would not protect are refused by line, without the hash") {
  const std::string make_new = "; make a new one with `htpasswd -B users eve`";
  struct Case {
    std::string text;
    std::string error;
  };
  const std::string good = "alice:" + std::string(bcrypt_y) + "\n";
  const Case cases[] = {
      {"", "users: holds no user, so nobody could pass; add one with `htpasswd -B users USER`"},
      {"# nobody\n", "users: holds no user, so nobody could pass; add one with `htpasswd -B users USER`"},
      {good + "eve\n", "users:2: must be `user:hash`, found no colon"},
      {good + ":" + sha256, "users:2: the user name is empty"},
      {std::string(256, 'x') + ":" + sha256, "users:1: the user name is longer than 255 bytes"},
      {std::string("e\tve:") + sha256, "users:1: the user name has a control character"},
      {good + good, "users:2: user `alice` stands here twice"},
      {good + "eve:$apr1$salt$AAAAAAAAAAAAAAAAAAAAA.",
       "users:2: user `eve` has an MD5 password hash, which is too weak" + make_new},
      {"eve:$1$salt$ez2vlPGdaLYkJam5pWs/Y1",
       "users:1: user `eve` has an MD5 password hash, which is too weak" + make_new},
      {"eve:{SHA}5en6G6MezRroT3XKqkdPOmY/BfQ=",
       "users:1: user `eve` has a SHA-1 password hash, which is too weak" + make_new},
      {"eve:secret", "users:1: user `eve` has a password in clear or of an unknown scheme" + make_new},
      {"eve:", "users:1: user `eve` has a password in clear or of an unknown scheme" + make_new},
      {"eve:saXUlpa.ZJMWw", "users:1: user `eve` has a password in clear or of an unknown scheme" + make_new},
      {"eve:" + std::string(bcrypt_y).substr(0, 59), "users:1: user `eve` has a damaged password hash" + make_new},
      {"eve:" + std::string(sha512).substr(0, 80), "users:1: user `eve` has a damaged password hash" + make_new},
      {"eve:" + std::string(yescrypt).substr(0, 40), "users:1: user `eve` has a damaged password hash" + make_new},
      {"eve:$5$rounds=x$salt$CCvcOM6b7TEJDPb37Aec/9UpOg4QhPNAxPpL9ZzjTB7",
       "users:1: user `eve` has a damaged password hash" + make_new},
      {"eve:$2y$31$abcdefghijklmnopqrstuuOQiyCxlgf/oeuTqixKmWdcYUh4Hjl0a",
       "users:1: user `eve` has a password hash whose cost would take seconds for every check" + make_new},
      {"eve:$6$rounds=999999999$salt$" + std::string(86, 'x'),
       "users:1: user `eve` has a password hash whose cost would take seconds for every check" + make_new},
      {"eve:$y$jKT$saltsalt$" + std::string(43, 'x'),
       "users:1: user `eve` has a password hash whose cost would take seconds for every check" + make_new},
  };
  for (const Case& c : cases) {
    INFO(c.text);
    CHECK(error_of(c.text) == c.error);
  }
}

TEST_CASE("a password file that is not there is named") {
  const auto passwords = Passwords::load("/nonexistent/users");
  REQUIRE_FALSE(passwords.ok());
  CHECK(passwords.error().message == "/nonexistent/users: cannot read: No such file or directory");
}

}  // namespace sluice::tls
