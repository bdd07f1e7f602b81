/* Listening stream sockets from an address as people write it. For doors that serve.
   Threads: reentrant. */
#ifndef CN_LISTEN_H
#define CN_LISTEN_H

#include "common/base/err.h"

enum { CN_ADDRESS_BYTES = 128 }; /* of an address, with its NUL */

/* address: "127.0.0.1:PORT", "localhost:PORT", "[::1]:PORT" (port 0: any) or "unix:PATH", whose
   socket file is made with mode 0600, in place of one that nobody listens on any more. Writes the
   address as bound to ret_address. Taken: CN_E_EXISTS. The caller owns *ret_fd (non-blocking). */
enum cn_err cn_listen(const char *address, int *ret_fd, char ret_address[CN_ADDRESS_BYTES],
                      struct cn_error *err) CN_NODISCARD;

#endif
