# Boost's headers, unpacked by `./dev setup` into the build's own folder: Debian's package of 1.81,
# when it is installed, removes libboost1.74-dev and what depends on it.
set(REEVE_BOOST_INCLUDE ${CMAKE_SOURCE_DIR}/build/deps/boost/usr/include
    CACHE PATH "Folder that holds boost/version.hpp of 1.81 or newer")
if(NOT EXISTS ${REEVE_BOOST_INCLUDE}/boost/version.hpp)
  message(FATAL_ERROR "No Boost headers in ${REEVE_BOOST_INCLUDE}: run ./dev setup, or set REEVE_BOOST_INCLUDE")
endif()
add_library(boost_headers INTERFACE)
target_include_directories(boost_headers SYSTEM INTERFACE ${REEVE_BOOST_INCLUDE})
target_compile_definitions(boost_headers INTERFACE BOOST_ASIO_SEPARATE_COMPILATION
                           BOOST_ASIO_NO_DEPRECATED)
