#pragma once
// Origins' certificates of every wrong kind, made by the openssl program.
#include <catch2/catch.hpp>
#include <cstdlib>
#include <fstream>
#include <string>

#include "tests/support/temporary_folder.h"

namespace sluice::tls {

// A root, an intermediate below it, and a second root that nobody trusts.
class BadOrigins {
 public:
  static const BadOrigins& get() {
    static const BadOrigins origins;
    return origins;
  }

  struct Wanted {
    std::string issuer = "middle";  // "": self-signed
    std::string names = "DNS:good.example,DNS:*.wild.example,IP:192.0.2.1,IP:2001:db8::1";
    std::string key = "ec -pkeyopt ec_paramgen_curve:P-256";
    std::string digest = "sha256";
    std::string more{};  // further -addext
  };
  // Makes `name`.crt and `name`.key.
  void make(const std::string& name, const Wanted& wanted) const {
    std::string command = "req -x509 -config empty.cnf -newkey " + wanted.key + " -nodes -subj /CN=" + name +
                          " -days 30 -" + wanted.digest + " -keyout " + name + ".key -out " + name + ".crt";
    if (!wanted.issuer.empty()) command += " -CA " + wanted.issuer + ".crt -CAkey " + wanted.issuer + ".key";
    if (!wanted.names.empty()) command += " -addext subjectAltName=" + wanted.names;
    if (wanted.more.find("basicConstraints") == std::string::npos) {
      command += " -addext basicConstraints=critical,CA:FALSE";
    }
    openssl(command + " " + wanted.more);
  }
  void openssl(const std::string& command) const {
    const std::string line = "cd " + folder_.path() + " && openssl " + command + " > log 2>&1";
    if (system(line.c_str()) != 0) FAIL(command << "\n" << content("log"));
  }
  std::string content(const std::string& name) const {
    std::ifstream file(folder_.path(name), std::ios::binary);
    return {std::istreambuf_iterator<char>(file), {}};
  }
  std::string path(const std::string& name) const { return folder_.path(name); }
  const TemporaryFolder& folder() const { return folder_; }

 private:
  BadOrigins() {
    folder_.write("empty.cnf", "[req]\ndistinguished_name=dn\n[dn]\n");
    const std::string ca = "-addext basicConstraints=critical,CA:TRUE -addext keyUsage=critical,keyCertSign,cRLSign";
    Wanted wanted;
    wanted.names = "";
    wanted.issuer = "";
    wanted.more = ca;
    make("root", wanted);
    make("stranger", wanted);
    wanted.issuer = "root";
    make("middle", wanted);
    wanted.more = ca + " -addext nameConstraints=critical,permitted\\;DNS:inside.example";
    make("narrow", wanted);
    wanted.issuer = "stranger";
    wanted.more = ca;
    make("strange-middle", wanted);
  }
  TemporaryFolder folder_;
};

}  // namespace sluice::tls
