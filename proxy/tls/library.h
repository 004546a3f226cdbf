#pragma once
// The library behind tls/ as a whole.
namespace sluice::tls {

// OpenSSL takes nothing apart at exit(): the process ends, and threads may still use it. Before any other use of it.
void stay_until_the_end();

}  // namespace sluice::tls
