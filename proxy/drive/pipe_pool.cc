#include "proxy/drive/pipe_pool.h"

#include <fcntl.h>
#include <unistd.h>

#include "proxy/drive/limits.h"

namespace sluice::drive {

std::unique_ptr<Pipe> Pipe::open() {
  std::unique_ptr<Pipe> pipe(new Pipe);
  if (pipe2(pipe->ends_, O_NONBLOCK | O_CLOEXEC) != 0) return nullptr;
  // Past the user's soft limit (pipe-user-pages-soft) this fails and the pipe keeps its 64 KiB: slower, not wrong.
  (void)fcntl(pipe->ends_[1], F_SETPIPE_SZ, static_cast<int>(pipe_bytes));
  return pipe;
}

Pipe::~Pipe() {
  if (ends_[0] >= 0) ::close(ends_[0]);
  if (ends_[1] >= 0) ::close(ends_[1]);
}

std::unique_ptr<Pipe> PipePool::take() {
  if (idle_.empty()) return Pipe::open();
  std::unique_ptr<Pipe> pipe = std::move(idle_.back());
  idle_.pop_back();
  return pipe;
}

void PipePool::give_back(std::unique_ptr<Pipe> pipe) {
  if (idle_.size() < pipes_idle_max) idle_.push_back(std::move(pipe));
}

}  // namespace sluice::drive
