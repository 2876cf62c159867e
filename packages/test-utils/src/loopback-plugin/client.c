#include "plugin.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct PendingEvent {
  PjrtEvent *event;
  PendingEvent *next;
};

/* Clients by the addresses of their real clients, of devices and of descriptions of devices. */
static Map clients = EMPTY_MAP;

static const char local_devices_variable[] = "VITVQ_LOOPBACK_DEVICES";

/* Returns an integer among the options. */
static int64_t integer_option(const CreateArgs *args, const char *name, int64_t otherwise) {
  for (size_t index = 0; index < args->option_count; index++) {
    const NamedValue *option = &args->options[index];
    bool is_asked = option->name_size == strlen(name) && memcmp(option->name, name, option->name_size) == 0;
    if (is_asked && option->kind == INTEGER_VALUE) return option->integer;
  }
  return otherwise;
}

/* Reads what the caller and the environment say. */
static PjrtError *read_settings(const CreateArgs *args, Client *client) {
  int64_t count = integer_option(args, "num_nodes", 1), node = integer_option(args, "node_id", 0);
  if (count < 1 || count > 1024 || node < 0 || node >= count) {
    return make_error(INVALID_ARGUMENT, "num_nodes: expected 1 to 1024, and a node_id below it, got %lld and %lld",
                      (long long)count, (long long)node);
  }
  if (count > 1 && (args->get == NULL || args->put == NULL)) {
    return make_error(INVALID_ARGUMENT, "%lld processes need callbacks for key-values, got none", (long long)count);
  }
  const char *given = getenv(local_devices_variable);
  int64_t local = given == NULL || *given == '\0' ? 1 : strtoll(given, NULL, 10);
  if (local < 1 || count * local > 1024) {
    return make_error(INVALID_ARGUMENT, "%s: expected 1 device or more, at most 1024 of all processes, got %s",
                      local_devices_variable, given == NULL ? "1" : given);
  }
  *client = (Client){
      .process_count = (size_t)count,
      .process = (size_t)node,
      .local_count = (size_t)local,
      .device_count = (size_t)(count * local),
      .get = args->get,
      .get_argument = args->get_argument,
      .put = args->put,
      .put_argument = args->put_argument,
  };
  return NULL;
}

/* Compares the number of devices with that of another process. */
static PjrtError *compare_with(const Client *client, size_t process) {
  char key[64];
  snprintf(key, sizeof key, "loopback/devices/%zu", process);
  char *value;
  size_t size;
  PjrtError *error = get_value(client, key, &value, &size);
  if (error != NULL) return error;
  if (strtoull(value, NULL, 10) != client->local_count) {
    error = make_error(FAILED_PRECONDITION, "process %zu has %zu devices and process %zu has %.20s; set %s alike",
                       client->process, client->local_count, process, value, local_devices_variable);
  }
  free(value);
  return error;
}

typedef struct {
  const Client *client;
  PjrtError *error;
} Meeting;

/* Tells all processes the number of devices of this one, and hears theirs. */
static void *meet(void *memory) {
  Meeting *meeting = memory;
  const Client *client = meeting->client;
  char key[64], value[24];
  snprintf(key, sizeof key, "loopback/devices/%zu", client->process);
  snprintf(value, sizeof value, "%zu", client->local_count);
  meeting->error = put_value(client, key, value, strlen(value));
  for (size_t process = 0; process < client->process_count && meeting->error == NULL; process++) {
    if (process != client->process) meeting->error = compare_with(client, process);
  }
  return NULL;
}

/* Meets the other processes in a thread of its own, as real plug-ins call back from any thread. */
static PjrtError *meet_in_thread(const Client *client) {
  Meeting meeting = {.client = client};
  pthread_t thread;
  if (pthread_create(&thread, NULL, meet, &meeting) != 0) return make_error(INTERNAL, "no thread could be started");
  pthread_join(thread, NULL);
  return meeting.error;
}

/* Creates the real client, through the caller's argument, with the devices of all processes. */
static PjrtError *create_real(CreateArgs *args, const Client *client) {
  static const char name[] = "cpu_device_count";
  NamedValue option = {
      .size = sizeof option,
      .name = name,
      .name_size = strlen(name),
      .kind = INTEGER_VALUE,
      .integer = (int64_t)client->device_count,
      .value_size = 1,
  };
  const NamedValue *options = args->options;
  size_t count = args->option_count;
  args->options = &option;
  args->option_count = 1;
  args->get = NULL;
  args->put = NULL;
  PjrtError *error = call_real(CLIENT_CREATE, args);
  args->options = options;
  args->option_count = count;
  args->get = client->get;
  args->put = client->put;
  return error;
}

