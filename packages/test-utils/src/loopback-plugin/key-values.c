#include "plugin.h"

#include <stdlib.h>
#include <string.h>

/* A process may be this much later than another, as when one has to compile a program. */
enum { LONGEST_WAIT_MS = 10 * 60 * 1000 };

static MakeError error_maker = make_callback_error;

PjrtError *put_value(const Client *client, const char *key, const void *value, size_t size) {
  PutArgs args = {
      .size = sizeof args,
      .key = key,
      .key_size = strlen(key),
      .value = value,
      .value_size = size,
      .make_error = &error_maker,
      .user_argument = client->put_argument,
  };
  return client->put(&args);
}

PjrtError *get_value(const Client *client, const char *key, char **value, size_t *size) {
  GetArgs args = {
      .size = sizeof args,
      .key = key,
      .key_size = strlen(key),
      .timeout_ms = LONGEST_WAIT_MS,
      .make_error = &error_maker,
      .user_argument = client->get_argument,
  };
  PjrtError *error = client->get(&args);
  if (error != NULL) return error;
  /* A zero behind the value lets it be read as text. */
  *value = allocate(args.value_size + 1, 1);
  *size = args.value_size;
  memcpy(*value, args.value, args.value_size);
  if (args.free_value != NULL) args.free_value(args.value);
  return NULL;
}
