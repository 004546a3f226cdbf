// Publish over a real connection: answers, take-over, mutual TLS.
#include <grpcpp/grpcpp.h>

#include <catch2/catch.hpp>
#include <cstdlib>
#include <memory>
#include <string>

#include "events/ingest/ingest_server.h"
#include "proxy/base/file.h"
#include "sluice/events/v1/ingest.grpc.pb.h"
#include "tests/support/event_source.h"
#include "tests/unit/store/store_fixture.h"

namespace sluice::ingest {
namespace {

using events::v1::PublishRequest;
using events::v1::PublishResponse;
using Nack = PublishResponse::Nack;
using store::page;

// A producer's end of one stream.
class Client {
 public:
  explicit Client(const base::Endpoint& address,
                  std::shared_ptr<grpc::ChannelCredentials> credentials = grpc::InsecureChannelCredentials()) {
    grpc::ChannelArguments arguments;
    arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
    stub_ = events::v1::Ingest::NewStub(grpc::CreateCustomChannel(address.to_string(), credentials, arguments));
    context_.set_deadline(std::chrono::system_clock::now() + std::chrono::seconds(30));
    stream_ = stub_->Publish(&context_);
  }
  ~Client() { context_.TryCancel(); }

  bool send(const PublishRequest& request) { return stream_->Write(request); }
  PublishResponse answer() {
    PublishResponse response;
    stream_->Read(&response);
    return response;
  }
  PublishResponse hello(uint64_t producer) {
    PublishRequest request;
    request.mutable_hello()->set_producer_id(producer);
    request.mutable_hello()->set_observed_by("pop-test");
    send(request);
    return answer();
  }
  grpc::Status finish() {
    stream_->WritesDone();
    return stream_->Finish();
  }