/* Returns the description of a device and its number. */
static PjrtError *describe(PjrtDevice *device, PjrtDescription **description, size_t *number) {
  DescriptionArgs args = {.size = sizeof args, .device = device};
  PjrtError *error = call_real(DEVICE_GET_DESCRIPTION, &args);
  if (error != NULL) return error;
  *description = args.description;
  NumberArgs id = {.size = sizeof id, .object = args.description};
  error = call_real(DESCRIPTION_ID, &id);
  *number = (size_t)id.number;
  return error;
}

PjrtError *number_of_device(PjrtDevice *device, size_t *number) {
  PjrtDescription *description;
  return describe(device, &description, number);
}

/* Takes the list of devices, in which each has the place of its number. */
static PjrtError *take_devices(Client *client) {
  DevicesArgs args = {.size = sizeof args, .object = client->real};
  PjrtError *error = call_real(CLIENT_DEVICES, &args);
  if (error != NULL) return error;
  client->devices = args.devices;
  if (args.count != client->device_count) return make_error(INTERNAL, "the real plug-in made %zu devices", args.count);
  for (size_t index = 0; index < args.count; index++) {
    PjrtDescription *description;
    size_t number;
    error = describe(args.devices[index], &description, &number);
    if (error != NULL) return error;
    if (number != index) return make_error(INTERNAL, "the real plug-in's device %zu has the number %zu", index, number);
    map_put(&clients, args.devices[index], client);
    map_put(&clients, description, client);
  }
  return NULL;
}

/* Removes a client and its devices from the map. */
static Client *forget(PjrtClient *real) {
  Client *client = map_take(&clients, real);
  for (size_t index = 0; client != NULL && index < client->device_count; index++) {
    PjrtDescription *description;
    size_t number;
    PjrtError *error = describe(client->devices[index], &description, &number);
    drop_error(error);
    if (error == NULL) map_take(&clients, description);
    map_take(&clients, client->devices[index]);
  }
  return client;
}

PjrtError *client_create(void *arguments) {
  CreateArgs *args = arguments;
  Client settings;
  PjrtError *error = read_settings(args, &settings);
  if (error == NULL && settings.process_count > 1) error = meet_in_thread(&settings);
  if (error == NULL) error = create_real(args, &settings);
  if (error != NULL) return error;
  Client *client = allocate(1, sizeof *client);
  *client = settings;
  client->real = args->client;
  pthread_mutex_init(&client->running, NULL);
  map_put(&clients, client->real, client);
  error = take_devices(client);
  if (error != NULL) {
    ClientArgs end = {.size = sizeof end, .client = client->real};
    drop_error(client_destroy(&end));
  }
  return error;
}

/* Frees events that are over, or awaits all. */
static void drop_events(Client *client, bool awaits) {
  for (PendingEvent **place = &client->pending; *place != NULL;) {
    PendingEvent *pending = *place;
    EventArgs args = {.size = sizeof args, .event = pending->event};
    if (!awaits) drop_error(call_real(EVENT_IS_READY, &args));
    if (awaits || args.is_ready) {
      /* What has failed on another process's device, that process reports. */
      drop_error(await_event(pending->event));
      *place = pending->next;
      free(pending);
    } else {
      place = &pending->next;
    }
  }
}

void keep_event(Client *client, PjrtEvent *event) {
  drop_events(client, false);
  PendingEvent *pending = allocate(1, sizeof *pending);
  pending->event = event;
  pending->next = client->pending;
  client->pending = pending;
}

PjrtError *client_destroy(void *arguments) {
  Client *client = forget(((ClientArgs *)arguments)->client);
  if (client != NULL) {
    drop_events(client, true);
    pthread_mutex_destroy(&client->running);
    free(client);
  }
  return call_real(CLIENT_DESTROY, arguments);
}

Client *client_of(const void *object) { return map_get(&clients, object); }

bool is_own_device(const Client *client, size_t number) { return number / client->local_count == client->process; }

PjrtError *client_process_index(void *arguments) {
  NumberArgs *args = arguments;
  args->number = (int)client_of(args->object)->process;
  return NULL;
}

PjrtError *client_addressable_devices(void *arguments) {
  DevicesArgs *args = arguments;
  const Client *client = client_of(args->object);
  args->devices = client->devices + client->process * client->local_count;
  args->count = client->local_count;
  return NULL;
}

PjrtError *description_process_index(void *arguments) {
  NumberArgs *args = arguments;
  NumberArgs id = {.size = sizeof id, .object = args->object};
  PjrtError *error = call_real(DESCRIPTION_ID, &id);
  if (error == NULL) args->number = id.number / (int)client_of(args->object)->local_count;
  return error;
}

PjrtError *device_is_addressable(void *arguments) {
  AddressableArgs *args = arguments;
  const Client *client = client_of(args->device);
  size_t number;
  PjrtError *error = number_of_device(args->device, &number);
  if (error == NULL) args->is_addressable = is_own_device(client, number);
  return error;
}
