// SPDX-License-Identifier: Apache-2.0
// h2o_api.h — libh2o as this program may use it: the one place that includes its header.
//
// Why so:  Debian's libh2o-evloop (2.2.5) is built for its own epoll loop, but its pkg-config file
//          does not say so; without the macro the header asks for libuv and lays out structures
//          that the library does not have. The header is C with conversions that -Wconversion
//          dislikes, and is not ours to change. Traps:   a request's body is in memory before the
//          handler runs. An HTTP/1 connection is not read while its request is being answered, so a
//          client that left is not noticed. A body over max_request_entity_size is answered by
//          closing under the client's feet. An HTTP/2 request may be freed at any time before its
//          response starts (RST_STREAM): keep a shared object in its pool to hear of that.
#pragma once

#define H2O_USE_LIBUV 0
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wconversion"
#pragma GCC diagnostic ignored "-Wcast-qual"
#pragma GCC diagnostic ignored "-Wshadow"
#pragma GCC diagnostic ignored "-Wpedantic"
#include <h2o.h>
#include <h2o/http1.h>
#include <h2o/http2.h>
#include <h2o/version.h>
#pragma GCC diagnostic pop
