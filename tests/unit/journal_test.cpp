// The daemon's side of the keepers' journal.

#include "engine/local/journal.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>
#include <stdexcept>

#include "support.h"

namespace reeve::test {
namespace {

const std::string this_boot = "11111111-2222-3333-4444-555555555555";
const std::string other_boot = "99999999-2222-3333-4444-555555555555";

std::string line(std::int64_t job) {
  Record record;
  record.kind = RecordKind::stuck;
  record.key = {{job}, 1, 1};
  record.numbers[0] = job * 10;
  char buffer[record_bytes_max];
  return {buffer, format_record(record, buffer)};
}

using Jobs = std::vector<std::int64_t>;

class JournalTest : public testing::Test {
 protected:
  Journal open(const std::string& boot = this_boot) {
    auto journal = Journal::open(directory, boot);
    if (!journal) throw std::runtime_error(journal.error().message);
    return std::move(*journal);
  }
  static Jobs jobs(Journal& journal) {
    Jobs out;
    for (const auto& read : journal.read()) out.push_back(read.record.key.job.value);
    return out;
  }
  static void append(Journal& journal, const std::string& text) {
    const int fd = journal.use_newest();
    ASSERT_EQ(::write(fd, text.data(), text.size()), std::ssize(text));
    journal.release(journal.newest());
  }
  std::size_t files() {
    return static_cast<std::size_t>(
        std::distance(std::filesystem::directory_iterator(directory), {}));
  }

