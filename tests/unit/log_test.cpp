// A job's output, from its pipe to the file, and from the file to people.

#include <fcntl.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstring>

#include "api/log_reader.h"
#include "base/limits.h"
#include "keeper/log_writer.h"
#include "support.h"

namespace reeve::test {
namespace {

// Text in which each place is known from what stands there.
std::string pattern(std::size_t bytes) {
  std::string text;
  while (text.size() < bytes) text += std::to_string(text.size()) + "\n";
  text.resize(bytes);
  return text;
}

class Log : public testing::Test {
 protected:
  Log() {
    int ends[2] = {-1, -1};
    EXPECT_EQ(::pipe2(ends, O_CLOEXEC | O_NONBLOCK), 0);
    out.reset(ends[0]);
    in.reset(ends[1]);
    (void)::fcntl(in.get(), F_SETPIPE_SZ, limits::pipe_bytes);
    directory.reset(::open(folder.path().c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  }
  LogWriter writer(std::int64_t cap) { return LogWriter(directory.get(), "log", cap); }
  // What the job writes, in pieces that a pipe holds.
  void put(LogWriter& log, std::string_view text) {
    while (!text.empty()) {
      const std::string_view piece = text.substr(0, 32'768);
      ASSERT_EQ(::write(in.get(), piece.data(), piece.size()), std::ssize(piece));
      ASSERT_NE(log.drain(out.get()), LogWriter::Drained::nothing);
      text.remove_prefix(piece.size());
    }
  }
  LogIndexHeader header() {
    const std::string index = read_file(path + ".idx");
    LogIndexHeader made{};
    EXPECT_GE(index.size(), sizeof made);
    std::memcpy(&made, index.data(), std::min(index.size(), sizeof made));
    return made;
  }

  TemporaryFolder folder;
  std::string path = folder.file("log");
  Fd in, out, directory;
};

constexpr std::int64_t large = 1 << 30;

TEST_F(Log, BytesAreKeptAsTheyAre) {
  std::string every;
  for (int c = 0; c < 256; ++c) every += static_cast<char>(c);
  LogWriter log = writer(large);
  put(log, every);
  put(log, std::string(3, '\0'));
  put(log, "no newline at the end");
  EXPECT_EQ(read_file(path), every + std::string(3, '\0') + "no newline at the end");
  EXPECT_EQ(log.bytes(), 256 + 3 + 21);
  EXPECT_EQ(log.lost(), 0);
  EXPECT_EQ(log.gap_end(), 0);
}

TEST_F(Log, EmptyPipeIsNothingAndAClosedOneIsTheEnd) {
  LogWriter log = writer(large);
  EXPECT_EQ(log.drain(out.get()), LogWriter::Drained::nothing);
  EXPECT_EQ(::write(in.get(), "x", 1), 1);
  EXPECT_EQ(log.drain(out.get()), LogWriter::Drained::little);
  in.reset();
  EXPECT_EQ(log.drain(out.get()), LogWriter::Drained::end);
  EXPECT_EQ(read_file(path), "x");
}

TEST_F(Log, IndexIsMadeWithTheFirstOutput) {
  LogWriter log = writer(large);
  EXPECT_NE(::access((path + ".idx").c_str(), F_OK), 0);
  put(log, "hello\n");
  const std::string index = read_file(path + ".idx");
  ASSERT_GE(index.size(), sizeof(LogIndexHeader) + sizeof(LogIndexEntry));
  EXPECT_EQ(std::memcmp(header().magic, log_index_magic, sizeof log_index_magic), 0);
  EXPECT_EQ(header().gap_end, 0);
  LogIndexEntry entry{};
  std::memcpy(&entry, index.data() + sizeof(LogIndexHeader), sizeof entry);
  EXPECT_EQ(entry.offset, 0);
  EXPECT_GT(entry.utc_ms, 1'700'000'000'000);
}

TEST_F(Log, IndexEntriesAreRare) {
  LogWriter log = writer(large);
  for (int i = 0; i < 200; ++i) put(log, "line\n");
  // Two hundred chunks in a moment; on a slow machine some intervals go by.
  EXPECT_LT(read_file(path + ".idx").size(), sizeof(LogIndexHeader) + 150 * sizeof(LogIndexEntry));
}

class CappedLog : public Log {
 protected:
  static constexpr std::int64_t cap = 64 << 10;
  void SetUp() override {
    // Asked of the file system itself: a cap that fails must not look like one that can't be had.
    const Fd probe(::open((path + ".probe").c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600));
    ASSERT_EQ(::ftruncate(probe.get(), 65536), 0);
    if (::fallocate(probe.get(), FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 4096, 4096) != 0 &&
        errno == EOPNOTSUPP)
      GTEST_SKIP() << "this file system makes no holes";
    put(log, text);
    ASSERT_EQ(log.lost(), 0);
  }
  std::string text = pattern(1'000'000);
  LogWriter log = writer(cap);
};

TEST_F(CappedLog, HeadAndTailAreKeptAndTheGapIsTold) {
  const std::string kept = read_file(path);
  ASSERT_EQ(kept.size(), text.size()) << "offsets stay what they were";
  const auto begin = static_cast<std::size_t>(log.gap_begin());
  const auto end = static_cast<std::size_t>(log.gap_end());
  EXPECT_EQ(begin, static_cast<std::size_t>(cap / 2));
  EXPECT_GE(text.size() - end, static_cast<std::size_t>(cap / 2));
  EXPECT_EQ(kept.substr(0, begin), text.substr(0, begin));
  EXPECT_EQ(kept.substr(begin, end - begin), std::string(end - begin, '\0'));
  EXPECT_EQ(kept.substr(end), text.substr(end));
  EXPECT_EQ(header().gap_begin, log.gap_begin());
  EXPECT_EQ(header().gap_end, log.gap_end());
}

TEST_F(CappedLog, FileTakesLittleMoreSpaceThanTheCap) {
  struct stat info{};
  ASSERT_EQ(::stat(path.c_str(), &info), 0);
  EXPECT_LE(info.st_blocks * 512, cap + cap / 4);
}

TEST_F(CappedLog, ReaderSaysOnceHowMuchIsMissing) {
  auto reader = LogReader::open(path);
  ASSERT_TRUE(reader);
  std::string all;
  for (std::string part = reader->read(); !part.empty(); part = reader->read()) all += part;
  const std::string dropped = std::to_string(log.gap_end() - log.gap_begin());
  EXPECT_EQ(all, text.substr(0, static_cast<std::size_t>(log.gap_begin())) +
                     "\n[reeve: " + dropped + " bytes were dropped here by the log's cap]\n" +
                     text.substr(static_cast<std::size_t>(log.gap_end())));
}

TEST_F(Log, LogAtItsCapIsWhole) {
  const std::string text = pattern(64 << 10);
  LogWriter log = writer(64 << 10);
  put(log, text);
  EXPECT_EQ(log.gap_end(), 0);
  EXPECT_EQ(read_file(path), text);
}

// Files of this process may not grow beyond `bytes` meanwhile.
class FileSizeLimit {
 public:
  explicit FileSizeLimit(rlim_t bytes) : old_handler_(::signal(SIGXFSZ, SIG_IGN)) {
    ::getrlimit(RLIMIT_FSIZE, &old_);
    const rlimit limit{bytes, old_.rlim_max};
    ::setrlimit(RLIMIT_FSIZE, &limit);
  }
  FileSizeLimit(const FileSizeLimit&) = delete;
  FileSizeLimit& operator=(const FileSizeLimit&) = delete;
  ~FileSizeLimit() {
    ::setrlimit(RLIMIT_FSIZE, &old_);
    ::signal(SIGXFSZ, old_handler_);
  }

 private:
  void (*old_handler_)(int);
  rlimit old_{};
};

TEST_F(Log, WhatCanNotBeWrittenIsCountedAndToldOnceWritingWorksAgain) {
  const std::string text = pattern(20'000);
  LogWriter log = writer(large);
  std::int64_t lost = 0;
  {
    const FileSizeLimit limit(8192);
    ASSERT_EQ(::write(in.get(), text.data(), text.size()), std::ssize(text));
    (void)log.drain(out.get());
    ASSERT_EQ(::write(in.get(), "more", 4), 4);
    (void)log.drain(out.get());
    lost = log.lost();
  }
  EXPECT_EQ(lost, 20'000 - 8192 + 4);
  EXPECT_EQ(log.bytes(), 8192);
  put(log, "after\n");
  EXPECT_EQ(read_file(path), text.substr(0, 8192) +
                                 "\n[reeve: 11812 bytes of output were lost here: File too large]"
                                 "\nafter\n");
  EXPECT_EQ(log.lost(), lost);
  EXPECT_EQ(log.bytes(), std::ssize(read_file(path)));
  EXPECT_EQ(header().lost, lost);
}

TEST_F(Log, JobIsNotHarmedWhenTheLogCanNotBeWrittenAtAll) {
  write_file(path, "of a stranger");
  LogWriter log = writer(large);
  for (int i = 0; i < 3; ++i) put(log, "ten bytes\n");
  EXPECT_EQ(log.lost(), 30);
  EXPECT_EQ(log.bytes(), 0);
  EXPECT_EQ(read_file(path), "of a stranger");
}

TEST_F(Log, LogIsMadeWithTheFirstOutput) {
  LogWriter log = writer(large);
  EXPECT_EQ(log.drain(out.get()), LogWriter::Drained::nothing);
  EXPECT_NE(::access(path.c_str(), F_OK), 0);
  put(log, "x");
  EXPECT_EQ(read_file(path), "x");
}

// --- reading ------------------------------------------------------------------------------------

std::string last_lines(const std::string& path, std::int64_t lines) {
  auto reader = LogReader::open(path);
  if (!reader) return reader.error().message;
  reader->seek_to_last_lines(lines);
  std::string all;
  for (std::string part = reader->read(); !part.empty(); part = reader->read()) all += part;
  return all;
}

TEST_F(Log, LastLinesAreRead) {
  write_file(path, "one\ntwo\nthree\n");
  EXPECT_EQ(last_lines(path, 1), "three\n");
  EXPECT_EQ(last_lines(path, 2), "two\nthree\n");
  EXPECT_EQ(last_lines(path, 3), "one\ntwo\nthree\n");
  EXPECT_EQ(last_lines(path, 99), "one\ntwo\nthree\n");
}

TEST_F(Log, LastLineMayBeOpenOrEmpty) {
  write_file(path, "one\ntwo");
  EXPECT_EQ(last_lines(path, 1), "two");
  EXPECT_EQ(last_lines(path, 2), "one\ntwo");
  write_file(path, "one\n\n");
  EXPECT_EQ(last_lines(path, 1), "\n");
  EXPECT_EQ(last_lines(path, 2), "one\n\n");
  write_file(path, "");
  EXPECT_EQ(last_lines(path, 5), "");
}

TEST_F(Log, LastLinesAreFoundAcrossManyBlocks) {
  const std::string text = pattern(700'000) + "\n";
  write_file(path, text);
  std::size_t at = text.size() - 1;
  for (int i = 0; i < 60'000; ++i) at = text.rfind('\n', at - 1);
  EXPECT_EQ(last_lines(path, 60'000), text.substr(at + 1));
}

TEST_F(Log, GrowingFileIsReadOn) {
  write_file(path, "one\n");
  auto reader = LogReader::open(path);
  ASSERT_TRUE(reader);
  EXPECT_EQ(reader->read(), "one\n");
  EXPECT_EQ(reader->read(), "");
  append_file(path, "two\n");
  EXPECT_EQ(reader->read(), "two\n");
  EXPECT_EQ(reader->read(), "");
}

TEST_F(Log, OtherFileInThePlaceOfTheIndexIsIgnored) {
  write_file(path, "one\n");
  write_file(path + ".idx", std::string(sizeof(LogIndexHeader), '\1'));
  EXPECT_EQ(last_lines(path, 5), "one\n");
}

TEST_F(Log, LogThatIsMissingOrALinkIsRefused) {
  EXPECT_EQ(LogReader::open(path).error().code, ErrorCode::not_found);
  ASSERT_EQ(::symlink("/etc/passwd", path.c_str()), 0);
  EXPECT_FALSE(LogReader::open(path));
}

}  // namespace
}  // namespace reeve::test
