/**
 * The part of the PJRT C API that is used here, as facts of its public header (`pjrt_c_api.h` of
 * OpenXLA, version 0.114). A function has a place in the table of pointers that a plug-in gives,
 * and one argument: a struct whose fields, after `struct_size` and `extension_start`, are words of
 * eight bytes. New versions append functions and fields and move none.
 */

/** The only major version. */
export const majorVersion = 0;

/** The table has had this order of functions since then (December 2024). */
export const oldestMinorVersion = 57;

/** Words of the table before its first function: its size, extensions and the version. */
export const tableHeaderWords = 5;

/** Place of the function in the table, and fields of its argument. */
interface PjrtFunction {
  readonly place: number;
  readonly fields: readonly string[];
}

/** The functions that are used here. */
export const pjrtFunctions = {
  PJRT_Error_Destroy: { place: 0, fields: ['error'] },
  PJRT_Error_Message: { place: 1, fields: ['error', 'message', 'messageSize'] },
  PJRT_Plugin_Initialize: { place: 3, fields: [] },
  PJRT_Plugin_Attributes: { place: 4, fields: ['attributes', 'attributeCount'] },
  PJRT_Event_Destroy: { place: 5, fields: ['event'] },
  PJRT_Event_Await: { place: 8, fields: ['event'] },
  PJRT_Client_Create: {
    place: 10,
    fields: [
      'options',
      'optionCount',
      'getCallback',
      'getArgument',
      'putCallback',
      'putArgument',
      'client',
      'tryGetCallback',
      'tryGetArgument',
    ],
  },
  PJRT_Client_Destroy: { place: 11, fields: ['client'] },
  PJRT_Client_PlatformName: { place: 12, fields: ['client', 'name', 'nameSize'] },
  PJRT_Client_PlatformVersion: { place: 14, fields: ['client', 'version', 'versionSize'] },
  PJRT_Client_Devices: { place: 15, fields: ['client', 'devices', 'deviceCount'] },
  PJRT_Client_AddressableDevices: { place: 16, fields: ['client', 'devices', 'deviceCount'] },
  PJRT_Client_Compile: { place: 20, fields: ['client', 'program', 'options', 'optionsSize', 'executable'] },
  PJRT_Client_BufferFromHostBuffer: {
    place: 22,
    fields: [
      'client',
      'data',
      'type',
      'dimensions',
      'dimensionCount',
      'strides',
      'strideCount',
      'semantics',
      'device',
      'memory',
      'layout',
      'doneEvent',
      'buffer',
    ],
  },
  PJRT_DeviceDescription_Id: { place: 23, fields: ['description', 'id'] },
  PJRT_DeviceDescription_ProcessIndex: { place: 24, fields: ['description', 'process'] },
  PJRT_DeviceDescription_Kind: { place: 26, fields: ['description', 'kind', 'kindSize'] },
  PJRT_Device_GetDescription: { place: 29, fields: ['device', 'description'] },
  PJRT_Device_MemoryStats: {
    place: 34,
    fields: [
      'device',
      'bytesInUse',
      'peakBytesInUse',
      'peakBytesInUseIsSet',
      'allocations',
      'allocationsIsSet',
      'largestAllocation',
      'largestAllocationIsSet',
      'bytesLimit',
      'bytesLimitIsSet',
      'bytesReserved',
      'bytesReservedIsSet',
      'peakBytesReserved',
      'peakBytesReservedIsSet',
      'bytesReservableLimit',
      'bytesReservableLimitIsSet',
      'largestFreeBlock',
      'largestFreeBlockIsSet',
      'poolBytes',
      'poolBytesIsSet',
      'peakPoolBytes',
      'peakPoolBytesIsSet',
    ],
  },
  PJRT_Executable_Destroy: { place: 40, fields: ['executable'] },
  PJRT_Executable_Serialize: {
    place: 49,
    fields: ['executable', 'bytes', 'byteCount', 'serialized', 'deleter'],
  },
  PJRT_LoadedExecutable_Destroy: { place: 50, fields: ['executable'] },
  PJRT_LoadedExecutable_GetExecutable: { place: 51, fields: ['loaded', 'executable'] },
  PJRT_LoadedExecutable_Execute: {
    place: 55,
    fields: [
      'executable',
      'options',
      'argumentLists',
      'deviceCount',
      'argumentCount',
      'outputLists',
      'completeEvents',
      'device',
    ],
  },
  PJRT_Executable_DeserializeAndLoad: {
    place: 56,
    fields: ['client', 'bytes', 'byteCount', 'executable', 'options', 'optionsSize'],
  },
  PJRT_Buffer_Destroy: { place: 58, fields: ['buffer'] },
  PJRT_Buffer_ToHostBuffer: { place: 70, fields: ['buffer', 'layout', 'target', 'targetSize', 'event'] },
} as const satisfies Record<string, PjrtFunction>;

/** Name of a function of the table above. */
export type PjrtFunctionName = keyof typeof pjrtFunctions;

/** Name of a field of a function's argument. */
export type FieldOf<F extends PjrtFunctionName> = (typeof pjrtFunctions)[F]['fields'][number];

/** Structs that arguments point to, by the order of their fields after the header. */
export const pjrtStructs = {
  PJRT_Program: ['code', 'codeSize', 'format', 'formatSize'],
  PJRT_ExecuteOptions: [
    'sendCallbacks',
    'receiveCallbacks',
    'sendCount',
    'receiveCount',
    'launchId',
    'notDonated',
    'notDonatedCount',
  ],
  /** The member `Tiled` of the union; its last word is the kind, 0. */
  PJRT_Buffer_MemoryLayout: [
    'tiledSize',
    'tiledExtension',
    'minorToMajor',
    'axisCount',
    'tileSizes',
    'tileRanks',
    'tileCount',
    'kind',
  ],
} as const satisfies Record<string, readonly string[]>;

/**
 * Fields of the arguments of the callbacks that `PJRT_Client_Create` takes, behind the first two
 * words. `makeError` points to a function that makes an error of a code and a message.
 */
export const storeCallbacks = {
  get: ['key', 'keySize', 'milliseconds', 'makeError', 'user', 'value', 'valueSize', 'deleter'],
  put: ['key', 'keySize', 'value', 'valueSize', 'makeError', 'user'],
  tryGet: ['key', 'keySize', 'makeError', 'user', 'value', 'valueSize', 'deleter'],
} as const;

/** Name of a struct of the table above. */
export type PjrtStructName = keyof typeof pjrtStructs;

/** Numbers of element types (`PJRT_Buffer_Type`). */
export const elementTypes = { bool: 1, int32: 4, float32: 11 } as const;

/** The plug-in copies host memory before the call returns (`PJRT_HostBufferSemantics`). */
export const copiedDuringCall = 0;

/** Kind of a `PJRT_NamedValue` that is an integer (`PJRT_NamedValue_kInt64`). */
export const integerValue = 1;

/** Words of a `PJRT_NamedValue`. */
export const namedValueWords = 7;
