#include "plugin.h"

#include <stdlib.h>

/* Programs by the addresses of their real ones. */
static Map programs = EMPTY_MAP;

static void free_program(Program *program) {
  if (program == NULL) return;
  free(program->devices);
  free(program->own_devices);
  free(program);
}

/* Takes the devices of a program in the order of its partitions. */
static PjrtError *take_partitions(Program *program, PjrtLoaded *loaded) {
  DevicesArgs args = {.size = sizeof args, .object = loaded};
  PjrtError *error = call_real(LOADED_ADDRESSABLE_DEVICES, &args);
  if (error != NULL) return error;
  program->partition_count = args.count;
  program->devices = allocate(args.count, sizeof *program->devices);
  program->own_devices = allocate(args.count, sizeof *program->own_devices);
  for (size_t partition = 0; partition < args.count && error == NULL; partition++) {
    size_t *number = &program->devices[partition];
    error = number_of_device(args.devices[partition], number);
    if (error == NULL && is_own_device(program->client, *number)) {
      program->own_devices[program->own_count++] = args.devices[partition];
    }
  }
  if (error == NULL && program->own_count == 0) {
    error = make_error(INVALID_ARGUMENT, "the program is for devices of other processes than %zu",
                       program->client->process);
  }
  return error;
}

/* Takes the number of results that a program has on each device. */
static PjrtError *take_output_count(Program *program, PjrtLoaded *loaded) {
  GetExecutableArgs args = {.size = sizeof args, .loaded = loaded};
  PjrtError *error = call_real(LOADED_GET_EXECUTABLE, &args);
  if (error != NULL) return error;
  OutputCountArgs outputs = {.size = sizeof outputs, .executable = args.executable};
  error = call_real(EXECUTABLE_NUM_OUTPUTS, &outputs);
  program->output_count = outputs.count;
  OutputCountArgs end = {.size = sizeof end, .executable = args.executable};
  drop_error(call_real(EXECUTABLE_DESTROY, &end));
  return error;
}

/* Remembers a program that was compiled or loaded; frees it where that fails. */
static PjrtError *add_program(Client *client, PjrtLoaded *loaded) {
  Program *program = allocate(1, sizeof *program);
  program->client = client;
  PjrtError *error = take_partitions(program, loaded);
  if (error == NULL) error = take_output_count(program, loaded);
  if (error == NULL) {
    map_put(&programs, loaded, program);
    return NULL;
  }
  free_program(program);
  LoadedArgs end = {.size = sizeof end, .loaded = loaded};
  drop_error(call_real(LOADED_DESTROY, &end));
  return error;
}

PjrtError *compile(void *arguments) {
  CompileArgs *args = arguments;
  Client *client = client_of(args->client);
  const uint8_t *options = args->options;
  size_t size = args->options_size, new_size;
  /* A plug-in's own choice of one device is the first of the process, not the first of all. */
  size_t device = client->process * client->local_count;
  uint8_t *own = device > 0 ? options_for_device(options, size, device, &new_size) : NULL;
  if (own != NULL) {
    args->options = own;
    args->options_size = new_size;
  }
  PjrtError *error = call_real(CLIENT_COMPILE, args);
  args->options = options;
  args->options_size = size;
  free(own);
  return error == NULL ? add_program(client, args->loaded) : error;
}

PjrtError *deserialize_and_load(void *arguments) {
  DeserializeArgs *args = arguments;
  PjrtError *error = call_real(DESERIALIZE_AND_LOAD, args);
  return error == NULL ? add_program(client_of(args->client), args->loaded) : error;
}

PjrtError *loaded_destroy(void *arguments) {
  free_program(map_take(&programs, ((LoadedArgs *)arguments)->loaded));
  return call_real(LOADED_DESTROY, arguments);
}

PjrtError *loaded_addressable_devices(void *arguments) {
  DevicesArgs *args = arguments;
  const Program *program = program_of(args->object);
  args->devices = program->own_devices;
  args->count = program->own_count;
  return NULL;
}

const Program *program_of(const PjrtLoaded *loaded) { return map_get(&programs, loaded); }
