// What is in memory is sent on the event loop, so much a turn for all together; what is not, piece by piece in the thread
// pool, so that a cold disk stops nobody. A full socket is waited for with epoll, which goes on watching it meanwhile.
#define _GNU_SOURCE
#include "sender.h"
#include "residency.h"
#include <errno.h>
#include <fcntl.h>
#include <linux/sockios.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <unistd.h>

/** Bytes that all senders together send between two looks of the event loop at everything else. */
#define TURN_BYTES (1024 * 1024)
/** What is read at a time in the thread pool. */
#define PIECE (256 * 1024)
/** The most that the kernel hands on as one packet. Where a pace is estimated (BBR), more in one call waits for timers. */
#define PACKET_BYTES (64 * 1024)
/** Packets in one call for a sender that is alone. */
#define PACKETS_ALONE 3
/** A call counts for so many bytes at least. */
#define CALL_BYTES (16 * 1024)
/** How long it is believed of pages that they are in memory. */
#define BELIEVED_MS 100

struct Turns {
  uv_check_t check; // after each look of the event loop
  uv_idle_t idle;   // while somebody waits for a turn: the event loop does not sleep
  int handles;
  int64_t left;
  Sender *first;
  Sender *last;
};

struct Sender {
  uv_poll_t poll;
  uv_work_t job;
  Turns *turns;
  Sender *before; // in the queue of those that wait for a turn
  Sender *after;
  int socket;
  int holders; // the owner, and libuv
  bool is_queued;
  bool is_watching;
  bool is_in_pool;
  bool is_closed;
  int64_t passed;
  void (*done)(void *owner, int status); // NULL: no transfer
  void *owner;
  int file;
  off_t offset;
  off_t end;
  off_t resident; // up to here, as it was seen ...
  uint64_t seen;  // ... at this time of the event loop
  int64_t result; // of the job
};

/** Bytes, 0 at the end of the file, or a negative errno. */
static int64_t send_piece(int socket, int file, off_t offset, size_t length) {
  ssize_t sent;
  do sent = sendfile(socket, file, &offset, length);
  while (sent < 0 && errno == EINTR);
  return sent < 0 ? -errno : sent;
}

static size_t smaller(int64_t one, int64_t other) { return (size_t)(one < other ? one : other); }

static void use_turn(Turns *turns, int64_t sent) { turns->left -= sent > CALL_BYTES ? sent : CALL_BYTES; }

static void stay_awake(uv_idle_t *idle) { (void)idle; }

static void enqueue(Sender *sender) {
  Turns *turns = sender->turns;
  if (sender->is_queued) return;
  uv_idle_start(&turns->idle, stay_awake);
  sender->is_queued = true;
  sender->before = turns->last;
  sender->after = NULL;
  *(turns->last ? &turns->last->after : &turns->first) = sender;
  turns->last = sender;
}

static void dequeue(Sender *sender) {
  Turns *turns = sender->turns;
  if (!sender->is_queued) return;
  sender->is_queued = false;
  *(sender->before ? &sender->before->after : &turns->first) = sender->after;
  *(sender->after ? &sender->after->before : &turns->last) = sender->before;
}

static void stop_watching(Sender *sender) {
  if (sender->is_watching) uv_poll_stop(&sender->poll);
  sender->is_watching = false;
}

static void finish(Sender *sender, int status) {
  void (*done)(void *, int) = sender->done;
  dequeue(sender);
  stop_watching(sender);
  sender->done = NULL;
  if (done) done(sender->owner, status); // may close or start it
}

static void on_poll(uv_poll_t *poll, int status, int events) {
  (void)status; // a broken socket says so when it is sent to
  (void)events;
  enqueue(poll->data);
}

static void watch(Sender *sender) {
  if (sender->is_watching) return;
  const int failed = uv_poll_start(&sender->poll, UV_WRITABLE, on_poll);
  if (failed) return finish(sender, failed);
  sender->is_watching = true;
}

/** What comes after `length` bytes were asked of the kernel. */
static void advance(Sender *sender, int64_t result, size_t length) {
  if (result == -EAGAIN) return watch(sender);
  if (result <= 0) return finish(sender, result == 0 ? FILE_ENDED : (int)result);
  sender->offset += result;
  sender->passed += result;
  if (sender->offset == sender->end) return finish(sender, SENT_ALL);
  if ((size_t)result < length) return watch(sender);
  enqueue(sender);
}

static void work(uv_work_t *job) {
  Sender *sender = job->data;
  sender->result =
      send_piece(sender->socket, sender->file, sender->offset, smaller(PIECE, sender->end - sender->offset));
}

static void close_descriptor(Sender *sender);

static void after_work(uv_work_t *job, int status) {
  Sender *sender = job->data;
  sender->is_in_pool = false;
  if (sender->is_closed) return close_descriptor(sender);
  advance(sender, status == 0 ? sender->result : status, smaller(PIECE, sender->end - sender->offset));
}

static void send_in_pool(Sender *sender) {
  stop_watching(sender);
  const int failed = uv_queue_work(sender->poll.loop, &sender->job, work, after_work);
  if (failed) return finish(sender, failed);
  sender->is_in_pool = true;
}

