#include "plugin.h"

#include <stdlib.h>
#include <string.h>

/*
 * Serialized options are a message of protocol buffers, `CompileOptionsProto` of OpenXLA, of which
 * these are numbers of fields.
 */
enum { BUILD_OPTIONS = 3, REPLICAS = 4, PARTITIONS = 5, DEVICE_ASSIGNMENT = 9 };

/* A message that is read, or what is left of it. */
typedef struct {
  const uint8_t *at;
  const uint8_t *end;
} Bytes;

/* Kinds of fields, by the low bits of the key before the field. */
enum { VARINT = 0, EIGHT_BYTES = 1, CONTENT = 2, FOUR_BYTES = 5 };

typedef struct {
  bool is_there;
  uint64_t number;
  Bytes content;
} Field;

/* Reads an integer of seven bits a byte, the lowest first. */
static uint64_t read_varint(Bytes *message) {
  uint64_t value = 0;
  for (int shift = 0; message->at < message->end && shift < 64; shift += 7) {
    uint8_t byte = *message->at++;
    value |= (uint64_t)(byte & 0x7f) << shift;
    if (byte < 0x80) break;
  }
  return value;
}

/* Returns the last field of a number, which is the one that counts. */
static Field find_field(Bytes message, uint64_t number) {
  Field found = {0};
  while (message.at < message.end) {
    uint64_t key = read_varint(&message), left = (uint64_t)(message.end - message.at);
    Field field = {.is_there = true};
    uint64_t size = 0;
    if (key % 8 == VARINT) field.number = read_varint(&message);
    else if (key % 8 == CONTENT) size = read_varint(&message), left = (uint64_t)(message.end - message.at);
    else size = key % 8 == EIGHT_BYTES ? 8 : key % 8 == FOUR_BYTES ? 4 : left + 1;
    if (size > left) break; /* no message; the real plug-in says so */
    field.content = (Bytes){message.at, message.at + size};
    message.at += size;
    if (key / 8 == number) found = field;
  }
  return found;
}

uint8_t *options_for_device(const uint8_t *options, size_t size, size_t device, size_t *new_size) {
  Bytes build = find_field((Bytes){options, options + size}, BUILD_OPTIONS).content;
  bool is_for_many = find_field(build, REPLICAS).number > 1 || find_field(build, PARTITIONS).number > 1;
  if (is_for_many || find_field(build, DEVICE_ASSIGNMENT).is_there) return NULL;
  /*
   * Messages behind each other are read as one with the fields of both. This one has an assignment
   * of one replica and one computation to the device, whose number takes two bytes of seven bits.
   */
  const uint8_t assignment[] = {
      BUILD_OPTIONS * 8 + CONTENT, 12, DEVICE_ASSIGNMENT * 8 + CONTENT, 10,
      1 * 8 + VARINT, 1, /* number of replicas */
      2 * 8 + VARINT, 1, /* number of computations */
      3 * 8 + CONTENT, 4, 1 * 8 + CONTENT, 2, /* the devices of the computation */
      (uint8_t)(device % 128 + 128), (uint8_t)(device / 128),
  };
  *new_size = size + sizeof assignment;
  uint8_t *result = allocate(*new_size, 1);
  if (size > 0) memcpy(result, options, size);
  memcpy(result + size, assignment, sizeof assignment);
  return result;
}
