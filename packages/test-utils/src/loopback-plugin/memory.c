#include "plugin.h"

#include <stdio.h>
#include <stdlib.h>

struct MapEntry {
  const void *key;
  void *value;
  MapEntry *next;
};

void *allocate(size_t count, size_t size) {
  void *memory = calloc(count > 0 ? count : 1, size);
  if (memory == NULL) {
    fputs("loopback plug-in: out of memory\n", stderr);
    abort();
  }
  return memory;
}

static MapEntry **bucket_of(Map *map, const void *key) {
  size_t count = sizeof map->buckets / sizeof *map->buckets;
  /* Addresses are multiples of 16. */
  return &map->buckets[(uintptr_t)key / 16 % count];
}

void map_put(Map *map, const void *key, void *value) {
  MapEntry *entry = allocate(1, sizeof *entry);
  entry->key = key;
  entry->value = value;
  pthread_mutex_lock(&map->lock);
  MapEntry **bucket = bucket_of(map, key);
  entry->next = *bucket;
  *bucket = entry;
  pthread_mutex_unlock(&map->lock);
}

void *map_get(Map *map, const void *key) {
  pthread_mutex_lock(&map->lock);
  MapEntry *entry = *bucket_of(map, key);
  while (entry != NULL && entry->key != key) entry = entry->next;
  void *value = entry == NULL ? NULL : entry->value;
  pthread_mutex_unlock(&map->lock);
  return value;
}

void *map_take(Map *map, const void *key) {
  pthread_mutex_lock(&map->lock);
  MapEntry **place = bucket_of(map, key);
  while (*place != NULL && (*place)->key != key) place = &(*place)->next;
  MapEntry *entry = *place;
  void *value = entry == NULL ? NULL : entry->value;
  if (entry != NULL) *place = entry->next;
  pthread_mutex_unlock(&map->lock);
  free(entry);
  return value;
}