/** Bytes that follow in memory; they are looked at again when they run out, or were seen long ago. */
static int64_t resident_ahead(Sender *sender, int64_t needed) {
  const uint64_t now = uv_now(sender->poll.loop);
  if (sender->resident - sender->offset < needed || now - sender->seen > BELIEVED_MS) {
    const size_t looked_at = smaller(MOST_LOOKED_AT, sender->end - sender->offset);
    sender->resident = sender->offset + (off_t)resident_bytes(sender->file, sender->offset, looked_at);
    sender->seen = now;
  }
  return sender->resident - sender->offset;
}

/** A packet of whole segments, with no short one at its end that goes alone; their size changes as a connection gets going. */
static int64_t packet_of(int socket) {
  int segment = 0;
  socklen_t size = sizeof segment;
  const bool is_known = getsockopt(socket, IPPROTO_TCP, TCP_MAXSEG, &segment, &size) == 0;
  return is_known && segment > 0 && segment < PACKET_BYTES ? PACKET_BYTES - PACKET_BYTES % segment : PACKET_BYTES;
}

static void take_turn(Sender *sender) {
  const int64_t rest = sender->end - sender->offset;
  const int64_t needed = smaller(PIECE, rest);
  const int64_t resident = resident_ahead(sender, needed);
  if (resident < needed) return send_in_pool(sender);
  const int64_t share = packet_of(sender->socket) * (sender->turns->first ? 1 : PACKETS_ALONE);
  const size_t length = smaller(share, smaller(resident, rest));
  const int64_t result = send_piece(sender->socket, sender->file, sender->offset, length);
  use_turn(sender->turns, result);
  advance(sender, result, length);
}

static void on_turn(uv_check_t *check) {
  Turns *turns = check->data;
  for (turns->left = TURN_BYTES; turns->left > 0 && turns->first;) {
    Sender *sender = turns->first;
    dequeue(sender);
    take_turn(sender);
  }
  if (!turns->first) uv_idle_stop(&turns->idle);
}

static void on_turns_closed(uv_handle_t *handle) {
  Turns *turns = handle->data;
  if (--turns->handles == 0) free(turns);
}

Turns *turns_new(uv_loop_t *loop) {
  Turns *turns = calloc(1, sizeof *turns);
  if (!turns) return NULL;
  turns->handles = 2;
  turns->left = TURN_BYTES;
  uv_check_init(loop, &turns->check);
  uv_idle_init(loop, &turns->idle);
  turns->check.data = turns->idle.data = turns;
  uv_check_start(&turns->check, on_turn);
  uv_unref((uv_handle_t *)&turns->check);
  return turns;
}

void turns_free(Turns *turns) {
  uv_close((uv_handle_t *)&turns->check, on_turns_closed);
  uv_close((uv_handle_t *)&turns->idle, on_turns_closed);
}

static void let_go(Sender *sender) {
  if (--sender->holders == 0) free(sender);
}

static void on_closed(uv_handle_t *handle) {
  Sender *sender = handle->data;
  finish(sender, -ECANCELED);
  let_go(sender);
}

/** Leaves epoll before the number can be another file's. */
static void close_descriptor(Sender *sender) {
  uv_close((uv_handle_t *)&sender->poll, on_closed);
  close(sender->socket);
}

Sender *sender_new(Turns *turns, int socket, int *failed) {
  Sender *sender = calloc(1, sizeof *sender);
  *failed = ENOMEM;
  if (!sender) return NULL;
  sender->turns = turns;
  sender->socket = fcntl(socket, F_DUPFD_CLOEXEC, 0);
  *failed = sender->socket < 0 ? errno : -uv_poll_init(turns->check.loop, &sender->poll, sender->socket);
  if (*failed) {
    if (sender->socket >= 0) close(sender->socket);
    free(sender);
    return NULL;
  }
  sender->holders = 2;
  sender->poll.data = sender->job.data = sender;
  return sender;
}

void sender_close(Sender *sender) {
  if (sender->is_closed) return;
  sender->is_closed = true;
  dequeue(sender);
  stop_watching(sender);
  if (!sender->is_in_pool) close_descriptor(sender);
}

void sender_release(Sender *sender) {
  sender->done = NULL;
  sender_close(sender);
  let_go(sender);
}

bool sender_is_idle(const Sender *sender) { return !sender->is_closed && !sender->done; }

int64_t sender_passed(const Sender *sender) { return sender->passed; }

int sender_queued(const Sender *sender) {
  int bytes = 0;
  return !sender->is_closed && ioctl(sender->socket, SIOCOUTQ, &bytes) == 0 ? bytes : 0;
}

void sender_start(Sender *sender, int file, off_t offset, off_t length, void (*done)(void *owner, int status),
                  void *owner) {
  sender->done = done;
  sender->owner = owner;
  sender->file = file;
  sender->offset = offset;
  sender->end = offset + length;
  sender->resident = 0;
  enqueue(sender);
}

int64_t send_at_once(Turns *turns, int socket, int file, off_t offset, size_t length) {
  if (resident_bytes(file, offset, length) < length) return 0;
  const int64_t sent = send_piece(socket, file, offset, length);
  use_turn(turns, sent);
  return sent == -EAGAIN ? 0 : sent;
}
