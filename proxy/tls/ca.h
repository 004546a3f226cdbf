#pragma once
// The certificate authorities of an installation, as files in one folder. For `sluicectl ca`; blocking.
//
//   interception-root.crt .key   what clients trust; signs the issuing CAs of the PoPs      10 years   \.
//   devices-root.crt .key        signs the certificates of steered devices                  10 years    > unrelated
//   service-root.crt .key        signs the certificates of PoP and event store              10 years   /
//   ca.crt .key                  the issuing CA of one PoP, by interception-root, pathlen 0  1 year
//   root.crt, devices.crt        copies of interception-root.crt and devices-root.crt under the names of configurations
//
// All keys are ECDSA P-256 in PKCS#8 PEM. Keys have mode 0600, certificates 0644. Existing files are never replaced.
#include <string>
#include <vector>

#include "proxy/base/result.h"
#include "proxy/base/time.h"
#include "proxy/tls/identity.h"

namespace sluice::tls {

// One file that was made.
struct MadeFile {
  std::string path;
  std::string purpose;           // for a person
  base::WallTime valid_until{};  // of a certificate; the epoch for keys
  bool is_key = false;
};

// Makes the files above in `directory`, which is created when missing: all of them or none. `name` begins the common
// names.
base::Result<std::vector<MadeFile>> create_ca(const std::string& directory, const std::string& name,
                                              base::WallTime now);

// Who shows the certificate: a server (PoP control, event store) or a producer of events that connects to one.
enum class ServiceRole : uint8_t { kServer, kProducer };

struct ServiceCertificate {
  ServiceRole role = ServiceRole::kServer;
  std::string name;                            // the common name
  std::vector<std::string> alternative_names;  // "DNS:pop.example", "IP:192.0.2.1"; none: `name` as a DNS name
  std::string out;                             // writes `out`.crt and `out`.key
};

// Makes a key and a one-year certificate signed by the service root in `directory`.
base::Result<std::vector<MadeFile>> issue_service_certificate(const std::string& directory,
                                                              const ServiceCertificate& wanted, base::WallTime now);

// A device that may connect to tunnel and control, on behalf of one user of one tenant.
struct DeviceCertificate {
  DeviceIdentity identity;
  std::string out;  // writes `out`.crt and `out`.key
  int days = 365;   // at least 1
};

// Makes a key and a client certificate signed by the devices root in `directory`. It names the device by the
// URI of tls/identity.h and nothing else; the common name repeats the device for people.
base::Result<std::vector<MadeFile>> issue_device_certificate(const std::string& directory,
                                                             const DeviceCertificate& wanted, base::WallTime now);

}  // namespace sluice::tls
