#include "plugin.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Its address is the first word of every error of ours, and of no other object. */
static const char mark = 0;

typedef struct {
  const char *mark;
  int code;
  size_t size;
  char message[];
} OwnError;

static OwnError *own(PjrtError *error) {
  OwnError *candidate = (OwnError *)(void *)error;
  return candidate != NULL && candidate->mark == &mark ? candidate : NULL;
}

PjrtError *make_callback_error(int code, const char *message, size_t size) {
  OwnError *error = allocate(1, sizeof *error + size + 1);
  error->mark = &mark;
  error->code = code;
  error->size = size;
  memcpy(error->message, message, size);
  return (PjrtError *)(void *)error;
}

PjrtError *make_error(int code, const char *format, ...) {
  char message[1024];
  va_list values;
  va_start(values, format);
  vsnprintf(message, sizeof message, format, values);
  va_end(values);
  return make_callback_error(code, message, strlen(message));
}

PjrtError *error_destroy(void *arguments) {
  OwnError *error = own(((ErrorArgs *)arguments)->error);
  if (error == NULL) return call_real(ERROR_DESTROY, arguments);
  free(error);
  return NULL;
}

PjrtError *error_message(void *arguments) {
  MessageArgs *args = arguments;
  OwnError *error = own(args->error);
  if (error == NULL) return call_real(ERROR_MESSAGE, arguments);
  args->message = error->message;
  args->message_size = error->size;
  return NULL;
}

PjrtError *error_get_code(void *arguments) {
  ErrorCodeArgs *args = arguments;
  OwnError *error = own(args->error);
  if (error == NULL) return call_real(ERROR_GET_CODE, arguments);
  args->code = error->code;
  return NULL;
}

void drop_error(PjrtError *error) {
  ErrorArgs args = {.size = sizeof args, .error = error};
  if (error != NULL) error_destroy(&args);
}
