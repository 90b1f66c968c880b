// Files sent on sockets with sendfile(2), many at a time on one event loop. Nothing of JavaScript is known here.
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include <uv.h>

typedef struct Turns Turns;
typedef struct Sender Sender;

/** All has been sent, or the file has ended before; a negative number is an errno. */
enum { SENT_ALL = 0, FILE_ENDED = 1 };

/** What those who send on one event loop share. */
Turns *turns_new(uv_loop_t *loop);
void turns_free(Turns *turns);

/** On a dup(2) of `socket`, since the stream of Node watches the original. NULL, with an errno in `failed`. */
Sender *sender_new(Turns *turns, int socket, int *failed);

/** A transfer under way ends with -ECANCELED: after the job in the thread pool, where there is one. Twice does no harm. */
void sender_close(Sender *sender);

/** After it nothing is called back; the sender lives until libuv has let go of it. */
void sender_release(Sender *sender);

bool sender_is_idle(const Sender *sender);

/** Bytes that the kernel has taken so far. */
int64_t sender_passed(const Sender *sender);

/** Of those, the ones that the client has not acknowledged. */
int sender_queued(const Sender *sender);

/** Sends `length` bytes of a file, which has to stay open, and calls `done` once, later, from the event loop. */
void sender_start(Sender *sender, int file, off_t offset, off_t length, void (*done)(void *owner, int status),
                  void *owner);

/** Sends what the socket takes at once of bytes that are in memory: how many, 0 where none can be, or a negative errno. */
int64_t send_at_once(Turns *turns, int socket, int file, off_t offset, size_t length);
