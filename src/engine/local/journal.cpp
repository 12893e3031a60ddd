#include "engine/local/journal.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <string_view>

#include "base/text.h"

namespace reeve {
namespace {

constexpr std::int64_t reserve_step = 1 << 20;
constexpr std::int64_t rotate_bytes = 8 << 20;

}  // namespace

Result<Journal> Journal::open(std::string directory, std::string boot_id) {
  boot_id.resize(std::min<std::size_t>(boot_id.size(), 8));
  Journal journal(std::move(directory), std::move(boot_id));
  if (::mkdir(journal.directory_.c_str(), 0700) != 0 && errno != EEXIST)
    return failed(OsError{errno, "make the journal's directory"});
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator(journal.directory_, error)) {
    const std::string stem = entry.path().stem().string();
    const auto dash = stem.find('-');
    if (dash == std::string::npos || entry.path().extension() != ".journal") continue;
    const auto number = parse_integer(stem.substr(dash + 1));
    if (!number) continue;
    if (auto added = journal.add_generation(*number, stem.substr(0, dash), false); !added)
      return std::unexpected(added.error());
  }
  if (journal.generations_.empty() || !journal.generations_.rbegin()->second.is_of_this_boot)
    if (auto started = journal.start_generation(); !started)
      return std::unexpected(started.error());
  return journal;
}

Result<void> Journal::start_generation() {
  return add_generation(generations_.empty() ? 1 : newest() + 1, boot_, true);
}

Result<void> Journal::add_generation(std::int64_t number, const std::string& boot, bool create) {
  Generation generation;
  generation.path = fmt::format("{}/{}-{}.journal", directory_, boot, number);
  generation.is_of_this_boot = boot == boot_;
  const Fd low(::open(generation.path.c_str(),
                      O_RDWR | O_APPEND | O_CLOEXEC | (create ? O_CREAT | O_EXCL : 0), 0600));
  // Above the numbers that a keeper gets its own descriptors at.
  generation.fd.reset(low ? ::fcntl(low.get(), F_DUPFD_CLOEXEC, 10) : -1);
  if (!generation.fd) return failed(OsError{errno, "open the keepers' journal"});
  if (generation.is_of_this_boot) {
    // Fails where the file system can't reserve; then a full disk can cost the end of a job.
    struct stat info{};
    if (::fstat(generation.fd.get(), &info) != 0) info.st_size = 0;
    if (::fallocate(generation.fd.get(), FALLOC_FL_KEEP_SIZE, 0, info.st_size + reserve_step) == 0)
      generation.reserved = info.st_size + reserve_step;
    else if (errno == ENOSPC && create)
      return failed(OsError{errno, "reserve space for the keepers' journal"});
  }
  generations_[number] = std::move(generation);
  return {};
}

int Journal::use_newest() {
  if (generations_.rbegin()->second.offset > rotate_bytes)
    (void)start_generation();  // the old one goes on when this fails
  Generation& generation = generations_.rbegin()->second;
  ++generation.users;
  return generation.fd.get();
}

void Journal::release(std::int64_t generation) {
  const auto found = generations_.find(generation);
  if (found != generations_.end()) --found->second.users;
}

void Journal::remove_unused() {
  for (auto item = generations_.begin(); std::next(item) != generations_.end();) {
    if (item->second.users > 0) {
      ++item;
      continue;
    }
    ::unlink(item->second.path.c_str());
    item = generations_.erase(item);
  }
}

std::vector<Journal::Read> Journal::read() {
  std::vector<Read> out;
  for (auto& [number, generation] : generations_) read_generation(number, generation, out);
  return out;
}

void Journal::read_generation(std::int64_t number, Generation& generation, std::vector<Read>& out) {
  char buffer[16384];
  while (true) {
    const ssize_t got = ::pread(generation.fd.get(), buffer, sizeof buffer, generation.offset);
    if (got <= 0) return;
    std::string_view text(buffer, static_cast<std::size_t>(got));
    std::size_t used = 0;
    // A line without its end is still being written, or was torn by a power cut: it waits.
    for (std::size_t end = 0; (end = text.find('\n', used)) != std::string_view::npos;) {
      if (const auto record = parse_record(text.substr(used, end - used)))
        out.push_back({number, generation.is_of_this_boot, *record});
      else
        ++damaged_;
      used = end + 1;
    }
    if (used == 0 && got < static_cast<ssize_t>(sizeof buffer)) return;
    // Longer than any record: zeros that a power cut left. They are passed over.
    if (used == 0) {
      ++damaged_;
      used = sizeof buffer;
    }
    generation.offset += static_cast<std::int64_t>(used);
    if (generation.reserved > 0 && generation.offset + reserve_step / 2 > generation.reserved &&
        ::fallocate(generation.fd.get(), FALLOC_FL_KEEP_SIZE, generation.reserved, reserve_step) ==
            0)
      generation.reserved += reserve_step;
  }
}

std::string Journal::cursor() const {
  std::string cursor;
  for (const auto& [number, generation] : generations_)
    if (generation.offset > 0)
      cursor += fmt::format("{}{}:{}", cursor.empty() ? "" : " ", number, generation.offset);
  return cursor;
}

Result<void> Journal::restore(const std::string& cursor) {
  for (auto& [number, generation] : generations_) generation.offset = 0;
  std::string_view rest = cursor;
  while (!rest.empty()) {
    const std::string_view item = rest.substr(0, rest.find(' '));
    rest.remove_prefix(std::min(rest.size(), item.size() + 1));
    const auto colon = item.find(':');
    const auto number = parse_integer(item.substr(0, colon));
    const auto offset =
        colon == std::string_view::npos ? std::nullopt : parse_integer(item.substr(colon + 1));
    if (!number || !offset)
      return failed(ErrorCode::corrupt, "the journal's position is not readable: " + cursor);
    const auto found = generations_.find(*number);
    if (found == generations_.end()) continue;
    found->second.offset = *offset;
    struct stat info{};
    if (found->second.is_of_this_boot && ::fstat(found->second.fd.get(), &info) == 0 &&
        info.st_size < *offset)
      return failed(ErrorCode::corrupt,
                    fmt::format("the keepers' journal {} has {} bytes, and {} were read from it: "
                                "it was cut off",
                                found->second.path, info.st_size, *offset));
  }
  std::erase_if(generations_, [](const auto& item) {
    struct stat info{};
    const bool is_done = !item.second.is_of_this_boot &&
                         ::fstat(item.second.fd.get(), &info) == 0 &&
                         info.st_size <= item.second.offset;
    if (is_done) ::unlink(item.second.path.c_str());
    return is_done;
  });
  return {};
}

}  // namespace reeve
