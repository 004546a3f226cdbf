#include "proxy/client/process_finder.h"

#include <dirent.h>
#include <fcntl.h>
#include <linux/inet_diag.h>
#include <linux/netlink.h>
#include <linux/sock_diag.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <string_view>
#include <utility>

#include "proxy/base/file.h"
#include "proxy/base/text.h"

namespace sluice::client {

namespace {

constexpr size_t stat_bytes_max = 4'096;  // /proc/PID/stat is a few hundred bytes

// An open folder of /proc; empty when it has gone or may not be seen.
class Folder {
 public:
  explicit Folder(const std::string& path) : folder_(opendir(path.c_str())) {}
  ~Folder() {
    if (folder_ != nullptr) closedir(folder_);
  }
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;

  // The next entry whose name is a number.
  std::optional<uint64_t> next() {
    while (folder_ != nullptr) {
      const dirent* entry = readdir(folder_);
      if (entry == nullptr) return std::nullopt;
      if (const auto number = base::parse_decimal(entry->d_name)) return number;
    }
    return std::nullopt;
  }
  int fd() const { return dirfd(folder_); }

 private:
  DIR* folder_;
};

std::string process_folder(uint32_t pid) {
  return "/proc/" + std::to_string(pid);
}

bool is_socket(int folder_fd, uint64_t descriptor, uint64_t inode) {
  std::array<char, 64> text{};
  const ssize_t size = readlinkat(folder_fd, std::to_string(descriptor).c_str(), text.data(), text.size());
  return size > 0 &&
         std::string_view(text.data(), static_cast<size_t>(size)) == "socket:[" + std::to_string(inode) + "]";
}

// Whether the process holds the socket. Counts the descriptors looked at down from `budget`.
bool holds(uint32_t pid, uint64_t inode, size_t& budget) {
  Folder folder(process_folder(pid) + "/fd");
  while (const auto descriptor = folder.next()) {
    if (budget == 0) return false;
    --budget;
    if (is_socket(folder.fd(), *descriptor, inode)) return true;
  }
  return false;
}

// Field 22 of /proc/PID/stat: a process id that was given to another process shows another time.
std::string start_time(uint32_t pid) {
  const auto text = base::read_file(process_folder(pid) + "/stat", stat_bytes_max);
  if (!text) return {};
  size_t at = text->rfind(')');  // the name may hold anything
  for (int field = 2; field < 22 && at != std::string::npos; ++field) at = text->find(' ', at + 1);
  if (at == std::string::npos) return {};
  return text->substr(at + 1, text->find(' ', at + 1) - at - 1);
}

std::string executable(uint32_t pid) {
  const std::string link = process_folder(pid) + "/exe";
  std::array<char, executable_path_bytes_max> text{};
  const ssize_t size = readlink(link.c_str(), text.data(), text.size());
  if (size <= 0) return {};
  std::string path(text.data(), static_cast<size_t>(size));
  // An update replaced the file while the program runs.
  constexpr std::string_view deleted = " (deleted)";
  struct stat about {};
  if (path.ends_with(deleted) && stat(link.c_str(), &about) == 0 && about.st_nlink == 0) {
    path.resize(path.size() - deleted.size());
  }
  return path;
}

void put_address(const base::IpAddress& address, __be32 (&to)[4]) {
  std::memcpy(to, address.bytes().data(), address.is_v4() ? 4 : 16);
}

}  // namespace

base::Result<std::unique_ptr<ProcessFinder>> ProcessFinder::create() {
  const int fd = ::socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_SOCK_DIAG);
  if (fd < 0) {
    return base::Error{std::string("cannot ask the kernel about sockets (NETLINK_SOCK_DIAG): ") + std::strerror(errno)};
  }
  return std::unique_ptr<ProcessFinder>(new ProcessFinder(fd));
}

ProcessFinder::~ProcessFinder() {
  ::close(netlink_);
}

