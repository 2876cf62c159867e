#include "plugin.h"

#include <stdlib.h>

static Map tensors = EMPTY_MAP;

Counterparts *counterparts_of(const PjrtBuffer *first) { return map_get(&tensors, first); }

Counterparts *add_counterparts(const PjrtBuffer *first, size_t device_count) {
  Counterparts *counterparts = allocate(1, sizeof *counterparts + device_count * sizeof(PjrtBuffer *));
  counterparts->count = device_count;
  map_put(&tensors, first, counterparts);
  return counterparts;
}

PjrtError *buffer_destroy(void *arguments) {
  Counterparts *counterparts = map_take(&tensors, ((BufferArgs *)arguments)->buffer);
  for (size_t device = 0; counterparts != NULL && device < counterparts->count; device++) {
    BufferArgs args = {.size = sizeof args, .buffer = counterparts->buffers[device]};
    if (args.buffer != NULL) drop_error(call_real(BUFFER_DESTROY, &args));
  }
  free(counterparts);
  return call_real(BUFFER_DESTROY, arguments);
}

/* Returns the shape of a buffer, which lives as long as the buffer. */
static PjrtError *shape_of(PjrtBuffer *buffer, const int64_t **dimensions, size_t *rank) {
  DimensionsArgs args = {.size = sizeof args, .buffer = buffer};
  PjrtError *error = call_real(BUFFER_DIMENSIONS, &args);
  *dimensions = args.dimensions;
  *rank = args.rank;
  return error;
}

/* Copies elements to the host, or only says how many bytes they are where there is no target. */
static PjrtError *copy_to_host(PjrtBuffer *buffer, const Layout *layout, char *target, size_t *size) {
  ToHostArgs args = {.size = sizeof args, .buffer = buffer, .layout = layout, .target = target, .target_size = *size};
  PjrtError *error = call_real(BUFFER_TO_HOST, &args);
  *size = args.target_size;
  return error == NULL ? await_event(args.event) : error;
}

PjrtError *read_buffer(PjrtBuffer *buffer, char **bytes, size_t *size) {
  const int64_t *dimensions;
  size_t rank;
  PjrtError *error = shape_of(buffer, &dimensions, &rank);
  if (error != NULL) return error;
  int64_t *minor_to_major = allocate(rank, sizeof *minor_to_major);
  for (size_t axis = 0; axis < rank; axis++) minor_to_major[axis] = (int64_t)(rank - 1 - axis);
  Layout layout = {
      .size = sizeof layout,
      .tiled = {.size = sizeof layout.tiled, .minor_to_major = minor_to_major, .rank = rank},
  };
  *size = 0;
  error = copy_to_host(buffer, &layout, NULL, size);
  *bytes = allocate(*size, 1);
  if (error == NULL && *size > 0) error = copy_to_host(buffer, &layout, *bytes, size);
  if (error != NULL) free(*bytes);
  free(minor_to_major);
  return error;
}

PjrtError *make_buffer_like(PjrtBuffer *like, const Client *client, size_t device, const void *bytes,
                            PjrtBuffer **made) {
  TypeArgs type = {.size = sizeof type, .buffer = like};
  PjrtError *error = call_real(BUFFER_ELEMENT_TYPE, &type);
  if (error != NULL) return error;
  FromHostArgs args = {
      .size = sizeof args,
      .client = client->real,
      .data = bytes,
      .type = type.type,
      .device = client->devices[device],
  };
  error = shape_of(like, &args.dimensions, &args.rank);
  if (error == NULL) error = call_real(BUFFER_FROM_HOST, &args);
  if (error != NULL) return error;
  *made = args.buffer;
  return await_event(args.done);
}
