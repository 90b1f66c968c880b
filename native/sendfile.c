// sendfile(2) for sockets that belong to Node. A sender has a dup(2) of the socket's descriptor, since the stream itself
// watches the original one; it is closed once: by close(), or when the last job in the thread pool has ended.
#define _GNU_SOURCE
#define NAPI_VERSION 9
#include <errno.h>
#include <fcntl.h>
#include <linux/sockios.h>
#include <node_api.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <unistd.h>
#include <uv.h>

#define MAX_PIECE (4 * 1024 * 1024)

typedef struct {
  uv_poll_t poll; // first: libuv hands its address back
  napi_env env;
  int fd;
  int holders; // the JavaScript value and the handle of libuv
  bool working;
  bool closed;
  napi_ref on_writable;
} Sender;

typedef struct {
  uv_work_t request; // first
  Sender *sender;
  int file;
  off_t offset;
  size_t length;
  int64_t result;
  napi_ref self; // keeps the sender's JavaScript value
  napi_ref callback;
} Job;

static napi_value throw_errno(napi_env env, const char *what, int code) {
  napi_throw_error(env, uv_err_name(-code), what);
  return NULL;
}

static napi_value to_number(napi_env env, int64_t value) {
  napi_value number = NULL;
  napi_create_int64(env, value, &number);
  return number;
}

static void release(Sender *sender) {
  if (--sender->holders == 0) free(sender);
}

static void on_closed(uv_handle_t *handle) { release((Sender *)handle); }

static void forget_writable(Sender *sender) {
  if (sender->on_writable) napi_delete_reference(sender->env, sender->on_writable);
  sender->on_writable = NULL;
}

static void close_descriptor(Sender *sender) {
  uv_close((uv_handle_t *)&sender->poll, on_closed); // leaves epoll before the number can be another file's
  close(sender->fd);
}

static void close_sender(Sender *sender) {
  if (sender->closed) return;
  sender->closed = true;
  uv_poll_stop(&sender->poll);
  forget_writable(sender);
  if (!sender->working) close_descriptor(sender);
}

static void finalize(napi_env env, void *data, void *hint) {
  (void)env;
  (void)hint;
  Sender *sender = data;
  close_sender(sender);
  release(sender);
}

/** Calls a function of JavaScript from the event loop, and takes the reference to it back. */
static void call(napi_env env, napi_ref reference, int64_t argument) {
  napi_handle_scope scope;
  if (napi_open_handle_scope(env, &scope) != napi_ok) return;
  napi_value function, receiver, result, argv[1] = {to_number(env, argument)};
  napi_get_reference_value(env, reference, &function);
  napi_delete_reference(env, reference);
  napi_get_global(env, &receiver);
  if (napi_make_callback(env, NULL, receiver, function, 1, argv, &result) == napi_pending_exception) {
    napi_value error;
    napi_get_and_clear_last_exception(env, &error);
    napi_fatal_exception(env, error);
  }
  napi_close_handle_scope(env, scope);
}

/** Up to `count` arguments; false, with an exception, where there are fewer. */
static bool arguments(napi_env env, napi_callback_info info, size_t count, napi_value *argv) {
  size_t given = count;
  if (napi_get_cb_info(env, info, &given, argv, NULL, NULL) == napi_ok && given == count) return true;
  napi_throw_type_error(env, NULL, "too few arguments");
  return false;
}

/** A number from 0 to `max`; false, with an exception, for anything else. */
static bool number_in(napi_env env, napi_value value, int64_t max, int64_t *out) {
  if (napi_get_value_int64(env, value, out) == napi_ok && *out >= 0 && *out <= max) return true;
  napi_throw_range_error(env, NULL, "not a number in range");
  return false;
}

/** The sender of an external, not closed and not in the thread pool; NULL, with an exception, for anything else. */
static Sender *idle_sender(napi_env env, napi_value value) {
  Sender *sender = NULL;
  if (napi_get_value_external(env, value, (void **)&sender) == napi_ok && !sender->closed && !sender->working)
    return sender;
  napi_throw_error(env, NULL, "the sender is closed or busy");
  return NULL;
}

