// What platform/native-sendfile.ts calls. Everything belongs to one environment of Node and its event loop.
#define NAPI_VERSION 9
#include "residency.h"
#include "sender.h"
#include <errno.h>
#include <node_api.h>
#include <stdlib.h>

/** What JavaScript has in its hands of a sender. */
typedef struct {
  napi_env env;
  Sender *sender;
  napi_ref self;     // while a transfer is under way
  napi_ref callback; // of the transfer
} Held;

static napi_value to_number(napi_env env, int64_t value) {
  napi_value number = NULL;
  napi_create_int64(env, value, &number);
  return number;
}

static napi_value throw_errno(napi_env env, const char *what, int code) {
  napi_throw_error(env, uv_err_name(-code), what);
  return NULL;
}

/** Exactly `count` arguments or more; false, with an exception, where there are fewer. */
static bool arguments(napi_env env, napi_callback_info info, size_t count, napi_value *argv) {
  size_t given = count;
  if (napi_get_cb_info(env, info, &given, argv, NULL, NULL) == napi_ok && given >= count) return true;
  napi_throw_type_error(env, NULL, "too few arguments");
  return false;
}

/** A number from 0 to `max`; false, with an exception, for anything else. */
static bool number_in(napi_env env, napi_value value, int64_t max, int64_t *out) {
  if (napi_get_value_int64(env, value, out) == napi_ok && *out >= 0 && *out <= max) return true;
  napi_throw_range_error(env, NULL, "not a number in range");
  return false;
}

/** A file, an offset and a length, as the three arguments stand; the sum of the latter two is a number, too. */
static bool slice_of(napi_env env, const napi_value *argv, int64_t most, int64_t *file, int64_t *offset,
                     int64_t *length) {
  return number_in(env, argv[0], INT32_MAX, file) && number_in(env, argv[1], INT64_MAX / 2, offset) &&
         number_in(env, argv[2], most, length);
}

static Held *held(napi_env env, napi_value value) {
  Held *found = NULL;
  if (napi_get_value_external(env, value, (void **)&found) == napi_ok) return found;
  napi_throw_type_error(env, NULL, "not a sender");
  return NULL;
}

static Turns *turns_of(napi_env env) {
  void *turns = NULL;
  napi_get_instance_data(env, &turns);
  return turns;
}

static void finalize(napi_env env, void *data, void *hint) {
  (void)hint;
  Held *found = data;
  if (found->self) napi_delete_reference(env, found->self);
  if (found->callback) napi_delete_reference(env, found->callback);
  sender_release(found->sender);
  free(found);
}

/** open(socket: fd): sender. Throws EMFILE and the like. */
static napi_value open_sender(napi_env env, napi_callback_info info) {
  napi_value argv[1], external;
  int64_t socket;
  int failed;
  if (!arguments(env, info, 1, argv) || !number_in(env, argv[0], INT32_MAX, &socket)) return NULL;
  Held *made = calloc(1, sizeof *made);
  if (!made) return throw_errno(env, "no memory for a sender", ENOMEM);
  made->env = env;
  made->sender = sender_new(turns_of(env), (int)socket, &failed);
  if (!made->sender) {
    free(made);
    return throw_errno(env, "the socket cannot be watched", failed);
  }
  if (napi_create_external(env, made, finalize, NULL, &external) == napi_ok) return external;
  sender_release(made->sender);
  free(made);
  return throw_errno(env, "no memory for a sender", ENOMEM);
}

/** The end of a transfer, from the event loop. */
static void on_done(void *owner, int status) {
  Held *found = owner;
  napi_env env = found->env;
  napi_ref self = found->self, callback = found->callback;
  found->self = found->callback = NULL;
  napi_handle_scope scope;
  if (napi_open_handle_scope(env, &scope) != napi_ok) return;
  napi_value function, receiver, result, argv[1] = {to_number(env, status)};
  napi_get_reference_value(env, callback, &function);
  napi_delete_reference(env, callback);
  napi_delete_reference(env, self);
  napi_get_global(env, &receiver);
  if (napi_make_callback(env, NULL, receiver, function, 1, argv, &result) == napi_pending_exception) {
    napi_value error;
    napi_get_and_clear_last_exception(env, &error);
    napi_fatal_exception(env, error);
  }
  napi_close_handle_scope(env, scope);
}

