# reeve_static_program(NAME sources…): a static program without glibc and without a C++ run-time
# library. glibc's start-up costs half a millisecond on virtual machines (cpuid traps), and each
# attempt starts one keeper. Headers of libstdc++ are used, code of it is not.
set(REEVE_MUSL_TARGET ${CMAKE_SYSTEM_PROCESSOR}-linux-musl)
set(REEVE_MUSL_LIB /usr/lib/${REEVE_MUSL_TARGET})
set(REEVE_MUSL_INCLUDE /usr/include/${REEVE_MUSL_TARGET})
if(NOT EXISTS ${REEVE_MUSL_LIB}/libc.a)
  message(FATAL_ERROR "No ${REEVE_MUSL_LIB}/libc.a: install the package musl-dev")
endif()
file(GLOB REEVE_LIBSTDCXX LIST_DIRECTORIES true /usr/include/c++/*)
list(SORT REEVE_LIBSTDCXX COMPARE NATURAL ORDER DESCENDING)
list(GET REEVE_LIBSTDCXX 0 REEVE_LIBSTDCXX)
get_filename_component(REEVE_LIBSTDCXX_VERSION ${REEVE_LIBSTDCXX} NAME)
execute_process(COMMAND ${CMAKE_CXX_COMPILER} -print-libgcc-file-name --rtlib=libgcc
                OUTPUT_VARIABLE REEVE_LIBGCC OUTPUT_STRIP_TRAILING_WHITESPACE)

set(REEVE_STATIC_FLAGS
  --target=${REEVE_MUSL_TARGET} -std=c++23 -O2 -g -fno-exceptions -fno-rtti -fno-asynchronous-unwind-tables
  -fno-threadsafe-statics -ffunction-sections -fdata-sections -fstack-protector-strong
  -Wall -Wextra -Wpedantic -Wconversion -Wshadow -Werror
  -nostdlibinc
  -isystem ${REEVE_LIBSTDCXX}
  -isystem /usr/include/${CMAKE_SYSTEM_PROCESSOR}-linux-gnu/c++/${REEVE_LIBSTDCXX_VERSION}
  -isystem ${REEVE_MUSL_INCLUDE}
  # For <linux/…> only: musl's own headers come first.
  -idirafter /usr/include -idirafter /usr/include/${CMAKE_SYSTEM_PROCESSOR}-linux-gnu
  # libstdc++'s headers ask glibc's version; under musl there is none.
  "-D__GLIBC_PREREQ(a,b)=0" -D_GNU_SOURCE
  -I${CMAKE_SOURCE_DIR}/src)

function(reeve_static_program name)
  set(objects)
  foreach(source ${ARGN})
    set(object ${CMAKE_CURRENT_BINARY_DIR}/${name}.dir/${source}.o)
    get_filename_component(folder ${object} DIRECTORY)
    file(MAKE_DIRECTORY ${folder})
    add_custom_command(OUTPUT ${object}
      COMMAND ${CMAKE_CXX_COMPILER_LAUNCHER} ${CMAKE_CXX_COMPILER} ${REEVE_STATIC_FLAGS}
              -MD -MF ${object}.d -c ${CMAKE_CURRENT_SOURCE_DIR}/${source} -o ${object}
      DEPENDS ${source} DEPFILE ${object}.d COMMENT "Building ${source} for ${name}" VERBATIM)
    list(APPEND objects ${object})
  endforeach()
  add_custom_command(OUTPUT ${CMAKE_BINARY_DIR}/bin/${name}
    COMMAND ${CMAKE_CXX_COMPILER} --target=${REEVE_MUSL_TARGET} -fuse-ld=lld -static -nostdlib
            -Wl,--gc-sections -Wl,-z,noexecstack -Wl,-z,relro
            ${REEVE_MUSL_LIB}/crt1.o ${REEVE_MUSL_LIB}/crti.o ${objects} ${REEVE_MUSL_LIB}/libc.a
            ${REEVE_LIBGCC} ${REEVE_MUSL_LIB}/crtn.o -o ${CMAKE_BINARY_DIR}/bin/${name}
    DEPENDS ${objects} COMMENT "Linking ${name}" VERBATIM)
  add_custom_target(${name} ALL DEPENDS ${CMAKE_BINARY_DIR}/bin/${name})
endfunction()