/** open(socket: fd): sender. Throws EMFILE and the like. */
static napi_value open_sender(napi_env env, napi_callback_info info) {
  napi_value argv[1], external;
  int64_t socket;
  uv_loop_t *loop;
  if (!arguments(env, info, 1, argv) || !number_in(env, argv[0], INT32_MAX, &socket)) return NULL;
  if (napi_get_uv_event_loop(env, &loop) != napi_ok) return throw_errno(env, "no event loop", ENOSYS);
  Sender *sender = calloc(1, sizeof *sender);
  if (!sender) return throw_errno(env, "no memory for a sender", ENOMEM);
  sender->env = env;
  sender->fd = fcntl((int)socket, F_DUPFD_CLOEXEC, 0);
  int failed = sender->fd < 0 ? errno : -uv_poll_init(loop, &sender->poll, sender->fd);
  if (failed) {
    if (sender->fd >= 0) close(sender->fd);
    free(sender);
    return throw_errno(env, "the socket cannot be watched", failed);
  }
  sender->holders = 2;
  if (napi_create_external(env, sender, finalize, NULL, &external) != napi_ok) {
    sender->holders = 1;
    close_sender(sender);
    return throw_errno(env, "no memory for a sender", ENOMEM);
  }
  return external;
}

/** At most MAX_PIECE bytes; as a result, bytes, 0 at the end of the file, or a negative errno. */
static int64_t send_piece(int socket, int file, off_t offset, size_t length) {
  ssize_t sent;
  do sent = sendfile(socket, file, &offset, length);
  while (sent < 0 && errno == EINTR);
  return sent < 0 ? -errno : sent;
}

/**
 * Whether all pages are in memory and up to date. mincore(2) tells of pages that are only being read that they are not
 * there, which cachestat(2) does not. To others than the owner it says that all is there: taken for no.
 */
static bool is_resident(int file, off_t offset, size_t length) {
  static long page = 0;
  if (page == 0) page = sysconf(_SC_PAGESIZE);
  struct stat stats;
  if (fstat(file, &stats) != 0 || (geteuid() != 0 && geteuid() != stats.st_uid)) return false;
  if (offset >= stats.st_size) return true; // nothing to wait for
  if (offset + (off_t)length > stats.st_size) length = (size_t)(stats.st_size - offset);
  off_t start = offset - offset % page;
  size_t span = (size_t)(offset - start) + length;
  size_t pages = (span + (size_t)page - 1) / (size_t)page;
  unsigned char there[MAX_PIECE / 4096 + 1];
  if (pages > sizeof there) return false;
  void *map = mmap(NULL, span, PROT_READ, MAP_SHARED, file, start);
  if (map == MAP_FAILED) return false;
  bool all = mincore(map, span, there) == 0;
  munmap(map, span);
  for (size_t i = 0; all && i < pages; i++) all = there[i] & 1;
  return all;
}

/** send(sender, file: fd, offset, length): bytes, 0 at the end of the file, -errno, or undefined where it may wait for a disk. */
static napi_value send_resident(napi_env env, napi_callback_info info) {
  napi_value argv[4];
  int64_t file, offset, length;
  if (!arguments(env, info, 4, argv)) return NULL;
  Sender *sender = idle_sender(env, argv[0]);
  if (!sender || !number_in(env, argv[1], INT32_MAX, &file) || !number_in(env, argv[2], INT64_MAX, &offset) ||
      !number_in(env, argv[3], MAX_PIECE, &length))
    return NULL;
  if (!is_resident((int)file, offset, (size_t)length)) return NULL;
  return to_number(env, send_piece(sender->fd, (int)file, offset, (size_t)length));
}

static void work(uv_work_t *request) {
  Job *job = (Job *)request;
  job->result = send_piece(job->sender->fd, job->file, job->offset, job->length);
}

