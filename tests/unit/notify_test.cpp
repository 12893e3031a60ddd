// Messages of jobs: what they may say, and the sockets that they arrive at.

#include <fcntl.h>
#include <fmt/format.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstddef>
#include <cstring>

#include "base/fd.h"
#include "cli/in_job.h"
#include "core/limits.h"
#include "core/notify_message.h"
#include "support.h"
#include "watch/notify_sockets.h"

namespace reeve::test {
namespace {

using watch::NotifyArrival;
using watch::NotifySockets;

NotifyMessage parsed(std::string_view text) {
  const auto message = parse_notify(text);
  EXPECT_TRUE(message) << message.error().message;
  return message.value_or(NotifyMessage{});
}

TEST(NotifyMessage, WhatSystemdKnowsIsUnderstood) {
  const NotifyMessage message =
      parsed("READY=1\nSTATUS=fitting the model\nWATCHDOG=1\nERRNO=2\nWATCHDOG_USEC=1500000\n");
  EXPECT_TRUE(message.is_ready);
  EXPECT_TRUE(message.is_beat);
  EXPECT_EQ(message.status, "fitting the model");
  EXPECT_EQ(message.error_number, 2);
  EXPECT_EQ(message.watchdog, Duration(1500));
  EXPECT_TRUE(parsed("STOPPING=1").is_stopping);
  EXPECT_TRUE(parsed("WATCHDOG=trigger").is_trigger);
  EXPECT_EQ(parsed("WATCHDOG_USEC=0").watchdog, Duration(0));
}

TEST(NotifyMessage, WhatIsNotKnownIsIgnored) {
  const NotifyMessage message = parsed(
      "BARRIER=1\nMAINPID=12\nFDSTORE=1\nno equals sign\n=\n\nREADY=yes\nERRNO=x\n"
      "WATCHDOG_USEC=-5\nX_OTHER=1\n");
  EXPECT_FALSE(message.is_ready);
  EXPECT_FALSE(message.is_beat);
  EXPECT_FALSE(message.error_number);
  EXPECT_FALSE(message.watchdog);
  EXPECT_FALSE(message.progress);
}

TEST(NotifyMessage, ProgressResultsAndFailureAreOurs) {
  const NotifyMessage message = parsed(
      "X_REEVE_PROGRESS=3/4\nX_REEVE_ROWS=1234567\nX_REEVE_TEXT=fold 3\nX_REEVE_RESULT=loss=0.5\n"
      "X_REEVE_RESULT=best/auc=a=b\nX_REEVE_FAIL=no input");
  ASSERT_TRUE(message.progress);
  EXPECT_DOUBLE_EQ(*message.progress->fraction, 0.75);
  EXPECT_EQ(message.progress->rows, 1'234'567);
  EXPECT_EQ(message.progress->text, "fold 3");
  EXPECT_EQ(message.progress->source, ProgressSource::told);
  ASSERT_EQ(message.results.size(), 2U);
  EXPECT_EQ(message.results[1], (std::pair<std::string, std::string>("best/auc", "a=b")));
  EXPECT_EQ(message.fail, "no input");
}

TEST(NotifyMessage, WhatCanNotBeUnderstoodIsToldAndTheRestCounts) {
  for (const char* bad :
       {"X_REEVE_PROGRESS=many", "X_REEVE_PROGRESS=101", "X_REEVE_ROWS=-1", "X_REEVE_ROWS=1.5",
        "X_REEVE_RESULT=novalue", "X_REEVE_RESULT==1", "X_REEVE_RESULT=a b=1"}) {
    const NotifyMessage message = parsed(bad + std::string("\nWATCHDOG=1\nX_REEVE_FAIL=why"));
    EXPECT_TRUE(message.not_understood.starts_with(std::string(bad).substr(0, 12))) << bad;
    EXPECT_TRUE(message.is_beat) << bad;
    EXPECT_EQ(message.fail, "why") << bad;
  }
}

TEST(NotifyMessage, HostileBytesAreRefusedOrMadeHarmless) {
  EXPECT_FALSE(parse_notify(""));
  EXPECT_FALSE(parse_notify(std::string_view("READY=1\0X=1", 11)));
  EXPECT_TRUE(parse_notify(std::string(limits::notify_bytes_max, 'x')));
  EXPECT_FALSE(parse_notify(std::string(limits::notify_bytes_max + 1, 'x')));
  const NotifyMessage message = parsed("STATUS=\x1b[31m\xff" + std::string(1000, 'x'));
  EXPECT_LE(message.status->size(), limits::notify_text_bytes_max);
  EXPECT_EQ(message.status->find('\x1b'), std::string::npos);
  EXPECT_EQ(parsed("STATUS=" + std::string(500, '\x01')).status->size() % 4, 0U);
}

TEST(NotifyMessage, IsReadAsItWasWritten) {
  NotifyMessage message;
  message.progress = *parse_progress("45.5");
  message.progress->rows = 7;
  message.progress->text = "two\nlines";
  message.results = {{"loss", "0.5"}};
  message.fail = "why";
  message.is_beat = true;
  const NotifyMessage read = parsed(write_notify(message));
  EXPECT_DOUBLE_EQ(*read.progress->fraction, 0.455);
  EXPECT_EQ(read.progress->rows, 7);
  EXPECT_EQ(read.progress->text, "two\\nlines");
  EXPECT_EQ(read.results, message.results);
  EXPECT_EQ(read.fail, "why");
  EXPECT_TRUE(read.is_beat);
}

// A sender of its own, as any library does it; returns an errno value, 0 when it was sent.
int send_to(const std::string& address, std::string_view text, int passed_fd = -1) {
  sockaddr_un name{};
  name.sun_family = AF_UNIX;
  std::memcpy(name.sun_path, address.data(), std::min(address.size(), sizeof name.sun_path - 1));
  if (address.starts_with('@')) name.sun_path[0] = '\0';
  const Fd fd(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  iovec piece{const_cast<char*>(text.data()), text.size()};
  alignas(cmsghdr) char control[CMSG_SPACE(sizeof(int))] = {};
  msghdr header{};
  header.msg_name = &name;
  header.msg_namelen = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + address.size());
  header.msg_iov = &piece;
  header.msg_iovlen = 1;
  if (passed_fd >= 0) {
    header.msg_control = control;
    header.msg_controllen = sizeof control;
    cmsghdr* part = CMSG_FIRSTHDR(&header);
    part->cmsg_level = SOL_SOCKET;
    part->cmsg_type = SCM_RIGHTS;
    part->cmsg_len = CMSG_LEN(sizeof(int));
    std::memcpy(CMSG_DATA(part), &passed_fd, sizeof(int));
  }
  return ::sendmsg(fd.get(), &header, MSG_NOSIGNAL | MSG_DONTWAIT) < 0 ? errno : 0;
}

bool is_readable(int fd, int wait_ms) {
  pollfd poll{fd, POLLIN, 0};
  return ::poll(&poll, 1, wait_ms) == 1;
}

NotifySockets open_in(const std::string& directory) {
  auto sockets = NotifySockets::open(directory);
  EXPECT_TRUE(sockets) << sockets.error().message;
  return std::move(*sockets);
}

TEST(NotifySockets, MessageArrivesWithItsAddress) {
  const TemporaryFolder folder;
  NotifySockets sockets = open_in(folder.file("notify"));
  const std::string first = sockets.take().value();
  const std::string second = sockets.take().value();
  EXPECT_NE(first, second);
  EXPECT_FALSE(is_readable(sockets.poll_fd(), 0));
  EXPECT_EQ(send_to(second, "STATUS=hello"), 0);
  EXPECT_TRUE(is_readable(sockets.poll_fd(), 5000));
  const auto arrivals = sockets.receive(Time{0});
  ASSERT_EQ(arrivals.size(), 1U);
  EXPECT_EQ(arrivals[0].address, second);
  EXPECT_EQ(arrivals[0].message.status, "hello");
  EXPECT_FALSE(is_readable(sockets.poll_fd(), 0));
}

TEST(NotifySockets, DirectoryIsNobodyElses) {
  const TemporaryFolder folder;
  const NotifySockets sockets = open_in(folder.file("notify"));
  struct stat info{};
  ASSERT_EQ(::stat(folder.file("notify").c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777, 0700U);
}

TEST(NotifySockets, AreUsedAgainWithoutWhatAnEarlierJobSent) {
  const TemporaryFolder folder;
  NotifySockets sockets = open_in(folder.file("notify"));
  const std::string address = sockets.take().value();
  EXPECT_EQ(send_to(address, "STATUS=old"), 0);
  sockets.give_back(address);
  EXPECT_EQ(send_to(address, "STATUS=of nobody"), 0);
  EXPECT_FALSE(is_readable(sockets.poll_fd(), 0));
  EXPECT_EQ(sockets.take().value(), address);
  EXPECT_TRUE(sockets.receive(Time{0}).empty());
  EXPECT_EQ(send_to(address, "STATUS=new"), 0);
  ASSERT_EQ(sockets.receive(Time{0}).size(), 1U);
  sockets.give_back("/elsewhere/1");
  sockets.give_back(address);
  sockets.give_back(address);
  EXPECT_EQ(sockets.take().value(), address);
  EXPECT_NE(sockets.take().value(), address) << "given back twice, it is taken once";
}

TEST(NotifySockets, AddressIsHeardAgainAfterARestart) {
  for (const std::size_t depth : {0U, 3U}) {
    const TemporaryFolder folder;
    std::string directory = folder.path();
    for (std::size_t i = 0; i < depth; ++i) {
      directory += "/" + std::string(60, 'd');
      ASSERT_EQ(::mkdir(directory.c_str(), 0700), 0);
    }
    directory += "/notify";
    std::string address;
    {
      NotifySockets sockets = open_in(directory);
      ASSERT_TRUE(sockets.take());
      address = sockets.take().value();
      EXPECT_EQ(address.starts_with('@'), depth > 0) << address;
    }
    EXPECT_EQ(send_to(address, "STATUS=nobody listens"), ECONNREFUSED);
    NotifySockets sockets = open_in(directory);
    ASSERT_TRUE(sockets.adopt(address));
    EXPECT_EQ(send_to(address, "STATUS=back"), 0);
    const auto arrivals = sockets.receive(Time{0});
    ASSERT_EQ(arrivals.size(), 1U);
    EXPECT_EQ(arrivals[0].message.status, "back");
    EXPECT_NE(sockets.take().value(), address);
    EXPECT_EQ(sockets.adopt(address).error().code, ErrorCode::conflict);
  }
}

TEST(NotifySockets, OnlyAddressesOfOursAreAdopted) {
  const TemporaryFolder folder;
  NotifySockets sockets = open_in(folder.file("notify"));
  for (const std::string& bad :
       {std::string(""), folder.file("notify"), folder.file("notify/"), folder.file("notify/x"),
        folder.file("notify/0"), folder.file("notify/01"), folder.file("notify/-1"),
        folder.file("notify/1/2"), folder.file("notify/99999999999"), std::string("@reeve-1"),
        folder.file("other/1")})
    EXPECT_FALSE(sockets.adopt(bad)) << bad;
  EXPECT_TRUE(sockets.adopt(folder.file("notify/7")));
  EXPECT_EQ(sockets.take().value(), folder.file("notify/8"));
}

TEST(NotifySockets, PassedDescriptorsAreClosedAtOnce) {
  const TemporaryFolder folder;
  NotifySockets sockets = open_in(folder.file("notify"));
  const std::string address = sockets.take().value();
  int ends[2] = {-1, -1};
  ASSERT_EQ(::pipe2(ends, O_CLOEXEC), 0);
  const Fd reader(ends[0]);
  Fd writer(ends[1]);
  ASSERT_EQ(send_to(address, "BARRIER=1", writer.get()), 0);
  writer.reset();
  EXPECT_FALSE(is_readable(reader.get(), 0)) << "the other end is still in the queue";
  (void)sockets.receive(Time{0});
  pollfd poll{reader.get(), 0, 0};
  EXPECT_EQ(::poll(&poll, 1, 5000), 1);
  EXPECT_TRUE((poll.revents & POLLHUP) != 0);
}

TEST(NotifySockets, MessageThatIsTooLargeIsRefused) {
  const TemporaryFolder folder;
  NotifySockets sockets = open_in(folder.file("notify"));
  const std::string address = sockets.take().value();
  EXPECT_EQ(send_to(address, "STATUS=" + std::string(limits::notify_bytes_max, 'x')), 0);
  EXPECT_EQ(send_to(address, ""), 0);
  EXPECT_EQ(send_to(address, "X_REEVE_ROWS=many"), 0);
  EXPECT_EQ(send_to(address, "STATUS=fine"), 0);
  const auto arrivals = sockets.receive(Time{0});
  ASSERT_EQ(arrivals.size(), 4U);
  EXPECT_EQ(arrivals[0].refused, "a message that is too large");
  EXPECT_EQ(arrivals[1].refused, "an empty message");
  EXPECT_EQ(arrivals[2].message.not_understood, "X_REEVE_ROWS=many: expected a number of rows");
  EXPECT_EQ(arrivals[3].message.status, "fine");
}

TEST(NotifySockets, FloodOfOneJobIsHeldBackAndOthersAreHeard) {
  const TemporaryFolder folder;
  NotifySockets sockets = open_in(folder.file("notify"));
  const std::string noisy = sockets.take().value();
  const std::string quiet = sockets.take().value();
  std::size_t received = 0;
  // The kernel queues a few only: send and receive in turn until we are held back.
  for (int round = 0; round < 1000 && !sockets.wake_at(); ++round) {
    while (send_to(noisy, "WATCHDOG=1") == 0) {
    }
    received += sockets.receive(Time{1000}).size();
  }
  EXPECT_EQ(received, limits::notify_messages_max);
  ASSERT_EQ(sockets.wake_at(), Time{1000} + limits::notify_pause);
  EXPECT_FALSE(is_readable(sockets.poll_fd(), 0)) << "it wakes nobody";
  EXPECT_EQ(send_to(quiet, "STATUS=here"), 0);
  const auto arrivals = sockets.receive(Time{1001});
  ASSERT_EQ(arrivals.size(), 1U);
  EXPECT_EQ(arrivals[0].address, quiet);
  while (send_to(noisy, "WATCHDOG=1") == 0) {
  }
  EXPECT_FALSE(sockets.receive(Time{1000} + limits::notify_pause).empty());
  EXPECT_FALSE(sockets.wake_at());
}

TEST(NotifySockets, ThereAreOnlySoMany) {
  const TemporaryFolder folder;
  NotifySockets sockets = open_in(folder.file("notify"));
  for (std::size_t i = 0; i < limits::notify_sockets_max; ++i) {
    const auto taken = sockets.take();
    if (!taken) GTEST_SKIP() << taken.error().message;
  }
  EXPECT_EQ(sockets.take().error().code, ErrorCode::full);
}

TEST(NotifySockets, OtherUsersAreNotHeard) {
  if (::getuid() != 0) GTEST_SKIP() << "only root can become somebody else";
  const TemporaryFolder folder;
  std::string directory = folder.path() + "/" + std::string(120, 'd');
  ASSERT_EQ(::mkdir(directory.c_str(), 0700), 0);
  NotifySockets sockets = open_in(directory + "/notify");
  const std::string address = sockets.take().value();
  ASSERT_TRUE(address.starts_with('@')) << "an abstract name is open to all";
  const int status = status_of_child(
      [&] { return ::setuid(65534) == 0 ? send_to(address, "STATUS=stranger") : 99; });
  ASSERT_EQ(status, 0);
  EXPECT_TRUE(sockets.receive(Time{0}).empty());
}

// Runs a program that sends, and collects what arrives until it has ended.
std::vector<NotifyArrival> arrivals_from(NotifySockets& sockets, const std::string& address,
                                         const std::vector<const char*>& command, int& status) {
  const pid_t child = ::fork();
  if (child == 0) {
    ::alarm(20);
    ::setenv("NOTIFY_SOCKET", address.c_str(), 1);
    std::vector<char*> words;
    for (const char* word : command) words.push_back(const_cast<char*>(word));
    words.push_back(nullptr);
    ::execvp(words[0], words.data());
    ::_exit(127);
  }
  std::vector<NotifyArrival> all;
  const auto take_all = [&] {
    for (NotifyArrival& arrival : sockets.receive(Time{0})) all.push_back(std::move(arrival));
  };
  while (::waitpid(child, &status, WNOHANG) == 0)
    if (is_readable(sockets.poll_fd(), 20)) take_all();
  take_all();
  return all;
}

TEST(NotifySockets, SystemdNotifyIsUnderstood) {
  const TemporaryFolder folder;
  NotifySockets sockets = open_in(folder.file("notify"));
  const std::string address = sockets.take().value();
  int status = -1;
  const auto arrivals = arrivals_from(
      sockets, address, {"systemd-notify", "--ready", "--status=half way", "X_REEVE_PROGRESS=50"},
      status);
  if (WIFEXITED(status) && WEXITSTATUS(status) == 127) GTEST_SKIP() << "no systemd-notify here";
  EXPECT_EQ(status, 0) << "it waits until its barrier is answered";
  ASSERT_FALSE(arrivals.empty());
  EXPECT_TRUE(arrivals[0].message.is_ready);
  EXPECT_EQ(arrivals[0].message.status, "half way");
  EXPECT_DOUBLE_EQ(*arrivals[0].message.progress->fraction, 0.5);
}

TEST(NotifySockets, PythonLibraryIsUnderstood) {
  const TemporaryFolder folder;
  NotifySockets sockets = open_in(folder.file("notify"));
  const std::string address = sockets.take().value();
  int status = -1;
  const auto arrivals = arrivals_from(sockets, address,
                                      {"/usr/bin/python3", "-c",
                                       "import sys\n"
                                       "try: import sdnotify\n"
                                       "except ImportError: sys.exit(77)\n"
                                       "n = sdnotify.SystemdNotifier()\n"
                                       "n.notify('WATCHDOG=1')\n"
                                       "n.notify('STATUS=a\\nX_REEVE_ROWS=12')"},
                                      status);
  if (WIFEXITED(status) && (WEXITSTATUS(status) == 127 || WEXITSTATUS(status) == 77))
    GTEST_SKIP() << "no python3-sdnotify here";
  EXPECT_EQ(status, 0);
  ASSERT_EQ(arrivals.size(), 2U);
  EXPECT_TRUE(arrivals[0].message.is_beat);
  EXPECT_EQ(arrivals[1].message.progress->rows, 12);
}

TEST(SendNotify, ReachesASocketByPathAndByName) {
  for (const std::size_t extra : {0U, 120U}) {
    const TemporaryFolder folder;
    std::string directory = folder.path();
    if (extra > 0) directory += "/" + std::string(extra, 'd');
    ::mkdir(directory.c_str(), 0700);
    NotifySockets sockets = open_in(directory + "/notify");
    const std::string address = sockets.take().value();
    EXPECT_TRUE(cli::send_notify(address, "STATUS=x", Duration(0)));
    EXPECT_EQ(sockets.receive(Time{0}).size(), 1U);
  }
}

TEST(SendNotify, TellsWhyItReachedNobody) {
  const TemporaryFolder folder;
  EXPECT_EQ(cli::send_notify(folder.file("none"), "X=1", Duration(0)).error().code,
            ErrorCode::unreachable);
  for (const std::string& bad : {std::string("relative"), std::string(), std::string(200, '/')})
    EXPECT_EQ(cli::send_notify(bad, "X=1", Duration(0)).error().code, ErrorCode::invalid) << bad;
}

}  // namespace
}  // namespace reeve::test
