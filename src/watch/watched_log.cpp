#include "watch/watched_log.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <memory>
#include <utility>

#include "core/limits.h"

namespace reeve {

namespace {

// The rules of the job, which were checked when it was submitted; else those that all jobs have.
std::shared_ptr<const RuleSet> compile(const LogPolicy& policy) {
  if (auto rules = RuleSet::compile(policy)) return *rules;
  return *RuleSet::compile({});
}

}  // namespace

WatchedLog::WatchedLog(std::string path, LogPolicy policy, std::int64_t known_to)
    : path_(std::move(path)), policy_(std::move(policy)), known_to_(known_to) {}

// The cap of a log punches out its middle: the file has a hole there, and reading it yields zeros.
void WatchedLog::skip_hole(const Fd& file) {
  const off_t data = ::lseek(file.get(), offset_, SEEK_DATA);
  if (data <= offset_) return;
  scanner_->skip(data - offset_);
  offset_ = data;
}

bool WatchedLog::advance(std::size_t bytes_max, std::vector<Finding>& found) {
  // Opened for each look: a thousand quiet jobs hold no descriptors.
  const Fd file(::open(path_.c_str(), O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC));
  if (!file) return false;
  if (!scanner_) scanner_.emplace(compile(policy_));
  alignas(64) static thread_local std::array<char, limits::log_read_bytes> buffer;
  const std::size_t from = found.size();
  skip_hole(file);
  std::size_t taken = 0;
  bool is_more = true;
  while (taken < bytes_max) {
    const ssize_t got = ::pread(file.get(), buffer.data(), buffer.size(), offset_);
    is_more = got == static_cast<ssize_t>(buffer.size());
    if (got <= 0) break;
    const std::string_view bytes(buffer.data(), static_cast<std::size_t>(got));
    scanner_->feed(bytes, found);
    offset_ += got;
    taken += bytes.size();
    const std::string_view last =
        bytes.substr(bytes.size() - std::min(bytes.size(), limits::log_tail_bytes));
    tail_.append(last);
    if (tail_.size() > limits::log_tail_bytes)
      tail_.erase(0, tail_.size() - limits::log_tail_bytes);
    if (!is_more) break;
  }
  keep_new(found, from);
  return is_more;
}

void WatchedLog::settle(std::vector<Finding>& found) {
  const std::size_t from = found.size();
  if (scanner_) scanner_->settle(found);
  keep_new(found, from);
}

void WatchedLog::finish(std::vector<Finding>& found) {
  const std::size_t from = found.size();
  if (scanner_) scanner_->finish(found);
  keep_new(found, from);
}

void WatchedLog::keep_new(std::vector<Finding>& found, std::size_t from) const {
  const auto begin = found.begin() + static_cast<std::ptrdiff_t>(from);
  found.erase(std::remove_if(begin, found.end(),
                             [&](const Finding& finding) { return finding.offset <= known_to_; }),
              found.end());
}

}  // namespace reeve