static void after_work(uv_work_t *request, int status) {
  Job *job = (Job *)request;
  Sender *sender = job->sender;
  napi_env env = sender->env;
  napi_ref callback = job->callback, self = job->self;
  int64_t result = status == 0 ? job->result : status;
  free(job);
  sender->working = false;
  if (sender->closed) close_descriptor(sender);
  napi_delete_reference(env, self);
  call(env, callback, result);
}

/** sendInPool(sender, file: fd, offset, length, callback): calls back with what send() gives; the file stays open till then. */
static napi_value send_in_pool(napi_env env, napi_callback_info info) {
  napi_value argv[5];
  int64_t file, offset, length;
  uv_loop_t *loop;
  if (!arguments(env, info, 5, argv)) return NULL;
  Sender *sender = idle_sender(env, argv[0]);
  if (!sender || !number_in(env, argv[1], INT32_MAX, &file) || !number_in(env, argv[2], INT64_MAX, &offset) ||
      !number_in(env, argv[3], MAX_PIECE, &length))
    return NULL;
  Job *job = calloc(1, sizeof *job);
  if (!job) return throw_errno(env, "no memory for a job", ENOMEM);
  job->sender = sender;
  job->file = (int)file;
  job->offset = offset;
  job->length = (size_t)length;
  napi_get_uv_event_loop(env, &loop);
  napi_create_reference(env, argv[0], 1, &job->self);
  napi_create_reference(env, argv[4], 1, &job->callback);
  uv_queue_work(loop, &job->request, work, after_work);
  sender->working = true;
  return NULL;
}

static void on_poll(uv_poll_t *poll, int status, int events) {
  (void)events;
  Sender *sender = (Sender *)poll;
  uv_poll_stop(poll);
  napi_ref callback = sender->on_writable;
  sender->on_writable = NULL;
  if (callback) call(sender->env, callback, status);
}

/** onWritable(sender, callback): calls back once, when the socket takes bytes again or is broken; never after close(). */
static napi_value on_writable(napi_env env, napi_callback_info info) {
  napi_value argv[2];
  if (!arguments(env, info, 2, argv)) return NULL;
  Sender *sender = idle_sender(env, argv[0]);
  if (!sender) return NULL;
  forget_writable(sender);
  napi_create_reference(env, argv[1], 1, &sender->on_writable);
  int failed = uv_poll_start(&sender->poll, UV_WRITABLE, on_poll);
  if (failed) {
    forget_writable(sender);
    return throw_errno(env, "the socket cannot be watched", -failed);
  }
  return NULL;
}

/** queued(sender): bytes that the kernel holds and the client has not acknowledged. */
static napi_value queued(napi_env env, napi_callback_info info) {
  napi_value argv[1];
  Sender *sender = NULL;
  int bytes = 0;
  if (!arguments(env, info, 1, argv)) return NULL;
  if (napi_get_value_external(env, argv[0], (void **)&sender) != napi_ok || sender->closed) return to_number(env, 0);
  if (ioctl(sender->fd, SIOCOUTQ, &bytes) != 0) bytes = 0;
  return to_number(env, bytes);
}

/** close(sender): once or more often. */
static napi_value close_from_js(napi_env env, napi_callback_info info) {
  napi_value argv[1];
  Sender *sender = NULL;
  if (arguments(env, info, 1, argv) && napi_get_value_external(env, argv[0], (void **)&sender) == napi_ok)
    close_sender(sender);
  return NULL;
}

NAPI_MODULE_INIT() {
  const napi_property_descriptor functions[] = {
      {"open", NULL, open_sender, NULL, NULL, NULL, napi_enumerable, NULL},
      {"send", NULL, send_resident, NULL, NULL, NULL, napi_enumerable, NULL},
      {"sendInPool", NULL, send_in_pool, NULL, NULL, NULL, napi_enumerable, NULL},
      {"onWritable", NULL, on_writable, NULL, NULL, NULL, napi_enumerable, NULL},
      {"queued", NULL, queued, NULL, NULL, NULL, napi_enumerable, NULL},
      {"close", NULL, close_from_js, NULL, NULL, NULL, napi_enumerable, NULL},
  };
  napi_define_properties(env, exports, sizeof functions / sizeof *functions, functions);
  return exports;
}
