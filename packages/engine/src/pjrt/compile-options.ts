import protobuf from 'protobufjs';

/**
 * The part of XLA's `CompileOptionsProto` that is written here, from
 * `xla/pjrt/proto/compile_options.proto` and `xla/xla_data.proto` of OpenXLA. Field numbers are the
 * wire format and never change.
 */
const schema = protobuf.Root.fromJSON({
  nested: {
    CompileOptions: { fields: { build: { type: 'BuildOptions', id: 3 } } },
    BuildOptions: {
      fields: {
        replicas: { type: 'int64', id: 4 },
        partitions: { type: 'int64', id: 5 },
        usesPartitioner: { type: 'bool', id: 6 },
        deviceAssignment: { type: 'DeviceAssignment', id: 9 },
        usesShardy: { type: 'bool', id: 19 },
      },
    },
    DeviceAssignment: {
      fields: {
        replicas: { type: 'int32', id: 1 },
        computations: { type: 'int32', id: 2 },
        computationDevices: { rule: 'repeated', type: 'ComputationDevice', id: 3 },
      },
    },
    ComputationDevice: {
      fields: { replicaDevices: { rule: 'repeated', type: 'int64', id: 1, options: { packed: true } } },
    },
  },
}).lookupType('CompileOptions');

/**
 * Serializes a `CompileOptionsProto`: one program for all devices, which XLA's partitioner cuts.
 * @param devices  numbers of the devices, in the order of the partitions
 */
export function encodeCompileOptions(devices: readonly number[], usesShardy: boolean): Uint8Array {
  const one = { replicas: 1, partitions: devices.length };
  // One device is the plug-in's own choice, so that nothing is partitioned.
  if (devices.length === 1) return schema.encode({ build: one }).finish();
  const deviceAssignment = {
    replicas: 1,
    computations: devices.length,
    computationDevices: devices.map((device) => ({ replicaDevices: [device] })),
  };
  const sharding = { usesPartitioner: true, deviceAssignment, ...(usesShardy && { usesShardy }) };
  return schema.encode({ build: { ...one, ...sharding } }).finish();
}
