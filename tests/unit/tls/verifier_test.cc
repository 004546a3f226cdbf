#include "proxy/tls/verifier.h"

#include "tests/unit/tls/bad_origins.h"
#include "tests/unit/tls/session_fixture.h"

namespace sluice::tls {

namespace {

constexpr auto day = std::chrono::hours(24);

std::string words_of(const CertificateErrors& errors) {
  std::string words;
  for (const CertificateError error : errors.list()) {
    words.append(words.empty() ? "" : " ").append(name_of(error));
  }
  return words;
}

std::shared_ptr<const TrustStore> store(const std::vector<std::string>& crls = {}) {
  const auto made = TrustStore::load({BadOrigins::get().path("root.crt"), crls});
  if (!made) FAIL(made.error().message);
  return *made;
}

PeerChain chain_of(const std::vector<std::string>& names) {
  std::string pem;
  for (const std::string& name : names) pem += BadOrigins::get().content(name + ".crt");
  const auto chain = PeerChain::from_pem(pem);
  if (!chain) FAIL(chain.error().message);
  return *chain;
}

std::string errors_of(const std::vector<std::string>& names, const std::string& host,
                      base::WallTime at = base::wall_now()) {
  Verifier verifier(store());
  return words_of(verifier.verify(chain_of(names), host, at).errors);
}

void make_good() {
  static const bool made = [] {
    BadOrigins::get().make("good", {});
    return true;
  }();
  static_cast<void>(made);
}

}  // namespace

TEST_CASE("names are checked like browsers do") {
  make_good();
  const std::vector<std::string> good{"good", "middle"};
  for (const std::string right : {"good.example", "a.wild.example", "192.0.2.1", "2001:db8::1", "GOOD.example"}) {
    INFO(right);
    CHECK(errors_of(good, right).empty());
  }
  for (const std::string wrong : {"bad.example", "a.good.example", "wild.example", "a.b.wild.example", "192.0.2.2",
                                  "2001:db8::2", "", "good", "example", "good.example.evil.example"}) {
    INFO(wrong);
    CHECK(errors_of(good, wrong) == "name_mismatch");
  }
  BadOrigins::get().make("partial", {.names = "DNS:w*.example,DNS:*,DNS:*.example.*"});
  for (const std::string wrong : {"www.example", "a", "a.example.com"}) {
    INFO(wrong);
    CHECK(errors_of({"partial", "middle"}, wrong) == "name_mismatch");
  }
  BadOrigins::get().make("good.example", {.names = ""});  // a common name counts for nothing
  CHECK(errors_of({"good.example", "middle"}, "good.example") == "no_san");
}

TEST_CASE("every wrong certificate is called by its name") {
  make_good();
  const BadOrigins& origins = BadOrigins::get();
  const auto now = base::wall_now();
  const std::string host = "good.example";
  CHECK(errors_of({"good", "middle"}, host) == "");
  CHECK(errors_of({"good", "middle", "root"}, host) == "");
  CHECK(errors_of({"good", "stranger", "middle"}, host) == "");  // order and company do not matter
  CHECK(errors_of({"good", "middle"}, host, now + day * 31) == "expired");
  CHECK(errors_of({"good", "middle"}, host, now - day) == "not_yet_valid");
  CHECK(errors_of({"good"}, host) == "incomplete_chain");
  CHECK(errors_of({"good"}, "other.example", now + day * 31) == "expired incomplete_chain name_mismatch");

  origins.make("selfish", {.issuer = ""});
  CHECK(errors_of({"selfish"}, host) == "self_signed");
  origins.make("foreign", {.issuer = "stranger"});
  CHECK(errors_of({"foreign", "stranger"}, host) == "untrusted_root");
  CHECK(errors_of({"foreign"}, host) == "incomplete_chain");
  origins.make("foreign2", {.issuer = "strange-middle"});
  CHECK(errors_of({"foreign2", "strange-middle"}, host) == "untrusted_root");
  CHECK(errors_of({"foreign2", "strange-middle", "stranger"}, host) == "untrusted_root");

  origins.make("sha1", {.digest = "sha1"});
  CHECK(errors_of({"sha1", "middle"}, host) == "weak_signature");
  origins.make("small", {.key = "rsa:1024"});
  CHECK(errors_of({"small", "middle"}, host) == "weak_key");
  origins.make("rsa", {.key = "rsa:2048"});
  CHECK(errors_of({"rsa", "middle"}, host) == "");
  origins.make("client", {.more = "-addext extendedKeyUsage=clientAuth"});
  CHECK(errors_of({"client", "middle"}, host) == "wrong_purpose");
  origins.make("sub", {.issuer = "good", .more = ""});
  CHECK(errors_of({"sub", "good", "middle"}, host).find("invalid_ca") != std::string::npos);
  origins.make("outside", {.issuer = "narrow", .names = "DNS:good.example"});
  CHECK(errors_of({"outside", "narrow"}, host) == "name_constraint");
  origins.make("inside", {.issuer = "narrow", .names = "DNS:a.inside.example"});
  CHECK(errors_of({"inside", "narrow"}, "a.inside.example") == "");

  std::string names = "DNS:good.example";
  for (int i = 0; i < 1000; ++i) names += ",DNS:name" + std::to_string(i) + ".example";
  origins.make("many", {.names = names});
  CHECK(errors_of({"many", "middle"}, "name999.example") == "");
  CHECK(errors_of({"many", "middle"}, "name1000.example") == "name_mismatch");
  std::vector<std::string> huge{"good"};
  for (int i = 0; i < 60; ++i) huge.push_back("stranger");
  huge.push_back("middle");
  CHECK(errors_of(huge, host) == "");
}

TEST_CASE("a changed signature is seen") {
  make_good();
  std::string pem = BadOrigins::get().content("good.crt");
  const size_t at = pem.rfind("-----END") - 20;  // inside the signature
  pem[at] = pem[at] == 'A' ? 'B' : 'A';
  const auto chain = PeerChain::from_pem(pem + BadOrigins::get().content("middle.crt"));
  if (!chain) return;  // the encoding broke instead
  Verifier verifier(store());
  CHECK_FALSE(verifier.verify(*chain, "good.example", base::wall_now()).errors.empty());
}

TEST_CASE("policies see eight kinds") {
  CertificateErrors errors;
  errors.add(CertificateError::kExpired);
  errors.add(CertificateError::kNoSan);
  errors.add(CertificateError::kWeakKey);
  errors.add(CertificateError::kWeakSignature);
  CHECK(errors.policy_kinds() ==
        std::vector{CertificateError::kExpired, CertificateError::kNameMismatch, CertificateError::kOther});
  CHECK(words_of(errors) == "expired no_san weak_signature weak_key");
}

TEST_CASE("CRLs revoke, also when they are overdue, and only what is theirs") {
  make_good();
  const BadOrigins& origins = BadOrigins::get();
  const auto revoke = [&](const std::string& issuer, const std::string& leaf) {
    origins.folder().write("index.txt", "");
    origins.folder().write("number", "01\n");
    origins.folder().write("ca.cnf",
                           "[ca]\ndefault_ca=d\n[d]\ndatabase=index.txt\ncrlnumber=number\n"
                           "default_md=sha256\ndefault_crl_days=1\nunique_subject=no\n");
    const std::string by = " -config ca.cnf -cert " + issuer + ".crt -keyfile " + issuer + ".key ";
    origins.openssl("ca -revoke " + leaf + ".crt" + by);
    origins.openssl("ca -gencrl -out " + issuer + ".crl" + by);
    return origins.path(issuer + ".crl");
  };
  origins.make("bad", {});
  const std::string middle_crl = revoke("middle", "bad");
  const std::string root_crl = revoke("root", "narrow");
  const auto errors_with = [&](const std::vector<std::string>& crls, const std::vector<std::string>& names,
                               const std::string& host, base::WallTime at = base::wall_now()) {
    Verifier verifier(store(crls));
    return words_of(verifier.verify(chain_of(names), host, at).errors);
  };
  origins.make("inside2", {.issuer = "narrow", .names = "DNS:a.inside.example"});
  const auto all = std::vector{middle_crl, root_crl};
  CHECK(errors_with({}, {"bad", "middle"}, "good.example") == "");
  CHECK(errors_with(all, {"bad", "middle"}, "good.example") == "revoked");
  CHECK(errors_with({middle_crl}, {"bad", "middle"}, "good.example") == "revoked");
  CHECK(errors_with({middle_crl}, {"bad", "middle"}, "good.example", base::wall_now() + day * 5) == "revoked");
  CHECK(errors_with(all, {"good", "middle"}, "good.example") == "");
  CHECK(errors_with(all, {"inside2", "narrow"}, "a.inside.example") == "revoked");
  CHECK_FALSE(TrustStore::load({origins.path("root.crt"), {origins.path("root.crt")}}).ok());
  CHECK_FALSE(TrustStore::load({origins.path("root.crt"), {origins.path("none")}}).ok());
  CHECK_FALSE(TrustStore::load({origins.path("root.key"), {}}).ok());
  CHECK(TrustStore::load({"", {}}).ok());
}

TEST_CASE("a stapled OCSP response counts when its issuer signed it") {
  make_good();
  const BadOrigins& origins = BadOrigins::get();
  origins.make("stapled", {});
  origins.openssl("ocsp -issuer middle.crt -cert stapled.crt -reqout request -no_nonce");
  const auto respond = [&](const std::string& status, const std::string& signer) {
    std::string serial;
    for (const char c : chain_of({"stapled"}).leaf().serial) serial += c;
    const std::string ends = "301231235959Z";
    origins.folder().write("ocsp.txt", status == "R"
                                           ? "R\t" + ends + "\t250101000000Z\t" + serial + "\tunknown\t/CN=stapled\n"
                                           : "V\t" + ends + "\t\t" + serial + "\tunknown\t/CN=stapled\n");
    origins.openssl("ocsp -index ocsp.txt -CA middle.crt -rsigner " + signer + ".crt -rkey " + signer +
                    ".key -reqin request -respout response -ndays 2");
    return origins.content("response");
  };
  const auto verdict_with = [&](const std::string& response, base::WallTime at = base::wall_now()) {
    const auto chain =
        PeerChain::from_pem(origins.content("stapled.crt") + origins.content("middle.crt"), base::as_bytes(response));
    Verifier verifier(store());
    return verifier.verify(*chain, "good.example", at);
  };
  const auto now = base::wall_now();
  const OriginVerdict good = verdict_with(respond("V", "middle"));
  CHECK(words_of(good.errors) == "");
  CHECK(good.usable_until < now + day * 3);
  const std::string revoked = respond("R", "middle");
  CHECK(words_of(verdict_with(revoked).errors) == "revoked");
  CHECK(words_of(verdict_with(revoked, now + day * 10).errors) == "revoked");
  CHECK(words_of(verdict_with(respond("R", "stranger")).errors) == "");
  CHECK(words_of(verdict_with("nonsense").errors) == "");
}

TEST_CASE("a good chain is remembered until something in it ends or trust changes") {
  make_good();
  BadOrigins::get().make("good2", {});
  BadOrigins::get().make("good3", {});
  const auto now = base::wall_now();
  Verifier verifier(store(), 2);
  const PeerChain good = chain_of({"good", "middle"});
  const OriginVerdict first = verifier.verify(good, "good.example", now);
  CHECK(first.errors.empty());
  CHECK(first.subject == "CN = good");
  CHECK(first.issuer == "CN = middle");
  CHECK(first.not_after > now + day * 29);
  CHECK(first.usable_until <= first.not_after);
  CHECK(first.chain == good.hash());
  const OriginVerdict second = verifier.verify(good, "good.example", now);
  CHECK(verifier.remembered_hits() == 1);
  CHECK(second.errors.empty());
  CHECK(second.usable_until == first.usable_until);
  CHECK(words_of(verifier.verify(good, "bad.example", now).errors) == "name_mismatch");
  CHECK(verifier.remembered_hits() == 2);
  CHECK(words_of(verifier.verify(good, "good.example", now + day * 31).errors) == "expired");
  CHECK(verifier.remembered_hits() == 2);

  verifier.verify(good, "good.example", now);
  const uint64_t before = verifier.trust()->generation();
  verifier.set_trust(store());
  CHECK(verifier.trust()->generation() > before);
  verifier.verify(good, "good.example", now);
  CHECK(verifier.remembered_hits() == 2);
  // Bad ones are looked at anew each time.
  verifier.verify(chain_of({"good"}), "good.example", now);
  verifier.verify(chain_of({"good"}), "good.example", now);
  CHECK(verifier.remembered_hits() == 2);
  // Bounded: two others push it out.
  verifier.verify(chain_of({"good2", "middle"}), "good.example", now);
  verifier.verify(chain_of({"good3", "middle"}), "good.example", now);
  verifier.verify(good, "good.example", now);
  CHECK(verifier.remembered_hits() == 2);
}

TEST_CASE("a deferred session opens towards any origin, and the verifier judges what it showed") {
  make_good();
  const BadOrigins& origins = BadOrigins::get();
  origins.make("selfish2", {.issuer = ""});
  ServerOptions options;
  options.certificate = origins.path("selfish2.crt");
  options.key = origins.path("selfish2.key");
  options.minimum = Version::kTls12;
  ClientOptions deferred;
  deferred.verify = ClientOptions::Verify::kDeferred;
  deferred.minimum = Version::kTls12;
  Pair pair = Pair::make(client_context(deferred), server_context(options), {"good.example", {}, {}});
  pair.settle();
  REQUIRE(pair.client.session.state() == Session::State::kOpen);
  Verifier verifier(store());
  const auto chain = pair.client.session.peer_chain();
  REQUIRE(chain);
  CHECK(words_of(verifier.verify(*chain, "good.example", base::wall_now()).errors) == "self_signed");
}

}  // namespace sluice::tls
