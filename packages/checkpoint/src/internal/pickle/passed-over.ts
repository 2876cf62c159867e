/** Names of classes within a package or module, separated by spaces. */
const classes: Readonly<Record<string, string>> = {
  argparse: 'Namespace',
  builtins: 'bool bytes complex float int object range slice str type Ellipsis NotImplemented',
  collections: 'UserDict UserList UserString ChainMap',
  datetime: 'date datetime time timedelta timezone',
  decimal: 'Decimal',
  fractions: 'Fraction',
  numpy: 'bool bool_ dtype float16 float32 float64 int8 int16 int32 int64 ndarray str_ uint8 uint16 uint32 uint64',
  // The generics of typing are written as calls, such as getitem(typing.List, int).
  operator: 'getitem',
  _operator: 'getitem',
  pathlib: 'Path PosixPath PurePath PurePosixPath PureWindowsPath WindowsPath',
  'pathlib._local': 'Path PosixPath PurePath PurePosixPath PureWindowsPath WindowsPath',
  torch:
    'device layout Tensor per_channel_affine per_channel_affine_float_qparams per_channel_symmetric per_tensor_affine per_tensor_symmetric',
  'torch.nn.parameter': 'Buffer Parameter UninitializedBuffer UninitializedParameter',
  'torch.serialization': '_get_layout',
  types: 'GenericAlias SimpleNamespace',
  uuid: 'UUID SafeUUID',
};

const exact: ReadonlySet<string> = new Set(
  Object.entries(classes).flatMap(([module, names]) => names.split(' ').map((name) => `${module}.${name}`)),
);

/** Functions by which pandas and pytz write dates. */
const ofDates = /^(?:pandas\._libs\.tslibs\.(?:\w+\.)?_unpickle_\w+|pytz\._(?:UTC|p))$/;

/** Functions by which numpy 1 and 2 write arrays, numbers and random generators. */
const ofNumpy =
  /^numpy\.(?:_?core\.(?:multiarray\.(?:_reconstruct|scalar)|numeric\._frombuffer)|random\._pickle\.__\w+_ctor|dtypes\.\w+)$/;

/** Classes of packages for settings and for training. Their functions are not among them. */
const ofPackages = /^(?:omegaconf|yacs|packaging|typing|lightning\w*|pytorch_lightning)\.(?:\w+\.)*[A-Z]\w*$/;

/**
 * Returns whether a name is one of the classes that training programs leave in checkpoints beside
 * the weights: settings, versions, dates, paths, numbers of numpy, and what Lightning adds. Their
 * objects hold only data and are not read: each becomes a placeholder that holds nothing.
 */
export function isPassedOver(name: string): boolean {
  return exact.has(name) || ofNumpy.test(name) || ofDates.test(name) || ofPackages.test(name);
}
