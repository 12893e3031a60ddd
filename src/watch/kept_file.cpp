#include "watch/kept_file.h"

#include <fcntl.h>
#include <unistd.h>

#include <utility>

namespace reeve::watch {

KeptFile::KeptFile(int directory, std::string name, KeptFiles& files)
    : directory_(directory), name_(std::move(name)), files_(&files) {}

KeptFile& KeptFile::operator=(KeptFile&& other) noexcept {
  if (this == &other) return *this;
  close();
  directory_ = other.directory_;
  name_ = std::move(other.name_);
  files_ = other.files_;
  fd_ = std::move(other.fd_);
  return *this;
}

void KeptFile::close() {
  if (fd_) ++files_->left_;
  fd_.reset();
}

std::string_view KeptFile::read() {
  Fd opened;
  if (!fd_) opened.reset(::openat(directory_, name_.c_str(), O_RDONLY | O_CLOEXEC));
  const int fd = fd_ ? fd_.get() : opened.get();
  auto& buffer = files_->buffer_;
  const ssize_t length = ::pread(fd, buffer.data(), buffer.size() - 1, 0);
  if (opened && files_->left_ > 0) {
    --files_->left_;
    fd_ = std::move(opened);
  }
  if (length <= 0) return {};
  buffer[static_cast<std::size_t>(length)] = '\0';
  return {buffer.data(), static_cast<std::size_t>(length)};
}

}  // namespace reeve::watch
