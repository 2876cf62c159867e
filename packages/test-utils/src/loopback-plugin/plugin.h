/* What the files of the plug-in share. */
#ifndef LOOPBACK_PLUGIN_H
#define LOOPBACK_PLUGIN_H

#include "pjrt.h"

#include <pthread.h>

/* loopback-plugin.c: the real plug-in. */

/* Calls a function of the real plug-in. */
PjrtError *call_real(int place, void *arguments);
/* Blocks until an event of the real plug-in is over, and frees it. */
PjrtError *await_event(PjrtEvent *event);

/* memory.c: memory, and objects by the address of an object of the real plug-in. */

/* Returns zeroed memory; the process ends where there is none left. */
void *allocate(size_t count, size_t size);

typedef struct MapEntry MapEntry;
typedef struct {
  pthread_mutex_t lock;
  MapEntry *buckets[1024];
} Map;

#define EMPTY_MAP {.lock = PTHREAD_MUTEX_INITIALIZER}

void map_put(Map *map, const void *key, void *value);
/* Returns NULL where there is no such entry. */
void *map_get(Map *map, const void *key);
/* Removes an entry and returns its value, or NULL. */
void *map_take(Map *map, const void *key);

/* errors.c: errors of this plug-in beside those of the real one. */

PjrtError *make_error(int code, const char *format, ...) __attribute__((format(printf, 2, 3)));
PjrtError *make_callback_error(int code, const char *message, size_t size);
void drop_error(PjrtError *error);
PjrtError *error_destroy(void *arguments);
PjrtError *error_message(void *arguments);
PjrtError *error_get_code(void *arguments);

/* client.c: clients and their devices. */

typedef struct PendingEvent PendingEvent;

/* A client of the real plug-in with the devices of all processes. */
typedef struct {
  PjrtClient *real;
  size_t process_count;
  size_t process;
  /* Devices of one process, and of all. Device d belongs to the process d / local_count. */
  size_t local_count;
  size_t device_count;
  PjrtDevice **devices;
  GetCallback get;
  void *get_argument;
  PutCallback put;
  void *put_argument;
  /* Held during a run, so that every process numbers its runs alike. */
  pthread_mutex_t running;
  uint64_t run_count;
  /* Ends of runs on devices of other processes, which the caller does not see. */
  PendingEvent *pending;
} Client;

PjrtError *client_create(void *arguments);
PjrtError *client_destroy(void *arguments);
PjrtError *client_process_index(void *arguments);
PjrtError *client_addressable_devices(void *arguments);
PjrtError *description_process_index(void *arguments);
PjrtError *device_is_addressable(void *arguments);

/* Returns the client of a real client, of a device or of a device's description. */
Client *client_of(const void *object);
/* Returns the number of a device among those of all processes. */
PjrtError *number_of_device(PjrtDevice *device, size_t *number);
bool is_own_device(const Client *client, size_t number);
/* Takes an event that is awaited before the client ends. */
void keep_event(Client *client, PjrtEvent *event);

/* key-values.c: what processes tell each other through the caller's callbacks. */

PjrtError *put_value(const Client *client, const char *key, const void *value, size_t size);
/* Blocks until another process has put the value, which the caller of this function frees. */
PjrtError *get_value(const Client *client, const char *key, char **value, size_t *size);

/* compile-options.c */

/*
 * Returns serialized options of a compilation with which a program for one device runs on the
 * given one; NULL where the options name devices already or are for several.
 */
uint8_t *options_for_device(const uint8_t *options, size_t size, size_t device, size_t *new_size);

/* program.c: programs that run on devices of several processes. */

PjrtError *compile(void *arguments);
PjrtError *deserialize_and_load(void *arguments);
PjrtError *loaded_destroy(void *arguments);
PjrtError *loaded_addressable_devices(void *arguments);

typedef struct {
  Client *client;
  /* Numbers of the devices, in the order of the partitions. */
  size_t partition_count;
  size_t *devices;
  /* Devices of this process among them. */
  size_t own_count;
  PjrtDevice **own_devices;
  size_t output_count;
} Program;

/* Returns what is known of a program that was compiled or loaded. */
const Program *program_of(const PjrtLoaded *loaded);

/* counterparts.c: buffers on devices of other processes that belong to a local buffer. */

/* A tensor's buffers on devices of other processes, by the number of the device. */
typedef struct {
  size_t count;
  PjrtBuffer *buffers[];
} Counterparts;

/* Returns the counterparts of a tensor, by its buffer on the first local device; NULL for none. */
Counterparts *counterparts_of(const PjrtBuffer *first);
/* Adds an entry without buffers for a tensor. */
Counterparts *add_counterparts(const PjrtBuffer *first, size_t device_count);
PjrtError *buffer_destroy(void *arguments);

/* Copies a buffer's elements in row-major order; the caller of this function frees them. */
PjrtError *read_buffer(PjrtBuffer *buffer, char **bytes, size_t *size);
/* Makes a buffer of another's type and shape. */
PjrtError *make_buffer_like(PjrtBuffer *like, const Client *client, size_t device, const void *bytes,
                            PjrtBuffer **made);

/* execute.c */

PjrtError *execute(void *arguments);

#endif
