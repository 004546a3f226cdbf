// Cost of TLS without sockets: minting, handshakes, bulk, memory. Prints microseconds and milliseconds of CPU time.
// `tls_bench bulk` measures bulk alone.
#include <malloc.h>
#include <time.h>

#include <array>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "proxy/tls/ca.h"
#include "proxy/tls/cert_minter.h"
#include "proxy/tls/session.h"
#include "tests/support/temporary_folder.h"

namespace {

using namespace sluice;
using tls::Session;

double cpu_us() {
  timespec time{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
  return static_cast<double>(time.tv_sec) * 1e6 + static_cast<double>(time.tv_nsec) / 1e3;
}

template <class T>
T must(base::Result<T> result) {
  if (result) return std::move(result).value();
  std::fprintf(stderr, "%s\n", result.error().message.c_str());
  std::exit(1);
}

struct Spent {
  double client = 0;
  double server = 0;
};

// Hands output over; what is decrypted is thrown away. True when anything moved.
bool carry(Session& from, Session& to, double& from_us, double& to_us) {
  static std::array<uint8_t, 65536> plaintext;
  if (from.output().empty()) return false;
  const double begin = cpu_us();
  size_t at = 0;
  Session::Read read;
  do {
    read = to.read(from.output().subspan(at), plaintext);
    at += read.consumed;
  } while (read.stop == Session::Read::Stop::kPlaintextFull);
  const double middle = cpu_us();
  from.consume_output(at);
  to_us += middle - begin;
  from_us += cpu_us() - middle;
  return true;
}

struct Joined {
  Session client;
  Session server;
};

Joined handshake(const tls::ClientContext& client_context, const tls::ServerContext& server_context,
                 const tls::Leaf& leaf, const std::optional<tls::Resumption>& ticket, Spent& spent) {
  double begin = cpu_us();
  Session client = Session::connect(client_context, {"bench.example", {}, ticket});
  spent.client += cpu_us() - begin;
  begin = cpu_us();
  tls::AcceptParameters accept;
  accept.leaf = &leaf;
  Session server = Session::accept(server_context, accept);
  spent.server += cpu_us() - begin;
  bool moved = true;
  while (moved) {
    moved = carry(client, server, spent.client, spent.server);
    moved = carry(server, client, spent.server, spent.client) || moved;
  }
  if (client.state() != Session::State::kOpen || server.state() != Session::State::kOpen) std::exit(1);
  return {std::move(client), std::move(server)};
}

void measure_mint(tls::CertMinter& minter) {
  constexpr int rounds = 5000;
  const auto now = base::wall_now();
  for (const auto kind : {tls::LeafKind::kEcdsa, tls::LeafKind::kRsa}) {
    const auto memory = mallinfo2().uordblks;
    const double begin = cpu_us();
    for (int i = 0; i < rounds; ++i) must(minter.leaf_for({"host" + std::to_string(i) + ".example", kind, {}}, now));
    std::printf("mint %s %37.1f us, %zu bytes each\n", kind == tls::LeafKind::kRsa ? "rsa  " : "ecdsa",
                (cpu_us() - begin) / rounds, (mallinfo2().uordblks - memory) / rounds);
  }
  const double begin = cpu_us();
  for (int i = 0; i < rounds; ++i) {
    must(minter.leaf_for({"host" + std::to_string(i) + ".example", tls::LeafKind::kEcdsa, {}}, now));
  }
  std::printf("mint, remembered %31.2f us\n", (cpu_us() - begin) / rounds);
}

void measure_handshakes(const tls::ClientContext& client, const tls::ServerContext& server, const tls::Leaf& leaf) {
  constexpr int rounds = 1000;
  for (const bool resumed : {false, true}) {
    Spent spent;
    std::optional<tls::Resumption> ticket;
    Spent ignored;
    if (resumed) ticket = handshake(client, server, leaf, {}, ignored).client.take_resumptions().back();
    for (int i = 0; i < rounds; ++i) {
      Joined joined = handshake(client, server, leaf, ticket, spent);
      if (joined.server.negotiated().resumed != resumed) std::exit(1);
      if (resumed) ticket = joined.client.take_resumptions().back();
    }
    std::printf("handshake %s %31.0f us server, %.0f us client\n", resumed ? "resumed" : "full   ",
                spent.server / rounds, spent.client / rounds);
  }
}

void measure_bulk(const tls::ClientContext& client, const tls::ServerContext& server, const tls::Leaf& leaf) {
  Spent ignored;
  Joined joined = handshake(client, server, leaf, {}, ignored);
  const std::string block(64 << 10, 'x');
  constexpr size_t total = size_t{1} << 30;
  double encrypt = 0;
  double decrypt = 0;
  for (size_t done = 0; done < total;) {
    const double begin = cpu_us();
    done += joined.server.write(base::as_bytes(block)).accepted;
    encrypt += cpu_us() - begin;
    carry(joined.server, joined.client, encrypt, decrypt);
  }
  std::printf("bulk %s %22.0f ms/GB encrypt, %.0f ms/GB decrypt\n", joined.server.negotiated().cipher.c_str(),
              encrypt / 1e3 / 1.0737, decrypt / 1e3 / 1.0737);
}

void measure_memory(const tls::ClientContext& client, const tls::ServerContext& server, const tls::Leaf& leaf) {
  constexpr size_t count = 1000;
  Spent ignored;
  std::vector<Joined> sessions;
  sessions.reserve(count);
  const auto memory = mallinfo2().uordblks;
  for (size_t i = 0; i < count; ++i) sessions.push_back(handshake(client, server, leaf, {}, ignored));
  const auto open = mallinfo2().uordblks;
  for (Joined& joined : sessions) {
    joined.client.take_resumptions();
    joined.client.release_buffers();
    joined.server.release_buffers();
  }
  const auto idle = mallinfo2().uordblks;
  for (Joined& joined : sessions) joined.client = Session::connect(client, {"bench.example", {}, {}});
  const auto server_only = mallinfo2().uordblks;
  std::vector<Session> helloing;
  for (size_t i = 0; i < count; ++i) helloing.push_back(Session::connect(client, {"bench.example", {}, {}}));
  const auto hello = mallinfo2().uordblks - server_only;
  std::printf("memory of an open pair %25zu bytes, idle %zu, server side alone %zu\n", (open - memory) / count,
              (idle - memory) / count, (server_only - memory - hello) / count);
}

}  // namespace

int main(int argc, char** argv) {
  const TemporaryFolder folder;
  const auto now = base::wall_now();
  must(tls::create_ca(folder.path(), "Bench", now));
  const auto ca =
      must(tls::IssuingCa::load({folder.path("ca.crt"), folder.path("ca.key"), folder.path("root.crt")}, now));
  tls::CertMinter minter(ca, must(tls::IssuingCa::make_untrusted(now)), must(tls::LeafKeys::generate()));
  const bool bulk_alone = argc > 1 && std::string_view(argv[1]) == "bulk";
  if (!bulk_alone) measure_mint(minter);

  tls::ServerOptions server_options;
  server_options.tickets = std::make_shared<tls::TicketKeys>();
  const auto server = must(tls::ServerContext::make(server_options));
  tls::ClientOptions client_options;
  client_options.trust = folder.path("root.crt");
  const auto client = must(tls::ClientContext::make(client_options));
  const tls::Leaf leaf = must(minter.leaf_for({"bench.example", tls::LeafKind::kEcdsa, {}}, now));
  if (!bulk_alone) measure_handshakes(client, server, leaf);
  measure_bulk(client, server, leaf);
  if (!bulk_alone) measure_memory(client, server, leaf);
  return 0;
}