/** start(sender, file: fd, offset, length, callback): calls back once, with 0, 1 at the end of the file, or -errno. */
static napi_value start(napi_env env, napi_callback_info info) {
  napi_value argv[5];
  int64_t file, offset, length;
  if (!arguments(env, info, 5, argv)) return NULL;
  Held *found = held(env, argv[0]);
  if (!found || !slice_of(env, argv + 1, INT64_MAX / 2, &file, &offset, &length)) return NULL;
  if (length == 0 || !sender_is_idle(found->sender)) {
    napi_throw_error(env, NULL, length == 0 ? "nothing to send" : "the sender is closed or busy");
    return NULL;
  }
  if (napi_create_reference(env, argv[4], 1, &found->callback) != napi_ok ||
      napi_create_reference(env, argv[0], 1, &found->self) != napi_ok)
    return throw_errno(env, "no memory for a transfer", ENOMEM);
  sender_start(found->sender, (int)file, offset, length, on_done, found);
  return NULL;
}

/** sendAtOnce(socket: fd, file: fd, offset, length): bytes, 0 where it would have to wait, or -errno. */
static napi_value at_once(napi_env env, napi_callback_info info) {
  napi_value argv[4];
  int64_t socket, file, offset, length;
  if (!arguments(env, info, 4, argv) || !number_in(env, argv[0], INT32_MAX, &socket) ||
      !slice_of(env, argv + 1, (int64_t)MOST_LOOKED_AT, &file, &offset, &length))
    return NULL;
  return to_number(env, send_at_once(turns_of(env), (int)socket, (int)file, offset, (size_t)length));
}

/** readAtOnce(file: fd, offset, length, buffer): bytes of the file that are in memory, or -errno. */
static napi_value read_at_once(napi_env env, napi_callback_info info) {
  napi_value argv[4];
  int64_t file, offset, length;
  void *buffer;
  size_t room;
  if (!arguments(env, info, 4, argv)) return NULL;
  if (napi_get_buffer_info(env, argv[3], &buffer, &room) != napi_ok) {
    napi_throw_type_error(env, NULL, "not a buffer");
    return NULL;
  }
  if (!slice_of(env, argv, (int64_t)room, &file, &offset, &length)) return NULL;
  return to_number(env, read_resident((int)file, offset, buffer, (size_t)length));
}

static Held *only_sender(napi_env env, napi_callback_info info) {
  napi_value argv[1];
  return arguments(env, info, 1, argv) ? held(env, argv[0]) : NULL;
}

/** passed(sender): bytes that the kernel has taken so far. */
static napi_value passed(napi_env env, napi_callback_info info) {
  Held *found = only_sender(env, info);
  return found ? to_number(env, sender_passed(found->sender)) : NULL;
}

/** queued(sender): of those, the ones that the client has not acknowledged. */
static napi_value queued(napi_env env, napi_callback_info info) {
  Held *found = only_sender(env, info);
  return found ? to_number(env, sender_queued(found->sender)) : NULL;
}

/** close(sender): once or more often. */
static napi_value close_from_js(napi_env env, napi_callback_info info) {
  Held *found = only_sender(env, info);
  if (found) sender_close(found->sender);
  return NULL;
}

static void free_instance(napi_env env, void *data, void *hint) {
  (void)env;
  (void)hint;
  turns_free(data);
}

NAPI_MODULE_INIT() {
  uv_loop_t *loop;
  if (napi_get_uv_event_loop(env, &loop) != napi_ok) return throw_errno(env, "no event loop", ENOSYS);
  Turns *turns = turns_new(loop);
  if (!turns) return throw_errno(env, "no memory", ENOMEM);
  if (napi_set_instance_data(env, turns, free_instance, NULL) != napi_ok) {
    turns_free(turns);
    return throw_errno(env, "no memory", ENOMEM);
  }
  const napi_property_descriptor functions[] = {
      {"open", NULL, open_sender, NULL, NULL, NULL, napi_enumerable, NULL},
      {"start", NULL, start, NULL, NULL, NULL, napi_enumerable, NULL},
      {"sendAtOnce", NULL, at_once, NULL, NULL, NULL, napi_enumerable, NULL},
      {"readAtOnce", NULL, read_at_once, NULL, NULL, NULL, napi_enumerable, NULL},
      {"passed", NULL, passed, NULL, NULL, NULL, napi_enumerable, NULL},
      {"queued", NULL, queued, NULL, NULL, NULL, napi_enumerable, NULL},
      {"close", NULL, close_from_js, NULL, NULL, NULL, napi_enumerable, NULL},
  };
  napi_define_properties(env, exports, sizeof functions / sizeof *functions, functions);
  return exports;
}
