#include "proxy/tls/digest.h"

#include <catch2/catch.hpp>

namespace sluice::tls {

TEST_CASE("sha256 gives the examples of FIPS 180-4") {
  CHECK(sha256_hex({}) == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  CHECK(sha256_hex(base::as_bytes("abc")) == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  CHECK(sha256(base::as_bytes("abc"))[0] == 0xba);
}

TEST_CASE("JA4 of the example in its specification") {
  CHECK(ja4("t13d1516h2_002f,0035,009c,009d,1301,1302,1303,c013,c014,c02b,c02c,c02f,c030,cca8,cca9_0005,000a,000b,000d,"
            "0012,0015,0017,001b,0023,002b,002d,0033,4469,ff01_0403,0804,0401,0503,0805,0501,0806,0601") ==
        "t13d1516h2_8daaf6152771_e5627efa2ab1");
}

TEST_CASE("JA4 of empty lists, and of what is no JA4_r") {
  CHECK(ja4("t10i000000__") == "t10i000000_000000000000_000000000000");
  CHECK(ja4("t12i010000_002f_") == "t12i010000_" + sha256_hex(base::as_bytes("002f")).substr(0, 12) + "_000000000000");
  CHECK(ja4("").empty());
  CHECK(ja4("t13d1516h2").empty());
  CHECK(ja4("t13d1516h2_002f").empty());
  CHECK(ja4("_002f_0005").empty());
}

}  // namespace sluice::tls
