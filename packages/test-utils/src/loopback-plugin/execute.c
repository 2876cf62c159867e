#include "plugin.h"

#include <stdio.h>
#include <stdlib.h>

/* A run of a program on all its devices. */
typedef struct {
  const Program *program;
  Client *client;
  const ExecuteArgs *args;
  uint64_t number;
  /* For each partition: those of this process are the caller's lists. */
  PjrtBuffer ***arguments;
  PjrtBuffer ***outputs;
  PjrtEvent **events;
} Run;

static bool is_own(const Run *run, size_t partition) {
  return is_own_device(run->client, run->program->devices[partition]);
}

static void begin_run(Run *run) {
  size_t count = run->program->partition_count, own = 0;
  run->number = run->client->run_count++;
  run->arguments = allocate(count, sizeof *run->arguments);
  run->outputs = allocate(count, sizeof *run->outputs);
  run->events = allocate(count, sizeof *run->events);
  for (size_t partition = 0; partition < count; partition++) {
    if (is_own(run, partition)) {
      run->arguments[partition] = run->args->argument_lists[own];
      run->outputs[partition] = run->args->output_lists[own++];
    } else {
      run->arguments[partition] = allocate(run->args->argument_count, sizeof(PjrtBuffer *));
      run->outputs[partition] = allocate(run->program->output_count, sizeof(PjrtBuffer *));
    }
  }
}

static void end_run(Run *run) {
  for (size_t partition = 0; partition < run->program->partition_count; partition++) {
    if (is_own(run, partition)) continue;
    free(run->arguments[partition]);
    free(run->outputs[partition]);
  }
  free(run->arguments);
  free(run->outputs);
  free(run->events);
}

/* Returns the buffer of an argument by which its counterparts are known. */
static PjrtBuffer *first_of(const Run *run, size_t argument) { return run->args->argument_lists[0][argument]; }

/* Returns whether an argument has no buffer yet on a device of another process. */
static bool lacks_counterparts(const Run *run, size_t argument) {
  const Counterparts *counterparts = counterparts_of(first_of(run, argument));
  for (size_t partition = 0; partition < run->program->partition_count; partition++) {
    bool is_there = counterparts != NULL && counterparts->buffers[run->program->devices[partition]] != NULL;
    if (!is_own(run, partition) && !is_there) return true;
  }
  return false;
}

/* Name under which an argument's elements on a device are exchanged. */
typedef struct {
  char text[96];
} Key;

static Key key_of(const Run *run, size_t argument, size_t partition) {
  Key key;
  snprintf(key.text, sizeof key.text, "loopback/x/%llu/%zu/%zu", (unsigned long long)run->number, argument,
           run->program->devices[partition]);
  return key;
}

/* Gives an argument's elements on own devices to the other processes. */
static PjrtError *put_argument(const Run *run, size_t argument) {
  PjrtError *error = NULL;
  for (size_t partition = 0; partition < run->program->partition_count && error == NULL; partition++) {
    if (!is_own(run, partition)) continue;
    char *bytes;
    size_t size;
    error = read_buffer(run->arguments[partition][argument], &bytes, &size);
    if (error != NULL) break;
    if (size > 0) error = put_value(run->client, key_of(run, argument, partition).text, bytes, size);
    free(bytes);
  }
  return error;
}

/* Makes a buffer on a device of another process of the elements that the process has put. */
static PjrtError *get_counterpart(const Run *run, size_t argument, size_t partition, PjrtBuffer **made) {
  PjrtBuffer *first = first_of(run, argument);
  char *own, *bytes = NULL;
  size_t size, got = 0;
  /* Parts of a tensor have one shape, so that nothing is exchanged where there are no elements. */
  PjrtError *error = read_buffer(first, &own, &size);
  if (error != NULL) return error;
  Key key = key_of(run, argument, partition);
  if (size > 0) error = get_value(run->client, key.text, &bytes, &got);
  if (error == NULL && got != size) {
    error = make_error(INTERNAL, "%s has %zu bytes, and this process has %zu: do all processes run the same programs?",
                       key.text, got, size);
  }
  size_t device = run->program->devices[partition];
  if (error == NULL) error = make_buffer_like(first, run->client, device, size > 0 ? bytes : own, made);
  free(bytes);
  free(own);
  return error;
}

