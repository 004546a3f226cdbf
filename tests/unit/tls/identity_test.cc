#include "proxy/tls/identity.h"

#include <catch2/catch.hpp>

#include "proxy/tls/limits.h"

namespace sluice::tls {

TEST_CASE("an identity has one spelling") {
  const DeviceIdentity plain{"acme", "laptop-7f3a", "anna@acme.example"};
  CHECK(format_identity(plain).value() == "sluice://acme/device/laptop-7f3a?user=anna%40acme.example");
  for (const DeviceIdentity& identity :
       {plain, DeviceIdentity{"Ünternehmen/device/x", "a?user=b", "日本,URI:x"}, DeviceIdentity{"a%b", "~._-", " "},
        DeviceIdentity{std::string(tenant_bytes_max, '\xc3').replace(0, tenant_bytes_max, std::string(64, '%')),
                       std::string(device_bytes_max, '/'), std::string(255, '&')}}) {
    const auto uri = format_identity(identity);
    if (!uri) FAIL(uri.error().message);
    INFO(*uri);
    CHECK(uri->size() <= identity_uri_bytes_max);
    CHECK(uri->find(',') == std::string::npos);
    CHECK(parse_identity(*uri) == identity);
  }
}

TEST_CASE("other spellings are not read") {
  for (const char* uri : {"",
                          "sluice://",
                          "sluice://acme/device/x",
                          "sluice://acme/device/x?user=",
                          "sluice:///device/x?user=u",
                          "sluice://acme/device/?user=u",
                          "spiffe://acme/device/x?user=u",
                          "SLUICE://acme/device/x?user=u",
                          "sluice://acme/devices/x?user=u",
                          "sluice://acme/device/x?user=a@b",
                          "sluice://acme/device/x?user=a%4",
                          "sluice://acme/device/x?user=%6a",
                          "sluice://acme/device/x?user=%c3%bc",
                          "sluice://acme/device/x?user=%FF",
                          "sluice://acme/device/x?user=a%00",
                          "sluice://acme/device/x?user=a%0A",
                          "sluice://acme/device/x?user=u&b=c",
                          "sluice://acme/device/x/y?user=u",
                          "sluice://acme:1/device/x?user=u",
                          "sluice://acme/device/x?user=%C2%85",
                          "sluice://acme/device/x?user=%ED%A0%80",
                          "sluice://acme/device/x?user=%C0%AF"}) {
    INFO(uri);
    CHECK_FALSE(parse_identity(uri));
  }
  CHECK_FALSE(parse_identity("sluice://acme/device/x?user=" + std::string(256, 'a')));
  CHECK_FALSE(parse_identity(std::string(100'000, 'a')));
}

TEST_CASE("what cannot be an identity says which part") {
  CHECK(format_identity({"", "d", "u"}).error().message == "the tenant is empty");
  CHECK(format_identity({"t", std::string(129, 'd'), "u"}).error().message == "the device is longer than 128 bytes");
  CHECK(format_identity({"t", "d", "\xff"}).error().message == "the user is not UTF-8");
  CHECK(format_identity({"t", "d\n", "u"}).error().message == "the device has a control character");
}

}  // namespace sluice::tls