  TemporaryFolder folder;
  std::string directory = folder.file("journal");
};

TEST_F(JournalTest, RecordsComeInOrderAndOnce) {
  Journal journal = open();
  append(journal, line(1) + line(2));
  append(journal, line(3));
  EXPECT_EQ(jobs(journal), (Jobs{1, 2, 3}));
  EXPECT_TRUE(jobs(journal).empty());
  append(journal, line(4));
  EXPECT_EQ(jobs(journal), (Jobs{4}));
}

TEST_F(JournalTest, WhatAnotherProcessAppendsIsReadWhole) {
  Journal journal = open();
  const int fd = journal.use_newest();
  constexpr std::int64_t count = 2000;
  int ready[2] = {-1, -1};
  ASSERT_EQ(::pipe(ready), 0);
  const pid_t writer = ::fork();
  if (writer == 0) {
    ::close(ready[0]);
    ::alarm(10);
    for (std::int64_t job = 1; job <= count; ++job) {
      const std::string text = line(job);
      if (::write(fd, text.data(), text.size()) != std::ssize(text)) ::_exit(1);
    }
    ::_exit(0);
  }
  ::close(ready[1]);
  Jobs all;
  // The pipe ends with the writer: until then the journal is read while it grows.
  ::fcntl(ready[0], F_SETFL, O_NONBLOCK);
  char byte = 0;
  while (::read(ready[0], &byte, 1) != 0)
    for (const auto job : jobs(journal)) all.push_back(job);
  for (const auto job : jobs(journal)) all.push_back(job);
  ::close(ready[0]);
  int status = 0;
  ::waitpid(writer, &status, 0);
  EXPECT_EQ(status, 0);
  ASSERT_EQ(all.size(), static_cast<std::size_t>(count));
  for (std::int64_t i = 0; i < count; ++i) EXPECT_EQ(all[static_cast<std::size_t>(i)], i + 1);
  EXPECT_EQ(journal.damaged(), 0);
}

TEST_F(JournalTest, LineWithoutItsEndWaitsForIt) {
  Journal journal = open();
  const std::string text = line(1);
  append(journal, text.substr(0, 5));
  EXPECT_TRUE(jobs(journal).empty());
  append(journal, text.substr(5, text.size() - 6));
  EXPECT_TRUE(jobs(journal).empty());
  append(journal, "\n" + line(2));
  EXPECT_EQ(jobs(journal), (Jobs{1, 2}));
  EXPECT_EQ(journal.damaged(), 0);
}

TEST_F(JournalTest, DamagedLineIsSkippedAndCounted) {
  Journal journal = open();
  std::string damaged = line(2);
  damaged[0] = 'X';
  append(journal, line(1) + damaged + "\n" + line(3));
  EXPECT_EQ(jobs(journal), (Jobs{1, 3}));
  EXPECT_EQ(journal.damaged(), 2);
}

TEST_F(JournalTest, LinesAreFoundAcrossTheReadersBuffer) {
  Journal journal = open();
  std::string text;
  Jobs expected;
  for (std::int64_t job = 1; job <= 3000; ++job) {
    text += line(job);
    expected.push_back(job);
  }
  append(journal, text);
  EXPECT_EQ(jobs(journal), expected);
}

TEST_F(JournalTest, CursorLeadsALaterDaemonToTheSamePlace) {
  std::string cursor;
  {
    Journal journal = open();
    EXPECT_EQ(journal.cursor(), "");
    append(journal, line(1) + line(2).substr(0, 4));
    EXPECT_EQ(jobs(journal), (Jobs{1}));
    cursor = journal.cursor();
    EXPECT_EQ(cursor, "1:" + std::to_string(line(1).size()));
    append(journal, line(2).substr(4));
  }
  Journal journal = open();
  ASSERT_TRUE(journal.restore(cursor));
  EXPECT_EQ(jobs(journal), (Jobs{2}));
  ASSERT_TRUE(journal.restore(""));
  EXPECT_EQ(jobs(journal), (Jobs{1, 2}));
}

TEST_F(JournalTest, CursorThatIsNoneIsRefused) {
  Journal journal = open();
  for (const char* cursor : {"x", "1", "1:", ":5", "1:x", "1:2,3:4", "1:2  3:4"}) {
    const auto restored = journal.restore(cursor);
    ASSERT_FALSE(restored) << cursor;
    EXPECT_EQ(restored.error().code, ErrorCode::corrupt);
  }
  EXPECT_TRUE(journal.restore("1:0 77:5")) << "a generation that is gone was read";
}

TEST_F(JournalTest, LaterDaemonOfTheSameBootGoesOnWithTheSameFile) {
  {
    (void)open();
  }
  Journal journal = open();
  EXPECT_EQ(journal.newest(), 1);
  EXPECT_EQ(files(), 1U);
}

TEST_F(JournalTest, EachBootHasItsOwnGeneration) {
  {
    Journal journal = open(other_boot);
    append(journal, line(1));
  }
  Journal journal = open();
  EXPECT_EQ(journal.newest(), 2);
  append(journal, line(2));
  EXPECT_EQ(jobs(journal), (Jobs{1, 2}));
}

TEST_F(JournalTest, GenerationOfAnEarlierBootGoesOnceItWasReadAndStored) {
  {
    Journal journal = open(other_boot);
    append(journal, line(1));
  }
  std::string cursor;
  {
    Journal journal = open();
    ASSERT_TRUE(journal.restore(""));
    EXPECT_EQ(jobs(journal), (Jobs{1}));
    cursor = journal.cursor();
    EXPECT_EQ(files(), 2U) << "not before the cursor is stored";
  }
  Journal journal = open();
  ASSERT_TRUE(journal.restore(cursor));
  EXPECT_EQ(files(), 1U);
  EXPECT_TRUE(jobs(journal).empty());
}

TEST_F(JournalTest, UnusedGenerationsGoExceptTheNewest) {
  {
    Journal journal = open(other_boot);
    append(journal, line(1));
  }
  Journal journal = open();
  (void)journal.use_newest();
  journal.remove_unused();
  EXPECT_EQ(files(), 1U);
  EXPECT_EQ(journal.newest(), 2);
}

TEST_F(JournalTest, OtherFilesAreLeftAlone) {
  {
    (void)open();
  }
  write_file(directory + "/notes.txt", "x");
  write_file(directory + "/11111111-x.journal", "x");
  Journal journal = open();
  EXPECT_TRUE(jobs(journal).empty());
  EXPECT_EQ(files(), 3U);
}

TEST_F(JournalTest, FolderThatCanNotBeMadeIsAnError) {
  EXPECT_FALSE(Journal::open("/proc/nowhere/journal", this_boot));
}

}  // namespace
}  // namespace reeve::test
