/** Fields of `ExecutableBuildOptionsProto` (`xla/pjrt/proto/compile_options.proto` of OpenXLA). */
const buildFields = {
  replicas: 4,
  partitions: 5,
  usesPartitioner: 6,
  deviceAssignment: 9,
  usesShardy: 19,
} as const;

/** Fields of `DeviceAssignmentProto` and of its `ComputationDevice` (`xla/xla_data.proto`). */
const assignmentFields = { replicas: 1, computations: 2, computationDevices: 3, replicaDevices: 1 } as const;

/** Field of `CompileOptionsProto` that holds `ExecutableBuildOptionsProto`. */
const buildOptionsField = 3;

const variableLengthType = 0;
const bytesType = 2;

/** Encodes a number in groups of seven bits, the lowest first. */
function varint(value: number): number[] {
  return value < 128 ? [value] : [(value % 128) + 128, ...varint(Math.floor(value / 128))];
}

const integer = (field: number, value: number): number[] => [
  ...varint(field * 8 + variableLengthType),
  ...varint(value),
];

const message = (field: number, bytes: readonly number[]): number[] => [
  ...varint(field * 8 + bytesType),
  ...varint(bytes.length),
  ...bytes,
];

/**
 * Serializes a `CompileOptionsProto`: one program for all devices, which XLA's partitioner cuts.
 * @param devices  numbers of the devices, in the order of the partitions
 */
export function encodeCompileOptions(devices: readonly number[], usesShardy: boolean): Uint8Array {
  const one = [...integer(buildFields.replicas, 1), ...integer(buildFields.partitions, devices.length)];
  // One device is the plug-in's own choice, so that nothing is partitioned.
  if (devices.length === 1) return Uint8Array.from(message(buildOptionsField, one));
  const assignment = [
    ...integer(assignmentFields.replicas, 1),
    ...integer(assignmentFields.computations, devices.length),
    ...devices.flatMap((device) =>
      message(
        assignmentFields.computationDevices,
        message(assignmentFields.replicaDevices, varint(device)), // packed: a list of one
      ),
    ),
  ];
  const many = [
    ...one,
    ...integer(buildFields.usesPartitioner, 1),
    ...message(buildFields.deviceAssignment, assignment),
    ...(usesShardy ? integer(buildFields.usesShardy, 1) : []),
  ];
  return Uint8Array.from(message(buildOptionsField, many));
}
