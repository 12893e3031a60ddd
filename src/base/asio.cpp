// Boost.Asio is used from its headers; its code is compiled here, once.
#include <boost/asio/impl/src.hpp>
