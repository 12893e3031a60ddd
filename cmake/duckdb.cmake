# DuckDB, as `./dev setup` fetched it: for reeve-data only, beside which its library is put, so that
# the folder of the programs may be moved.
set(REEVE_DUCKDB ${CMAKE_SOURCE_DIR}/build/deps/duckdb
    CACHE PATH "Folder that holds duckdb.h and libduckdb.so")
if(NOT EXISTS ${REEVE_DUCKDB}/libduckdb.so OR NOT EXISTS ${REEVE_DUCKDB}/duckdb.h)
  message(FATAL_ERROR "No DuckDB in ${REEVE_DUCKDB}: run ./dev setup, or set REEVE_DUCKDB")
endif()
file(CREATE_LINK ${REEVE_DUCKDB}/libduckdb.so ${CMAKE_BINARY_DIR}/bin/libduckdb.so COPY_ON_ERROR)
add_library(duckdb SHARED IMPORTED)
set_target_properties(duckdb PROPERTIES
  IMPORTED_LOCATION ${CMAKE_BINARY_DIR}/bin/libduckdb.so
  IMPORTED_SONAME libduckdb.so
  INTERFACE_INCLUDE_DIRECTORIES ${REEVE_DUCKDB})
