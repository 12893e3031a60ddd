#include "daemon/session.h"

#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <boost/asio/buffer.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <boost/asio/read.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/write.hpp>
#include <unordered_set>
#include <utility>

#include "core/limits.h"

namespace reeve {
namespace {

namespace asio = boost::asio;
constexpr std::chrono::milliseconds accept_pause{100};

using Socket = asio::local::stream_protocol::socket;

bool is_same_user(int socket) {
  ucred peer{};
  socklen_t length = sizeof peer;
  return ::getsockopt(socket, SOL_SOCKET, SO_PEERCRED, &peer, &length) == 0 &&
         peer.uid == ::geteuid();
}

}  // namespace

// A session is held by its own pending operations (the reason for the shared pointer): when the
// last of them ends, it goes.
class Session : public std::enable_shared_from_this<Session> {  // NOLINT
 public:
  Session(Socket socket, Service& service, std::function<void()> after_request,
          std::function<void(Session*)> gone)
      : socket_(std::move(socket)),
        service_(service),
        after_request_(std::move(after_request)),
        gone_(std::move(gone)) {}
  ~Session() { gone_(this); }

  void read_header() {
    asio::async_read(socket_, asio::buffer(header_),
                     [self = shared_from_this()](const auto& error, std::size_t) {
                       if (!error) self->read_body();
                     });
  }

  // Ends after the replies that are queued by now.
  void close() {
    closing_ = true;
    if (outgoing_.empty()) shut();
  }

 private:
  void read_body() {
    const auto length = frame_length(header_);
    if (!length) {
      write(error_reply(0, length.error()));
      return close();
    }
    body_.resize(*length);
    asio::async_read(socket_, asio::buffer(body_),
                     [self = shared_from_this()](const auto& error, std::size_t) {
                       if (!error) self->take_request();
                     });
  }

  void take_request() {
    auto request = parse_request(body_);
    body_.clear();
    body_.shrink_to_fit();
    if (!request) {
      write(error_reply(0, request.error()));
      return close();
    }
    const std::int64_t id = request->id;
    service_.handle(std::move(*request), [weak = weak_from_this(), id](Result<json::value> result) {
      const auto self = weak.lock();
      if (!self) return;
      self->write(result ? ok_reply(id, std::move(*result)) : error_reply(id, result.error()));
    });
    after_request_();
    if (!closing_) read_header();
  }

  void write(const json::value& message) {
    if (shut_) return;
    std::string frame = to_frame(message);
    backlog_ += frame.size();
    if (backlog_ > limits::session_backlog_bytes_max) return shut();
    outgoing_.push_back(std::move(frame));
    if (outgoing_.size() == 1) write_next();
  }

  void write_next() {
    asio::async_write(socket_, asio::buffer(outgoing_.front()),
                      [self = shared_from_this()](const auto& error, std::size_t) {
                        if (error) return self->shut();
                        self->backlog_ -= self->outgoing_.front().size();
                        self->outgoing_.pop_front();
                        if (!self->outgoing_.empty()) return self->write_next();
                        if (self->closing_) self->shut();
                      });
  }

  void shut() {
    shut_ = true;
    boost::system::error_code ignored;
    socket_.close(ignored);
  }

  Socket socket_;
  Service& service_;
  std::function<void()> after_request_;
  std::function<void(Session*)> gone_;
  std::array<char, frame_header_bytes> header_{};
  std::string body_;
  std::deque<std::string> outgoing_;
  std::size_t backlog_ = 0;
  bool closing_ = false;
  bool shut_ = false;
};

class SessionServer::Impl : public std::enable_shared_from_this<SessionServer::Impl> {  // NOLINT
 public:
  Impl(asio::io_context& context, int listening, Service& service,
       std::function<void()> after_request)
      : acceptor_(context, asio::local::stream_protocol(), listening),
        retry_(context),
        service_(service),
        after_request_(std::move(after_request)) {}

  void accept() {
    acceptor_.async_accept([self = shared_from_this()](const auto& error, Socket socket) {
      if (error == asio::error::operation_aborted || !self->acceptor_.is_open()) return;
      if (!error) self->begin(std::move(socket));
      // Out of descriptors: those who wait in the backlog are served once some are free again.
      if (error == asio::error::no_descriptors) return self->accept_later();
      self->accept();
    });
  }

  void accept_later() {
    retry_.expires_after(accept_pause);
    retry_.async_wait([self = shared_from_this()](const auto& error) {
      if (!error && self->acceptor_.is_open()) self->accept();
    });
  }

  void begin(Socket socket) {
    if (!is_same_user(socket.native_handle()))
      return refuse(socket, {ErrorCode::forbidden, "this daemon belongs to another user"});
    if (sessions_.size() >= limits::sessions_max)
      return refuse(socket, {ErrorCode::busy, "the daemon has too many clients"});
    const auto session = std::make_shared<Session>(std::move(socket), service_, after_request_,
                                                   [weak = weak_from_this()](Session* gone) {
                                                     const auto self = weak.lock();
                                                     if (!self) return;
                                                     self->sessions_.erase(gone);
                                                   });
    sessions_.insert(session.get());
    session->read_header();
  }

  // A short answer fits into an empty socket.
  static void refuse(Socket& socket, const Error& error) {
    const std::string frame = to_frame(error_reply(0, error));
    (void)!::send(socket.native_handle(), frame.data(), frame.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
  }

  void close() {
    boost::system::error_code ignored;
    acceptor_.close(ignored);
    retry_.cancel();
    for (Session* session : std::unordered_set<Session*>(sessions_)) session->close();
  }

  [[nodiscard]] std::size_t sessions() const { return sessions_.size(); }

 private:
  asio::local::stream_protocol::acceptor acceptor_;
  asio::steady_timer retry_;
  Service& service_;
  std::function<void()> after_request_;
  std::unordered_set<Session*> sessions_;
};

SessionServer::SessionServer(asio::io_context& context, int listening, Service& service,
                             std::function<void()> after_request)
    : impl_(std::make_shared<Impl>(context, listening, service, std::move(after_request))) {
  impl_->accept();
}

SessionServer::~SessionServer() {
  impl_->close();
}

void SessionServer::close() {
  impl_->close();
}
std::size_t SessionServer::sessions() const {
  return impl_->sessions();
}

}  // namespace reeve
