#include "proxy/client/netfilter_socket.h"

#include <arpa/inet.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter/nfnetlink_conntrack.h>
#include <linux/netfilter/nfnetlink_log.h>
#include <linux/netfilter/nfnetlink_queue.h>
#include <linux/netlink.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <utility>
#include <vector>

#include "proxy/client/kernel_connection.h"
#include "proxy/client/limits.h"

namespace sluice::client {

namespace {

constexpr uint16_t log_config = NFNL_SUBSYS_ULOG << 8 | NFULNL_MSG_CONFIG;
constexpr uint16_t log_packet = NFNL_SUBSYS_ULOG << 8 | NFULNL_MSG_PACKET;
constexpr uint16_t queue_config = NFNL_SUBSYS_QUEUE << 8 | NFQNL_MSG_CONFIG;
constexpr uint16_t queue_packet = NFNL_SUBSYS_QUEUE << 8 | NFQNL_MSG_PACKET;
constexpr uint16_t queue_verdict = NFNL_SUBSYS_QUEUE << 8 | NFQNL_MSG_VERDICT;
constexpr uint16_t connection_get = NFNL_SUBSYS_CTNETLINK << 8 | IPCTNL_MSG_CT_GET;
constexpr uint16_t connection_is = NFNL_SUBSYS_CTNETLINK << 8 | IPCTNL_MSG_CT_NEW;
constexpr uint16_t connection_gone = NFNL_SUBSYS_CTNETLINK << 8 | IPCTNL_MSG_CT_DELETE;

template <class T>
base::ByteView bytes_of(const T& value) {
  return {reinterpret_cast<const uint8_t*>(&value), sizeof value};
}

std::vector<uint8_t> message(uint16_t type, uint16_t flags, uint32_t sequence, uint16_t number,
                             base::ByteView attributes, uint8_t family = AF_UNSPEC) {
  nlmsghdr head{};
  head.nlmsg_len = static_cast<uint32_t>(NLMSG_LENGTH(sizeof(nfgenmsg)) + attributes.size());
  head.nlmsg_type = type;
  head.nlmsg_flags = static_cast<uint16_t>(NLM_F_REQUEST | flags);
  head.nlmsg_seq = sequence;
  const nfgenmsg about{family, NFNETLINK_V0, htons(number)};
  std::vector<uint8_t> all;
  for (const base::ByteView part : {bytes_of(head), bytes_of(about), attributes}) {
    all.insert(all.end(), part.begin(), part.end());
  }
  return all;
}

}  // namespace

base::Result<std::unique_ptr<NetfilterSocket>> NetfilterSocket::open(net::Loop& loop, uint16_t number,
                                                                     Handler handler) {
  const int fd = ::socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_NETFILTER);
  if (fd < 0) {
    return base::Error{std::string("cannot talk to the packet filter (NETLINK_NETFILTER): ") + std::strerror(errno)};
  }
  return std::unique_ptr<NetfilterSocket>(new NetfilterSocket(loop, fd, number, std::move(handler)));
}

base::Result<std::unique_ptr<NetfilterSocket>> NetfilterSocket::open_log(net::Loop& loop, uint16_t group,
                                                                         Handler handler) {
  auto opened = open(loop, group, std::move(handler));
  if (!opened) return opened.error();
  std::vector<uint8_t> bind, mode;
  add_netlink_attribute(bind, NFULA_CFG_CMD, bytes_of(nfulnl_msg_config_cmd{NFULNL_CFG_CMD_BIND}));
  add_netlink_attribute(mode, NFULA_CFG_MODE,
                        bytes_of(nfulnl_msg_config_mode{htonl(shown_packet_bytes_max), NFULNL_COPY_PACKET, 0}));
  add_netlink_attribute(mode, NFULA_CFG_QTHRESH, bytes_of(htonl(1)));  // each packet at once
  for (const auto& attributes : {bind, mode}) {
    if (auto status = (*opened)->configure(log_config, attributes); !status) return status.error();
  }
  if (!loop.watch((*opened)->fd_, **opened, net::kReadable)) return base::Error{"the kernel is out of watches"};
  (*opened)->watched_ = true;
  return opened;
}

base::Result<std::unique_ptr<NetfilterSocket>> NetfilterSocket::open_queue(net::Loop& loop, uint16_t queue,
                                                                           Handler handler) {
  auto opened = open(loop, queue, std::move(handler));
  if (!opened) return opened.error();
  std::vector<uint8_t> bind, mode;
  add_netlink_attribute(bind, NFQA_CFG_CMD, bytes_of(nfqnl_msg_config_cmd{NFQNL_CFG_CMD_BIND, 0, htons(AF_UNSPEC)}));
  add_netlink_attribute(mode, NFQA_CFG_PARAMS,
                        bytes_of(nfqnl_msg_config_params{htonl(shown_packet_bytes_max), NFQNL_COPY_PACKET}));
  add_netlink_attribute(mode, NFQA_CFG_QUEUE_MAXLEN, bytes_of(htonl(queued_packets_max)));
  for (const auto& attributes : {bind, mode}) {
    if (auto status = (*opened)->configure(queue_config, attributes); !status) return status.error();
  }
  if (!loop.watch((*opened)->fd_, **opened, net::kReadable)) return base::Error{"the kernel is out of watches"};
  (*opened)->watched_ = true;
  return opened;
}

