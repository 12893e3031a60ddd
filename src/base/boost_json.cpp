// Boost.JSON is used from its headers; its code is compiled here, once.
#include <boost/json/src.hpp>
