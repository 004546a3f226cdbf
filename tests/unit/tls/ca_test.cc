#include "proxy/tls/ca.h"

#include <stdio.h>
#include <sys/stat.h>

#include <array>
#include <catch2/catch.hpp>
#include <filesystem>
#include <fstream>
#include <set>
#include <sstream>

#include "tests/support/temporary_folder.h"

namespace sluice::tls {

namespace {

struct Ran {
  int status;
  std::string output;
};

// Runs `openssl ARGUMENTS` in `folder`, someone else's reading of what we wrote.
Ran openssl(const TemporaryFolder& folder, const std::string& arguments) {
  FILE* pipe = popen(("cd " + folder.path() + " && openssl " + arguments + " 2>&1").c_str(), "r");
  REQUIRE(pipe != nullptr);
  std::string output;
  std::array<char, 4096> buffer{};
  while (const size_t count = fread(buffer.data(), 1, buffer.size(), pipe)) output.append(buffer.data(), count);
  return {pclose(pipe), output};
}

std::string content_of(const std::string& path) {
  std::ostringstream content;
  content << std::ifstream(path).rdbuf();
  return content.str();
}

unsigned mode_of(const std::string& path) {
  struct stat about {};
  REQUIRE(stat(path.c_str(), &about) == 0);
  return about.st_mode & 07777;
}

size_t files_in(const TemporaryFolder& folder) {
  return static_cast<size_t>(std::distance(std::filesystem::directory_iterator(folder.path()), {}));
}

}  // namespace

TEST_CASE("the roots and the issuing CA stand as OpenSSL reads them") {
  const TemporaryFolder folder;
  const auto now = base::wall_now();
  const auto made = create_ca(folder.path(), "Acme", now);
  REQUIRE(made.ok());
  CHECK(made->size() == 10);
  CHECK(files_in(folder) == 10);
  for (const MadeFile& file : *made) {
    INFO(file.path);
    CHECK(mode_of(file.path) == (file.is_key ? 0600u : 0644u));
    CHECK(file.is_key == file.path.ends_with(".key"));
    if (!file.is_key) CHECK(file.valid_until > now + std::chrono::hours(24) * 364);
  }
  for (const char* root : {"interception-root", "devices-root", "service-root"}) {
    const Ran verify = openssl(folder, std::string("verify -x509_strict -CAfile ") + root + ".crt " + root + ".crt");
    INFO(verify.output);
    CHECK(verify.status == 0);
    const Ran text = openssl(folder, std::string("x509 -noout -text -in ") + root + ".crt");
    CHECK(text.output.find("X509v3 Basic Constraints: critical") != std::string::npos);
    CHECK(text.output.find("X509v3 Key Usage: critical") != std::string::npos);
    CHECK(text.output.find("Certificate Sign, CRL Sign") != std::string::npos);
    CHECK(text.output.find("ASN1 OID: prime256v1") != std::string::npos);
  }
  const Ran chain = openssl(folder, "verify -x509_strict -CAfile root.crt ca.crt");
  INFO(chain.output);
  CHECK(chain.status == 0);
  const Ran issuing = openssl(folder, "x509 -noout -text -in ca.crt");
  CHECK(issuing.output.find("CA:TRUE, pathlen:0") != std::string::npos);
  CHECK(issuing.output.find("Subject: CN = Acme issuing CA") != std::string::npos);
  CHECK(openssl(folder, "x509 -noout -checkend 31000000 -in ca.crt").status == 0);
  CHECK(openssl(folder, "x509 -noout -checkend 31600000 -in ca.crt").status != 0);
  CHECK(openssl(folder, "x509 -noout -checkend 315360000 -in root.crt").status == 0);
  CHECK(content_of(folder.path("root.crt")) == content_of(folder.path("interception-root.crt")));
  CHECK(content_of(folder.path("devices.crt")) == content_of(folder.path("devices-root.crt")));
}

TEST_CASE("the roots are unrelated, with keys and serials of their own") {
  const TemporaryFolder folder;
  REQUIRE(create_ca(folder.path(), "Acme", base::wall_now()).ok());
  CHECK(openssl(folder, "verify -CAfile devices.crt ca.crt").status != 0);
  CHECK(openssl(folder, "verify -CAfile service-root.crt ca.crt").status != 0);
  std::set<std::string> keys;
  std::set<std::string> serials;
  for (const std::string name : {"interception-root", "devices-root", "service-root", "ca"}) {
    keys.insert(openssl(folder, "x509 -noout -pubkey -in " + name + ".crt").output);
    serials.insert(openssl(folder, "x509 -noout -serial -in " + name + ".crt").output);
    CHECK(openssl(folder, "x509 -noout -pubkey -in " + name + ".crt").output ==
          openssl(folder, "pkey -pubout -in " + name + ".key").output);
  }
  CHECK(keys.size() == 4);
  CHECK(serials.size() == 4);
}

TEST_CASE("the issuing CA may sign leaves and no further CA") {
  const TemporaryFolder folder;
  REQUIRE(create_ca(folder.path(), "Acme", base::wall_now()).ok());
  folder.write("leaf.ext", "basicConstraints=critical,CA:FALSE\nsubjectAltName=DNS:a.example\n");
  folder.write("ca.ext", "basicConstraints=critical,CA:TRUE\nkeyUsage=critical,keyCertSign\n");
  const std::string request = "req -new -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes ";
  const std::string sign = "x509 -req -CA ca.crt -CAkey ca.key -days 1 ";
  REQUIRE(openssl(folder, request + "-subj /CN=a.example -keyout leaf.key -out leaf.csr").status == 0);
  REQUIRE(openssl(folder, sign + "-in leaf.csr -out leaf.crt -extfile leaf.ext").status == 0);
  CHECK(openssl(folder, "verify -CAfile root.crt -untrusted ca.crt -verify_hostname a.example leaf.crt").status == 0);

  REQUIRE(openssl(folder, request + "-subj /CN=sub -keyout sub.key -out sub.csr").status == 0);
  REQUIRE(openssl(folder, sign + "-in sub.csr -out sub.crt -extfile ca.ext").status == 0);
  const std::string sign_by_sub = "x509 -req -CA sub.crt -CAkey sub.key -days 1 ";
  REQUIRE(openssl(folder, sign_by_sub + "-in leaf.csr -out deep.crt -extfile leaf.ext").status == 0);
  folder.write("untrusted.crt", content_of(folder.path("ca.crt")) + content_of(folder.path("sub.crt")));
  const Ran deep = openssl(folder, "verify -CAfile root.crt -untrusted untrusted.crt deep.crt");
  INFO(deep.output);
  CHECK(deep.status != 0);
  CHECK(deep.output.find("path length constraint exceeded") != std::string::npos);
}

TEST_CASE("an existing file is never replaced, and then nothing is made") {
  const TemporaryFolder folder;
  folder.write("ca.key", "precious");
  const auto made = create_ca(folder.path(), "Acme", base::wall_now());
  REQUIRE_FALSE(made.ok());
  CHECK(made.error().message ==
        folder.path("ca.key") + ": exists already and is not replaced; choose another place or move it away");
  CHECK(files_in(folder) == 1);
  CHECK(content_of(folder.path("ca.key")) == "precious");
}

TEST_CASE("a folder that cannot be made is named") {
  const TemporaryFolder folder;
  folder.write("file", "");
  const auto made = create_ca(folder.path("file/ca"), "Acme", base::wall_now());
  REQUIRE_FALSE(made.ok());
  CHECK(made.error().message == folder.path("file/ca") + ": cannot create the folder: Not a directory");
  CHECK_FALSE(create_ca(folder.path("x"), "", base::wall_now()).ok());
  CHECK_FALSE(create_ca(folder.path("x"), std::string(41, 'x'), base::wall_now()).ok());
  CHECK_FALSE(create_ca(folder.path("x"), "line\nend", base::wall_now()).ok());
}

TEST_CASE("service certificates serve their role and names") {
  const TemporaryFolder folder;
  REQUIRE(create_ca(folder.path(), "Acme", base::wall_now()).ok());
  ServiceCertificate server;
  server.name = "store";
  server.alternative_names = {"DNS:store.example", "DNS:*.pod.example", "IP:127.0.0.1", "IP:::1"};
  server.out = folder.path("store");
  const auto made = issue_service_certificate(folder.path(), server, base::wall_now());
  REQUIRE(made.ok());
  CHECK(made->size() == 2);
  CHECK(mode_of(folder.path("store.key")) == 0600);
  const std::string verify = "verify -x509_strict -CAfile service-root.crt ";
  CHECK(openssl(folder, verify + "-purpose sslserver -verify_hostname store.example store.crt").status == 0);
  CHECK(openssl(folder, verify + "-purpose sslserver -verify_hostname a.pod.example store.crt").status == 0);
  CHECK(openssl(folder, verify + "-purpose sslserver -verify_ip 127.0.0.1 store.crt").status == 0);
  CHECK(openssl(folder, verify + "-purpose sslserver -verify_ip ::1 store.crt").status == 0);
  CHECK(openssl(folder, verify + "-purpose sslserver -verify_hostname other.example store.crt").status != 0);
  CHECK(openssl(folder, verify + "-purpose sslclient store.crt").status != 0);
  CHECK(openssl(folder, "verify -CAfile root.crt store.crt").status != 0);

  const ServiceCertificate producer{ServiceRole::kProducer, "pop-tokyo-1", {}, folder.path("pop")};
  REQUIRE(issue_service_certificate(folder.path(), producer, base::wall_now()).ok());
  CHECK(openssl(folder, verify + "-purpose sslclient pop.crt").status == 0);
  CHECK(openssl(folder, verify + "-purpose sslserver pop.crt").status != 0);
}

TEST_CASE("service certificates that cannot be made say why") {
  const TemporaryFolder folder;
  const auto error_of = [&](const ServiceCertificate& wanted) {
    const auto made = issue_service_certificate(folder.path(), wanted, base::wall_now());
    return made.ok() ? "ok" : made.error().message;
  };
  const std::string out = folder.path("x");
  CHECK(error_of({ServiceRole::kServer, "store", {}, out}) ==
        folder.path("service-root.crt") + ": cannot read: No such file or directory");
  REQUIRE(create_ca(folder.path(), "Acme", base::wall_now()).ok());
  CHECK(error_of({ServiceRole::kServer, "", {}, out}) == "the name must be 1 to 64 printable ASCII characters");
  CHECK(error_of({ServiceRole::kServer, "two words", {}, out}) == "`DNS:two words` is not `DNS:` and a host name");
  CHECK(error_of({ServiceRole::kServer, "a", {"a.example"}, out}) == "`a.example` must begin with `DNS:` or `IP:`");
  CHECK(error_of({ServiceRole::kServer, "a", {"IP:1.2.3"}, out}) == "`IP:1.2.3` is not `IP:` and an address");
  // OpenSSL's spelling has commands (`email:copy`, `@section`, `dirName:`); none gets through.
  CHECK(error_of({ServiceRole::kServer, "a", {"DNS:a,email:copy"}, out}) ==
        "`DNS:a,email:copy` is not `DNS:` and a host name");
  folder.write("service-root.key", content_of(folder.path("ca.key")));
  CHECK(error_of({ServiceRole::kServer, "a", {}, out})
            .starts_with(folder.path("service-root") + ": the key does not belong to the certificate"));
  folder.write("service-root.key", "nonsense");
  CHECK(error_of({ServiceRole::kServer, "a", {}, out})
            .starts_with(folder.path("service-root") + ": no unencrypted private key in PEM"));
  CHECK_FALSE(std::filesystem::exists(out + ".crt"));
}

}  // namespace sluice::tls