/* Fills in an argument's buffers on devices of other processes. */
static PjrtError *complete_argument(const Run *run, size_t argument) {
  PjrtBuffer *first = first_of(run, argument);
  Counterparts *counterparts = counterparts_of(first);
  if (counterparts == NULL) counterparts = add_counterparts(first, run->client->device_count);
  PjrtError *error = NULL;
  for (size_t partition = 0; partition < run->program->partition_count && error == NULL; partition++) {
    if (is_own(run, partition)) continue;
    PjrtBuffer **counterpart = &counterparts->buffers[run->program->devices[partition]];
    if (*counterpart == NULL) error = get_counterpart(run, argument, partition, counterpart);
    run->arguments[partition][argument] = *counterpart;
  }
  return error;
}

/* Puts everything before it waits for anything, so that processes wait for each other once. */
static PjrtError *complete_arguments(const Run *run) {
  PjrtError *error = NULL;
  size_t count = run->args->argument_count;
  for (size_t argument = 0; argument < count && error == NULL; argument++) {
    if (lacks_counterparts(run, argument)) error = put_argument(run, argument);
  }
  for (size_t argument = 0; argument < count && error == NULL; argument++) error = complete_argument(run, argument);
  return error;
}

/* Begins the run through the caller's argument, so that fields unknown here get through. */
static PjrtError *call_execute(const Run *run, ExecuteArgs *args) {
  ExecuteArgs given = {
      .argument_lists = args->argument_lists,
      .device_count = args->device_count,
      .output_lists = args->output_lists,
      .complete_events = args->complete_events,
  };
  args->argument_lists = run->arguments;
  args->device_count = run->program->partition_count;
  args->output_lists = run->outputs;
  args->complete_events = run->events;
  PjrtError *error = call_real(LOADED_EXECUTE, args);
  args->argument_lists = given.argument_lists;
  args->device_count = given.device_count;
  args->output_lists = given.output_lists;
  args->complete_events = given.complete_events;
  return error;
}

/* Remembers the results on devices of other processes. */
static void keep_outputs(const Run *run) {
  for (size_t output = 0; output < run->program->output_count; output++) {
    Counterparts *counterparts = add_counterparts(run->args->output_lists[0][output], run->client->device_count);
    for (size_t partition = 0; partition < run->program->partition_count; partition++) {
      if (is_own(run, partition)) continue;
      counterparts->buffers[run->program->devices[partition]] = run->outputs[partition][output];
    }
  }
}

/* Gives the caller the ends of the run on own devices, and keeps the others. */
static void hand_out_events(const Run *run) {
  size_t own = 0;
  for (size_t partition = 0; partition < run->program->partition_count; partition++) {
    PjrtEvent *event = run->events[partition];
    if (is_own(run, partition) && run->args->complete_events != NULL) run->args->complete_events[own++] = event;
    else keep_event(run->client, event);
  }
}

/* Runs a program on devices of several processes. */
static PjrtError *execute_together(const Program *program, ExecuteArgs *args) {
  if (args->device_count != program->own_count) {
    return make_error(INVALID_ARGUMENT, "the program has %zu devices of this process, got arguments for %zu",
                      program->own_count, args->device_count);
  }
  Run run = {.program = program, .client = program->client, .args = args};
  pthread_mutex_lock(&run.client->running);
  begin_run(&run);
  PjrtError *error = complete_arguments(&run);
  if (error == NULL) error = call_execute(&run, args);
  if (error == NULL) {
    keep_outputs(&run);
    hand_out_events(&run);
  }
  end_run(&run);
  pthread_mutex_unlock(&run.client->running);
  return error;
}

PjrtError *execute(void *arguments) {
  ExecuteArgs *args = arguments;
  const Program *program = program_of(args->loaded);
  if (program->own_count == program->partition_count) return call_real(LOADED_EXECUTE, args);
  return execute_together(program, args);
}