base::Result<std::unique_ptr<NetfilterSocket>> NetfilterSocket::open_connections(net::Loop& loop, Handler handler) {
  auto opened = open(loop, 0, std::move(handler));
  if (!opened) return opened.error();
  const int group = NFNLGRP_CONNTRACK_DESTROY;
  if (::setsockopt((*opened)->fd_, SOL_NETLINK, NETLINK_ADD_MEMBERSHIP, &group, sizeof group) != 0) {
    return base::Error{std::string("the kernel does not tell of connections: ") + std::strerror(errno)};
  }
  if (!loop.watch((*opened)->fd_, **opened, net::kReadable)) return base::Error{"the kernel is out of watches"};
  (*opened)->watched_ = true;
  return opened;
}

NetfilterSocket::~NetfilterSocket() {
  if (watched_) loop_.unwatch(*this);
  ::close(fd_);
}

base::Status NetfilterSocket::configure(uint16_t type, base::ByteView attributes) {
  const auto request = message(type, NLM_F_ACK, ++sequence_, number_, attributes);
  if (::send(fd_, request.data(), request.size(), 0) != static_cast<ssize_t>(request.size())) {
    return base::Error{std::string("cannot ask the packet filter: ") + std::strerror(errno)};
  }
  // The kernel has answered when send() returns; a packet may stand before the answer.
  alignas(nlmsghdr) std::array<uint8_t, shown_message_bytes_max> buffer{};
  while (true) {
    const ssize_t size = ::recv(fd_, buffer.data(), buffer.size(), 0);
    if (size < 0 && errno == EINTR) continue;
    if (size < static_cast<ssize_t>(NLMSG_LENGTH(sizeof(nlmsgerr)))) break;
    const auto* head = reinterpret_cast<const nlmsghdr*>(buffer.data());
    if (head->nlmsg_type != NLMSG_ERROR || head->nlmsg_seq != sequence_) continue;
    const int error = -reinterpret_cast<const nlmsgerr*>(NLMSG_DATA(head))->error;
    if (error == 0) return base::Unit{};
    return base::Error{"the packet filter shows no packets under number " + std::to_string(number_) + ": " +
                       std::strerror(error)};
  }
  return base::Error{"the packet filter does not answer"};
}

void NetfilterSocket::on_poll(uint32_t) {
  read();
}

void NetfilterSocket::read() {
  alignas(nlmsghdr) std::array<uint8_t, shown_message_bytes_max> buffer{};
  while (true) {
    const ssize_t size = ::recv(fd_, buffer.data(), buffer.size(), 0);
    // ENOBUFS: the kernel had to leave some out, and goes on with the next.
    if (size < 0 && (errno == EINTR || errno == ENOBUFS)) continue;
    if (size <= 0) return;
    base::ByteView left{buffer.data(), static_cast<size_t>(size)};
    while (left.size() >= NLMSG_HDRLEN) {
      nlmsghdr head{};
      std::memcpy(&head, left.data(), sizeof head);
      if (head.nlmsg_len < NLMSG_HDRLEN || head.nlmsg_len > left.size()) break;
      take(left.first(head.nlmsg_len));
      left = left.subspan(std::min<size_t>(NLMSG_ALIGN(head.nlmsg_len), left.size()));
    }
  }
}

void NetfilterSocket::take(base::ByteView message) {
  nlmsghdr head{};
  std::memcpy(&head, message.data(), sizeof head);
  if (message.size() < NLMSG_LENGTH(sizeof(nfgenmsg))) return;
  const base::ByteView attributes = message.subspan(NLMSG_LENGTH(sizeof(nfgenmsg)));
  if (head.nlmsg_type == log_packet) return handler_(netlink_attribute(attributes, NFULA_PAYLOAD), 0);
  if (head.nlmsg_type == connection_is) return handler_(attributes, connection_open);
  if (head.nlmsg_type == connection_gone) return handler_(attributes, connection_over);
  if (head.nlmsg_type != queue_packet) return;
  nfqnl_msg_packet_hdr about{};
  const base::ByteView value = netlink_attribute(attributes, NFQA_PACKET_HDR);
  if (value.size() < sizeof about) return;
  std::memcpy(&about, value.data(), sizeof about);
  handler_(netlink_attribute(attributes, NFQA_PAYLOAD), ntohl(about.packet_id));
}

void NetfilterSocket::answer(uint32_t id, uint32_t mark) {
  std::vector<uint8_t> attributes;
  add_netlink_attribute(attributes, NFQA_VERDICT_HDR, bytes_of(nfqnl_msg_verdict_hdr{htonl(NF_REPEAT), htonl(id)}));
  add_netlink_attribute(attributes, NFQA_MARK, bytes_of(htonl(mark)));
  const auto verdict = message(queue_verdict, 0, ++sequence_, number_, attributes);
  (void)::send(fd_, verdict.data(), verdict.size(), 0);  // a packet that is gone already needs none
}

void NetfilterSocket::ask(const base::Endpoint& source, const base::Endpoint& destination) {
  const uint8_t family = source.address.is_v4() ? AF_INET : AF_INET6;
  const auto question =
      message(connection_get, 0, ++sequence_, number_, attributes_of_connection(source, destination), family);
  (void)::send(fd_, question.data(), question.size(), 0);
  read();  // the kernel has answered when send() returns
}

}  // namespace sluice::client