ProcessInfo ProcessFinder::find(const base::Endpoint& own, const base::Endpoint& peer, Transport transport) {
  ProcessInfo info;
  const auto socket = socket_of(own, peer, transport);
  if (!socket) return info;
  info.uid = socket->uid;
  const uint32_t pid = owner_of(socket->inode);
  if (pid == 0) return info;
  const std::string started = start_time(pid);
  std::string path = executable(pid);
  // The same process still has the same socket: what was read in between belongs to it.
  size_t budget = descriptors_per_search_max;
  if (path.empty() || started.empty() || !holds(pid, socket->inode, budget) || start_time(pid) != started) return info;
  info.name = path.substr(path.rfind('/') + 1);
  info.path = std::move(path);
  info.pid = pid;
  remember(pid);
  return info;
}

std::optional<ProcessFinder::Socket> ProcessFinder::socket_of(const base::Endpoint& own, const base::Endpoint& peer,
                                                              Transport transport) {
  base::IpAddress from = own.address.unmapped();
  base::IpAddress to = peer.address.unmapped();
  uint16_t from_port = own.port;
  uint16_t to_port = peer.port;
  if (transport == Transport::kUdp) {  // looked up as a packet that arrives for it
    std::swap(from, to);
    std::swap(from_port, to_port);
  }
  if (from.is_v4() != to.is_v4()) return std::nullopt;
  struct {
    nlmsghdr head;
    inet_diag_req_v2 body;
  } request{};
  request.head.nlmsg_len = sizeof request;
  request.head.nlmsg_type = SOCK_DIAG_BY_FAMILY;
  request.head.nlmsg_flags = NLM_F_REQUEST;
  request.head.nlmsg_seq = ++sequence_;
  request.body.sdiag_family = from.is_v4() ? AF_INET : AF_INET6;
  request.body.sdiag_protocol = transport == Transport::kUdp ? IPPROTO_UDP : IPPROTO_TCP;
  request.body.idiag_states = ~uint32_t{0};
  request.body.id.idiag_sport = htons(from_port);
  request.body.id.idiag_dport = htons(to_port);
  put_address(from, request.body.id.idiag_src);
  put_address(to, request.body.id.idiag_dst);
  request.body.id.idiag_cookie[0] = request.body.id.idiag_cookie[1] = INET_DIAG_NOCOOKIE;
  return ask(&request, sizeof request);
}

std::optional<ProcessFinder::Socket> ProcessFinder::ask(const void* request, size_t bytes) {
  if (::send(netlink_, request, bytes, 0) != static_cast<ssize_t>(bytes)) return std::nullopt;

  // The kernel has answered when send() returns.
  alignas(nlmsghdr) std::array<char, 8'192> answer{};
  while (true) {
    const ssize_t size = ::recv(netlink_, answer.data(), answer.size(), 0);
    if (size < 0 && errno == EINTR) continue;
    if (size < static_cast<ssize_t>(sizeof(nlmsghdr))) return std::nullopt;
    const auto* head = reinterpret_cast<const nlmsghdr*>(answer.data());
    if (head->nlmsg_seq != sequence_) continue;  // of a question whose answer was given up
    if (head->nlmsg_type != SOCK_DIAG_BY_FAMILY || head->nlmsg_len < NLMSG_LENGTH(sizeof(inet_diag_msg))) {
      return std::nullopt;
    }
    const auto* message = reinterpret_cast<const inet_diag_msg*>(NLMSG_DATA(head));
    if (message->idiag_inode == 0) return std::nullopt;  // closed by its process
    return Socket{message->idiag_inode, message->idiag_uid};
  }
}

uint32_t ProcessFinder::owner_of(uint64_t inode) {
  size_t budget = descriptors_per_search_max;
  for (const uint32_t pid : recent_) {
    if (holds(pid, inode, budget)) return pid;
  }
  // Newest first: who connects now has often just been started.
  std::vector<uint32_t> processes;
  Folder proc("/proc");
  while (const auto pid = proc.next()) processes.push_back(static_cast<uint32_t>(*pid));
  std::sort(processes.begin(), processes.end(), std::greater<>());
  for (const uint32_t pid : processes) {
    if (holds(pid, inode, budget)) return pid;
  }
  return 0;
}

void ProcessFinder::remember(uint32_t pid) {
  recent_.erase(std::remove(recent_.begin(), recent_.end(), pid), recent_.end());
  recent_.insert(recent_.begin(), pid);
  if (recent_.size() > recent_processes_max) recent_.pop_back();
}

}  // namespace sluice::client
