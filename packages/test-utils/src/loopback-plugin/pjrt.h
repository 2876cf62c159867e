/*
 * The part of the PJRT C API that the plug-in uses, as facts of its public header: places of
 * functions in the table that a plug-in gives, and the arguments of these functions.
 */
#ifndef LOOPBACK_PJRT_H
#define LOOPBACK_PJRT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Objects of the real plug-in; an error may also be one of ours, see errors.c. */
typedef struct PjrtError PjrtError;
typedef struct PjrtEvent PjrtEvent;
typedef struct PjrtClient PjrtClient;
typedef struct PjrtDevice PjrtDevice;
typedef struct PjrtDescription PjrtDescription;
typedef struct PjrtBuffer PjrtBuffer;
typedef struct PjrtExecutable PjrtExecutable;
typedef struct PjrtLoaded PjrtLoaded;

/* The API declares two functions without a result; theirs is then not looked at. */
typedef PjrtError *(*Function)(void *arguments);

/* Places of functions in the table. */
enum {
  ERROR_DESTROY = 0,
  ERROR_MESSAGE = 1,
  ERROR_GET_CODE = 2,
  EVENT_DESTROY = 5,
  EVENT_IS_READY = 6,
  EVENT_AWAIT = 8,
  CLIENT_CREATE = 10,
  CLIENT_DESTROY = 11,
  CLIENT_PROCESS_INDEX = 13,
  CLIENT_DEVICES = 15,
  CLIENT_ADDRESSABLE_DEVICES = 16,
  CLIENT_COMPILE = 20,
  BUFFER_FROM_HOST = 22,
  DESCRIPTION_ID = 23,
  DESCRIPTION_PROCESS_INDEX = 24,
  DEVICE_GET_DESCRIPTION = 29,
  DEVICE_IS_ADDRESSABLE = 30,
  EXECUTABLE_DESTROY = 40,
  EXECUTABLE_NUM_OUTPUTS = 44,
  LOADED_DESTROY = 50,
  LOADED_GET_EXECUTABLE = 51,
  LOADED_ADDRESSABLE_DEVICES = 52,
  LOADED_EXECUTE = 55,
  DESERIALIZE_AND_LOAD = 56,
  BUFFER_DESTROY = 58,
  BUFFER_ELEMENT_TYPE = 59,
  BUFFER_DIMENSIONS = 60,
  BUFFER_TO_HOST = 70,
  LAST_FUNCTION = BUFFER_TO_HOST
};

/* Codes of errors. */
enum { INVALID_ARGUMENT = 3, FAILED_PRECONDITION = 9, INTERNAL = 13 };

/* What a plug-in gives; the three words of the version belong to the table's head. */
typedef struct {
  size_t size;
  void *extension;
  uint64_t version[3];
  Function functions[];
} Table;

/* Every argument begins so. */
#define HEAD \
  size_t size; \
  void *extension
/*
 * Zeros behind the fields that are known here, for a plug-in that knows more of them. Of a struct
 * that the caller gives they are not touched.
 */
#define SPARE uint64_t spare[8]

typedef struct { HEAD; PjrtError *error; const char *message; size_t message_size; SPARE; } MessageArgs;
typedef struct { HEAD; PjrtError *error; int code; SPARE; } ErrorCodeArgs;
typedef struct { HEAD; PjrtError *error; SPARE; } ErrorArgs;
typedef struct { HEAD; PjrtEvent *event; bool is_ready; SPARE; } EventArgs;
typedef struct { HEAD; PjrtClient *client; SPARE; } ClientArgs;
typedef struct { HEAD; void *object; int number; SPARE; } NumberArgs;
typedef struct { HEAD; void *object; PjrtDevice **devices; size_t count; SPARE; } DevicesArgs;
typedef struct { HEAD; PjrtDevice *device; PjrtDescription *description; SPARE; } DescriptionArgs;
typedef struct { HEAD; PjrtDevice *device; bool is_addressable; SPARE; } AddressableArgs;
typedef struct { HEAD; PjrtLoaded *loaded; PjrtExecutable *executable; SPARE; } GetExecutableArgs;
typedef struct { HEAD; PjrtExecutable *executable; size_t count; SPARE; } OutputCountArgs;
typedef struct { HEAD; PjrtLoaded *loaded; SPARE; } LoadedArgs;
typedef struct { HEAD; PjrtBuffer *buffer; SPARE; } BufferArgs;
typedef struct { HEAD; PjrtBuffer *buffer; int type; SPARE; } TypeArgs;
typedef struct { HEAD; PjrtBuffer *buffer; const int64_t *dimensions; size_t rank; SPARE; } DimensionsArgs;

/* Kind of a named value that is an integer. */
enum { INTEGER_VALUE = 1 };

typedef struct {
  HEAD;
  const char *name;
  size_t name_size;
  int kind;
  int64_t integer;
  size_t value_size;
} NamedValue;

/* Makes an error for a callback that has failed. */
typedef PjrtError *(*MakeError)(int code, const char *message, size_t size);

typedef struct {
  HEAD;
  const char *key;
  size_t key_size;
  int timeout_ms;
  MakeError *make_error;
  void *user_argument;
  char *value;
  size_t value_size;
  void (*free_value)(char *value);
  SPARE;
} GetArgs;

typedef struct {
  HEAD;
  const char *key;
  size_t key_size;
  const char *value;
  size_t value_size;
  MakeError *make_error;
  void *user_argument;
  SPARE;
} PutArgs;

typedef PjrtError *(*GetCallback)(GetArgs *arguments);
typedef PjrtError *(*PutCallback)(PutArgs *arguments);

typedef struct {
  HEAD;
  const NamedValue *options;
  size_t option_count;
  GetCallback get;
  void *get_argument;
  PutCallback put;
  void *put_argument;
  PjrtClient *client;
  SPARE;
} CreateArgs;

typedef struct {
  HEAD;
  PjrtClient *client;
  void *program;
  const uint8_t *options;
  size_t options_size;
  PjrtLoaded *loaded;
  SPARE;
} CompileArgs;

typedef struct {
  HEAD;
  PjrtClient *client;
  const char *bytes;
  size_t byte_count;
  PjrtLoaded *loaded;
  SPARE;
} DeserializeArgs;

typedef struct {
  HEAD;
  PjrtLoaded *loaded;
  void *options;
  PjrtBuffer ***argument_lists;
  size_t device_count;
  size_t argument_count;
  PjrtBuffer ***output_lists;
  PjrtEvent **complete_events;
  PjrtDevice *device;
  SPARE;
} ExecuteArgs;

typedef struct {
  HEAD;
  PjrtClient *client;
  const void *data;
  int type;
  const int64_t *dimensions;
  size_t rank;
  const int64_t *strides;
  size_t stride_count;
  int semantics; /* 0: the plug-in copies during the call */
  PjrtDevice *device;
  void *memory;
  void *layout;
  PjrtEvent *done;
  PjrtBuffer *buffer;
  SPARE;
} FromHostArgs;

/* The order of a buffer's elements in memory, here always by axes. */
typedef struct {
  HEAD;
  struct {
    HEAD;
    const int64_t *minor_to_major;
    size_t rank;
    const void *tile_sizes;
    const void *tile_ranks;
    size_t tile_count;
  } tiled;
  int kind; /* 0: tiled */
  SPARE;
} Layout;

typedef struct {
  HEAD;
  PjrtBuffer *buffer;
  const Layout *layout;
  void *target;
  size_t target_size;
  PjrtEvent *event;
  SPARE;
} ToHostArgs;

#endif
