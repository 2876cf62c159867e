/*
 * A PJRT plug-in with which a run of several processes on one machine is tried without
 * accelerators. To its caller it is a plug-in whose programs run over devices of several processes.
 * Behind that, every process has the real plug-in for the CPU make the devices of all processes,
 * and runs the whole program on all of them. Of arguments that were given to other processes it
 * gets the elements through the caller's key-values. So every process computes the numbers that one
 * process with all devices computes.
 *
 * Functions that are not in the table below are those of the real plug-in.
 */
#include "plugin.h"

#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char real_variable[] = "VITVQ_LOOPBACK_PLUGIN";
static const Table *real;

PjrtError *call_real(int place, void *arguments) { return real->functions[place](arguments); }

PjrtError *await_event(PjrtEvent *event) {
  if (event == NULL) return NULL;
  EventArgs args = {.size = sizeof args, .event = event};
  PjrtError *error = call_real(EVENT_AWAIT, &args);
  drop_error(call_real(EVENT_DESTROY, &args));
  return error;
}

static const struct {
  int place;
  Function function;
} replaced[] = {
    {ERROR_DESTROY, error_destroy},
    {ERROR_MESSAGE, error_message},
    {ERROR_GET_CODE, error_get_code},
    {CLIENT_CREATE, client_create},
    {CLIENT_DESTROY, client_destroy},
    {CLIENT_PROCESS_INDEX, client_process_index},
    {CLIENT_ADDRESSABLE_DEVICES, client_addressable_devices},
    {CLIENT_COMPILE, compile},
    {DESCRIPTION_PROCESS_INDEX, description_process_index},
    {DEVICE_IS_ADDRESSABLE, device_is_addressable},
    {LOADED_DESTROY, loaded_destroy},
    {LOADED_ADDRESSABLE_DEVICES, loaded_addressable_devices},
    {LOADED_EXECUTE, execute},
    {DESERIALIZE_AND_LOAD, deserialize_and_load},
    {BUFFER_DESTROY, buffer_destroy},
};

/* Loads the real plug-in and returns its table; NULL where there is none. */
static const Table *load_real(void) {
  const char *file = getenv(real_variable);
  if (file == NULL || *file == '\0') {
    fprintf(stderr, "loopback plug-in: name the real plug-in, one for the CPU, in %s\n", real_variable);
    return NULL;
  }
  void *library = dlopen(file, RTLD_NOW | RTLD_LOCAL);
  void *symbol = library == NULL ? NULL : dlsym(library, "GetPjrtApi");
  if (symbol == NULL) {
    fprintf(stderr, "loopback plug-in: %s in %s\n", dlerror(), real_variable);
    return NULL;
  }
  const Table *(*get_api)(void);
  memcpy(&get_api, &symbol, sizeof get_api); /* C converts no pointer to one of a function */
  return get_api();
}

static Table *table;

static void make_table(void) {
  real = load_real();
  if (real == NULL) return;
  if (real->size < sizeof *real + (LAST_FUNCTION + 1) * sizeof(Function)) {
    fprintf(stderr, "loopback plug-in: the plug-in in %s is too old\n", real_variable);
    return;
  }
  table = allocate(real->size, 1);
  memcpy(table, real, real->size);
  for (size_t index = 0; index < sizeof replaced / sizeof *replaced; index++) {
    table->functions[replaced[index].place] = replaced[index].function;
  }
}

/* Returns the plug-in's table of functions. */
__attribute__((visibility("default"))) const Table *GetPjrtApi(void);

const Table *GetPjrtApi(void) {
  static pthread_once_t once = PTHREAD_ONCE_INIT;
  pthread_once(&once, make_table);
  return table;
}
