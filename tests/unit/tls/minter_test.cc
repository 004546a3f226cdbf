#include <openssl/pem.h>
#include <sys/stat.h>

#include <set>

#include "proxy/tls/cert_minter.h"
#include "proxy/tls/issuing_ca_state.h"
#include "proxy/tls/leaf_state.h"
#include "proxy/tls/openssl.h"
#include "tests/unit/tls/session_fixture.h"

namespace sluice::tls {

namespace {

constexpr auto day = std::chrono::hours(24);

IssuingCa::Files ca_files() {
  const Installation& files = Installation::get();
  return {files.path("ca.crt"), files.path("ca.key"), files.path("root.crt")};
}

const std::shared_ptr<const IssuingCa>& installed_ca() {
  static const auto ca = IssuingCa::load(ca_files(), base::wall_now()).value();
  return ca;
}

const std::shared_ptr<const LeafKeys>& leaf_keys() {
  static const auto keys = LeafKeys::generate().value();
  return keys;
}

CertMinter make_minter(size_t cache_bytes_max = minted_bytes_max) {
  return {installed_ca(), IssuingCa::make_untrusted(base::wall_now()).value(), leaf_keys(), cache_bytes_max};
}

std::string pem_of(const Leaf& leaf) {
  const BioPtr bio(BIO_new(BIO_s_mem()));
  REQUIRE(PEM_write_bio_X509(bio.get(), leaf.state().certificate.get()) == 1);
  return text_of(bio.get());
}

// `openssl ARGUMENTS` on the leaf's file, chained to the installation's root.
std::string openssl_says(const Leaf& leaf, const std::string& arguments) {
  const TemporaryFolder folder;
  folder.write("leaf.crt", pem_of(leaf));
  FILE* pipe = popen(("cd " + folder.path() + " && openssl " + arguments + " 2>&1").c_str(), "r");
  std::string output(20'000, '\0');
  output.resize(fread(output.data(), 1, output.size(), pipe));
  return output + "status " + std::to_string(pclose(pipe));
}

bool verifies_for(const Leaf& leaf, const std::string& check, base::WallTime at) {
  const Installation& files = Installation::get();
  const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(at.time_since_epoch()).count();
  const std::string said = openssl_says(leaf, "verify -x509_strict -purpose sslserver -attime " +
                                                  std::to_string(seconds) + " -CAfile " + files.path("root.crt") +
                                                  " -untrusted " + files.path("ca.crt") + " " + check + " leaf.crt");
  INFO(said);
  return said.ends_with("status 0");
}

}  // namespace

TEST_CASE("a minted leaf is for exactly one host, in other people's eyes too") {
  CertMinter minter = make_minter();
  const auto now = base::wall_now();
  const Leaf leaf = minter.leaf_for({"www.example", LeafKind::kEcdsa, {}}, now).value();
  CHECK(verifies_for(leaf, "-verify_hostname www.example", now));
  // The installation's own CA is younger than two days, the leaf is not.
  CHECK(wall_time_of(X509_get0_notBefore(leaf.state().certificate.get())).value() < now - day * 2 + day / 24);
  CHECK(verifies_for(leaf, "-verify_hostname www.example", now + day * 194));
  CHECK_FALSE(verifies_for(leaf, "-verify_hostname www.example", now + day * 196));
  CHECK_FALSE(verifies_for(leaf, "-verify_hostname example", now));
  CHECK_FALSE(verifies_for(leaf, "-verify_hostname a.www.example", now));
  const std::string text = openssl_says(leaf, "x509 -noout -text -in leaf.crt");
  INFO(text);
  CHECK(text.find("Subject: CN = www.example") != std::string::npos);
  CHECK(text.find("Issuer: CN = Acme issuing CA") != std::string::npos);
  CHECK(text.find("prime256v1") != std::string::npos);
  CHECK(text.find("CA:FALSE") != std::string::npos);
  CHECK(text.find("TLS Web Server Authentication") != std::string::npos);
  CHECK(text.find("DNS:www.example\n") != std::string::npos);
  CHECK(text.find("Authority Key Identifier") != std::string::npos);
  CHECK(text.find("Subject Key Identifier") == std::string::npos);
}

TEST_CASE("addresses and long names stand where clients look for them") {
  CertMinter minter = make_minter();
  const auto now = base::wall_now();
  CHECK(verifies_for(minter.leaf_for({"192.0.2.7", LeafKind::kEcdsa, {}}, now).value(), "-verify_ip 192.0.2.7", now));
  CHECK(
      verifies_for(minter.leaf_for({"2001:db8::7", LeafKind::kEcdsa, {}}, now).value(), "-verify_ip 2001:db8::7", now));
  const std::string name = std::string(60, 'a') + "." + std::string(60, 'b') + ".example";
  const Leaf leaf = minter.leaf_for({name, LeafKind::kEcdsa, {}}, now).value();
  CHECK(verifies_for(leaf, "-verify_hostname " + name, now));
  CHECK(openssl_says(leaf, "x509 -noout -text -in leaf.crt").find("Alternative Name: critical") != std::string::npos);
  for (const std::string bad : {"", "a b", "UPPER", "*.example", "a.example.", "a,DNS:b", "a\nb", "\xc3\xbc.example"}) {
    INFO(bad);
    CHECK_FALSE(minter.leaf_for({bad, LeafKind::kEcdsa, {}}, now).ok());
  }
  CHECK_FALSE(minter.leaf_for({std::string(254, 'a'), LeafKind::kEcdsa, {}}, now).ok());
}

TEST_CASE("clients get a leaf of their kind with the chain, and resume only on the same host") {
  const Installation& files = Installation::get();
  CertMinter minter = make_minter();
  const auto now = base::wall_now();
  ServerOptions options;
  options.minimum = Version::kTls12;
  options.tickets = std::make_shared<TicketKeys>();
  const ServerContext server = server_context(options);
  ClientOptions trusting;
  trusting.trust = files.path("root.crt");
  trusting.minimum = Version::kTls12;
  const ClientContext client = client_context(trusting);
  for (const LeafKind kind : {LeafKind::kEcdsa, LeafKind::kRsa}) {
    const Leaf leaf = minter.leaf_for({"shop.example", kind, {}}, now).value();
    AcceptParameters accept;
    accept.leaf = &leaf;
    accept.alpn = {"http/1.1"};
    accept.scope = "shop.example";
    ConnectParameters connect{"shop.example", std::vector<std::string>{"h2", "http/1.1"}, {}};
    Pair pair = Pair::make(client, server, connect, accept);
    pair.settle();
    INFO(described(pair.client.session) << " / " << described(pair.server.session));
    REQUIRE(pair.client.session.state() == Session::State::kOpen);
    CHECK(pair.client.session.negotiated().alpn == "http/1.1");
    CHECK(pair.client.session.peer_chain()->size() == 2);  // leaf and issuing CA, not the root
    auto ticket = pair.client.session.take_resumptions().back();
    for (const bool same : {true, false}) {
      accept.scope = same ? "shop.example" : "other.example";
      connect.resume = ticket;
      Pair again = Pair::make(client, server, connect, accept);
      again.settle();
      CHECK(again.client.session.negotiated().resumed == same);
    }
  }
}

TEST_CASE("leaves are remembered, bounded by bytes, and forgotten with their key") {
  const auto now = base::wall_now();
  CertMinter minter = make_minter(60'000);
  const auto serial = [&](const std::string& host, LeafKind kind = LeafKind::kEcdsa,
                          base::WallTime at = base::wall_now()) {
    return serial_of(X509_get0_serialNumber(minter.leaf_for({host, kind, {}}, at).value().state().certificate.get()));
  };
  const std::string first = serial("a.example");
  CHECK(serial("a.example") == first);
  CHECK(serial("a.example", LeafKind::kRsa) != first);
  CHECK(minter.counters().minted == 2);
  CHECK(minter.counters().reused == 1);
  std::set<std::string> serials;
  for (int i = 0; i < 100; ++i) {
    serials.insert(serial("host" + std::to_string(i)));
    CHECK(serial("a.example") == first);  // used, so it stays
  }
  CHECK(serials.size() == 100);
  CHECK(minter.cached() > 5);
  CHECK(minter.cached() < 15);
  CHECK(serial("a.example", LeafKind::kEcdsa, now + day * 194) == first);
  CHECK(serial("a.example", LeafKind::kEcdsa, now + day * 195) != first);
  minter.set_keys(leaf_keys());
  CHECK(minter.cached() == 0);
  CertMinter forgetful = make_minter(100);
  CHECK(forgetful.leaf_for({"a.example", LeafKind::kEcdsa, {}}, now).ok());
  CHECK(forgetful.cached() == 0);
}

TEST_CASE("a leaf does not outlive the origin's certificate or the CA") {
  CertMinter minter = make_minter();
  const auto now = base::wall_now();
  const auto ends = [&](std::optional<base::WallTime> origin, base::WallTime at) {
    const Leaf leaf = minter.leaf_for({"a.example", LeafKind::kEcdsa, origin}, at).value();
    return wall_time_of(X509_get0_notAfter(leaf.state().certificate.get())).value();
  };
  const auto second = std::chrono::seconds(1);
  CHECK(ends(now + day * 30, now) <= now + day * 30);
  CHECK(ends(now + day * 30, now) > now + day * 30 - second);
  CHECK(ends(now + day * 90, now) <= now + day * 30);  // the remembered one is good enough
  CHECK(ends(now + day * 10, now) <= now + day * 10);  // this one not
  CHECK(ends(now + day * 300, now + day * 20) <= now + day * (20 + 195));
  CHECK(ends(now - day, now + day * 20) > now + day * 100);  // an expired origin that policy allows
  const auto ca_ends = installed_ca()->not_after();
  CHECK(ends({}, ca_ends - day) == ca_ends);
  CHECK_FALSE(minter.leaf_for({"a.example", LeafKind::kEcdsa, {}}, ca_ends + second).ok());
}

TEST_CASE("a mirrored certificate shows what the origin's shows, by an issuer that nobody trusts") {
  const Installation& files = Installation::get();
  CertMinter minter = make_minter();
  const auto now = base::wall_now();
  Identity::Form form;
  form.common_name = "old.example";
  form.alternative_names = "DNS:old.example,DNS:*.old.example,IP:192.0.2.1";
  form.not_before = now - day * 400;
  form.not_after = now - day * 35;
  files.make_leaf("mirror-me", "service-root", form);
  const PeerChain origin = PeerChain::from_pem(files.content("mirror-me.crt")).value();
  const Leaf leaf = minter.mirror_of(origin, LeafKind::kEcdsa, now).value();
  const std::string text = openssl_says(leaf, "x509 -noout -text -in leaf.crt");
  INFO(text);
  CHECK(text.find("Subject: CN = old.example") != std::string::npos);
  CHECK(text.find("DNS:old.example, DNS:*.old.example, IP Address:192.0.2.1") != std::string::npos);
  CHECK(text.find("Issuer: CN = The origin's certificate is not valid (Sluice)") != std::string::npos);
  CHECK(wall_time_of(X509_get0_notAfter(leaf.state().certificate.get())) == origin.leaf().not_after);
  CHECK(wall_time_of(X509_get0_notBefore(leaf.state().certificate.get())) == origin.leaf().not_before);
  CHECK(pem_of(minter.mirror_of(origin, LeafKind::kEcdsa, now).value()) == pem_of(leaf));
  CHECK_FALSE(verifies_for(leaf, "", now - day * 100));

  const ServerContext server = server_context({});
  ClientOptions trusting;
  trusting.trust = files.path("root.crt");
  AcceptParameters accept;
  accept.leaf = &leaf;
  Pair pair = Pair::make(client_context(trusting), server, {"old.example", {}, {}}, accept);
  pair.settle();
  REQUIRE(pair.client.session.failure() != nullptr);
  CHECK(pair.client.session.failure()->fault == Failure::Fault::kUntrusted);
}

TEST_CASE("an issuing CA that should not sign is refused with its file and reason") {
  const Installation& files = Installation::get();
  const auto now = base::wall_now();
  const auto error_of = [&](const IssuingCa::Files& wanted, base::WallTime at = base::wall_now()) {
    const auto ca = IssuingCa::load(wanted, at);
    return ca.ok() ? "ok" : ca.error().message;
  };
  IssuingCa::Files wanted = ca_files();
  CHECK(error_of(wanted) == "ok");
  CHECK(error_of({wanted.certificate, wanted.key, ""}) == "ok");
  CHECK(error_of(wanted, now + day * 400) == wanted.certificate + ": has expired");
  CHECK(error_of({files.path("pop.crt"), files.path("pop.key"), ""}) ==
        files.path("pop.crt") + ": is not the certificate of a CA");
  CHECK(error_of({wanted.certificate, files.path("pop.key"), ""}) ==
        files.path("pop.key") + ": is not the key of " + wanted.certificate);
  CHECK(error_of({wanted.certificate, wanted.key, files.path("devices.crt")}) ==
        files.path("devices.crt") +
            ": certificate 1 (CN = Acme devices root) did not sign CN = Acme issuing CA; it "
            "must be the chain from the CA's issuer upwards");
  const std::string open_key = files.folder().write("open.key", files.content("ca.key"));
  REQUIRE(chmod(open_key.c_str(), 0644) == 0);
  CHECK(error_of({wanted.certificate, open_key, ""}) ==
        open_key + ": others may read it; the key of a CA must have mode 0600 (chmod 600 " + open_key + ")");
  CHECK(public_key_hash(wanted.certificate).value() == public_key_hash(wanted.certificate).value());
  CHECK(public_key_hash(wanted.certificate).value() != public_key_hash(files.path("root.crt")).value());
}

}  // namespace sluice::tls