 private:
  grpc::ClientContext context_;
  std::unique_ptr<events::v1::Ingest::Stub> stub_;
  std::unique_ptr<grpc::ClientReaderWriter<PublishRequest, PublishResponse>> stream_;
};

std::unique_ptr<IngestServer> serve(store::EventStore& store, std::optional<IngestTls> tls = std::nullopt) {
  auto server = IngestServer::start(store, {*base::Endpoint::parse("127.0.0.1:0"), std::move(tls), "default", {}});
  REQUIRE(server.ok());
  return std::move(server).value();
}
}  // namespace

TEST_CASE("Hello, batches, every kind of Nack, and a clean end") {
  store::StoreFixture f;
  const auto server = serve(f.store());
  Client client(server->address());
  const PublishResponse welcome = client.hello(7);
  REQUIRE(welcome.has_welcome());
  CHECK(welcome.welcome().committed_seq() == 0);
  CHECK(welcome.welcome().window_bytes() > 0);
  client.send(support::wire_batch(1, {page(7, 1), page(7, 2)}, true));
  CHECK(client.answer().ack().committed_seq() == 2);
  client.send(support::wire_batch(1, {page(7, 1), page(7, 2)}, true));
  CHECK(client.answer().ack().committed_seq() == 2);
  CHECK(client.finish().ok());

  Client rewind(server->address());
  CHECK(rewind.hello(7).welcome().committed_seq() == 2);
  rewind.send(support::wire_batch(4, {page(7, 4)}, true));
  const PublishResponse range = rewind.answer();
  CHECK(range.nack().code() == Nack::CODE_OUT_OF_RANGE);
  CHECK(range.nack().committed_seq() == 2);
  CHECK(rewind.finish().ok());

  Client corrupt(server->address());
  corrupt.hello(7);
  PublishRequest damaged = support::wire_batch(3, {page(7, 3)}, true);
  damaged.mutable_batch()->set_crc32c(1);
  corrupt.send(damaged);
  const PublishResponse nack = corrupt.answer();
  CHECK(nack.nack().code() == Nack::CODE_CORRUPT);
  CHECK(nack.nack().committed_seq() == 2);

  Client rude(server->address());
  rude.send(support::wire_batch(1, {page(7, 1)}, true));
  CHECK(rude.finish().error_code() == grpc::StatusCode::FAILED_PRECONDITION);
  Client nobody(server->address());
  nobody.hello(0);
  CHECK(nobody.finish().error_code() == grpc::StatusCode::INVALID_ARGUMENT);
}

TEST_CASE("a new stream of a producer takes over from one that hangs") {
  store::StoreFixture f;
  const auto server = serve(f.store());
  Client old(server->address());
  old.hello(7);
  old.send(support::wire_batch(1, {page(7, 1)}, false));
  CHECK(old.answer().ack().committed_seq() == 1);
  Client fresh(server->address());
  CHECK(fresh.hello(7).welcome().committed_seq() == 1);
  fresh.send(support::wire_batch(2, {page(7, 2)}, false));
  CHECK(fresh.answer().ack().committed_seq() == 2);
  CHECK(old.answer().response_case() == PublishResponse::RESPONSE_NOT_SET);
  CHECK(old.finish().error_code() == grpc::StatusCode::ABORTED);
  CHECK(server->counters().streams_superseded == 1);
}

TEST_CASE("a store that cannot write says when to come back") {
  store::StoreFixture f;
  const auto server = serve(f.store());
  Client client(server->address());
  client.hello(7);
  f.store().close();
  client.send(support::wire_batch(1, {page(7, 1)}, false));
  CHECK(client.finish().error_code() == grpc::StatusCode::UNAVAILABLE);
}

TEST_CASE("stopping answers what was sent") {
  store::StoreFixture f;
  auto server = serve(f.store());
  Client client(server->address());
  client.hello(7);
  client.send(support::wire_batch(1, {page(7, 1)}, false));
  CHECK(client.answer().ack().committed_seq() == 1);
  server->stop();
  CHECK(client.finish().ok());
}

TEST_CASE("mutual TLS: the certificate's name owns the producer") {
  const store::TemporaryDirectory directory;
  const std::string& d = directory.path();
  const auto shell = [&](const std::string& command) {
    REQUIRE(std::system(("cd " + d + " && " + command + " >/dev/null 2>&1").c_str()) == 0);
  };
  shell(
      "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout ca.key -out ca.crt -days 2"
      " -subj /CN=ca");
  const auto issue = [&](const std::string& name, const std::string& san) {
    shell("openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout " + name + ".key -out " + name +
          ".csr -subj /CN=" + name + " && printf 'subjectAltName=" + san + "' > ext && openssl x509 -req -in " + name +
          ".csr -CA ca.crt -CAkey ca.key -CAcreateserial -days 2 -extfile ext -out " + name + ".crt");
  };
  issue("store", "IP:127.0.0.1");
  issue("pop1", "DNS:pop1.example");
  issue("pop2", "DNS:pop2.example");
  const auto text = [&](const std::string& name) { return *base::read_file(d + "/" + name, 1 << 20); };
  store::StoreFixture f;
  const auto server = serve(f.store(), IngestTls{text("store.crt"), text("store.key"), text("ca.crt")});
  const auto credentials = [&](const std::string& name) {
    return grpc::SslCredentials({text("ca.crt"), text(name + ".key"), text(name + ".crt")});
  };
  Client first(server->address(), credentials("pop1"));
  CHECK(first.hello(7).has_welcome());
  Client second(server->address(), credentials("pop2"));
  CHECK(second.hello(7).nack().code() == Nack::CODE_FORBIDDEN);
  Client again(server->address(), credentials("pop1"));
  CHECK(again.hello(7).has_welcome());
  Client anonymous(server->address(), grpc::SslCredentials({text("ca.crt"), "", ""}));
  CHECK(anonymous.hello(7).response_case() == PublishResponse::RESPONSE_NOT_SET);
  CHECK(anonymous.finish().error_code() == grpc::StatusCode::UNAVAILABLE);
  Client plain(server->address());
  CHECK(!plain.hello(7).has_welcome());
}

TEST_CASE("without TLS only loopback is served") {
  store::StoreFixture f;
  const auto server =
      IngestServer::start(f.store(), {*base::Endpoint::parse("0.0.0.0:0"), std::nullopt, "default", {}});
  REQUIRE(!server.ok());
  CHECK(server.error().message.find("needs tls") != std::string::npos);
}

}  // namespace sluice::ingest
