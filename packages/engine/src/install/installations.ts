import type { InstallableEngine } from '../engines/installed-engine.js';
import type { RegistryFile } from './registry-file.js';

/** A machine as Node names it: its platform and its processor. */
export type Machine = `${NodeJS.Platform}-${NodeJS.Architecture}`;

/** What an engine is assembled from on one kind of machine. */
export interface Recipe {
  /** Files of registries, without a compiler. */
  readonly files: readonly RegistryFile[];
  /** Room that the installation takes at most, while it is made. */
  readonly diskBytes: number;
}

/** Wheels for Linux on x86, of a version of Python whose native library is that of the others. */
const linuxWheel = { python: '3.12', abi: 'cp312', platform: 'manylinux_2_27_x86_64' };

/** The native part of TensorFlow.js's Node package, and what its code needs to run. */
const nodePackage: readonly RegistryFile[] = [
  {
    registry: 'npm',
    name: '@tensorflow/tfjs-node',
    version: '4.22.0',
    bytes: 228_166,
    sha256: 'd38a448a705efc6e655a080f896b3af646ae39dffbfe9c90b06cb9fc3a2b9358',
    purpose: 'the Node package of TensorFlow.js',
  },
  {
    registry: 'npm',
    name: 'google-protobuf',
    version: '3.9.2',
    bytes: 72_008,
    sha256: 'c84477af55a262b4202325f1890da816bfc3dd5c7680dc22c2ee6e0a2c713e1a',
    purpose: 'a package that it imports',
  },
  {
    registry: 'npm',
    name: 'progress',
    version: '2.0.3',
    bytes: 6_000,
    sha256: '701865e18ff6c0e3ba778756ddef8db1dc05c00a901babe57bc7a0a7e0e82aa4',
    purpose: 'a package that it imports',
  },
  {
    registry: 'npm',
    name: 'node-api-headers',
    version: '1.9.0',
    bytes: 16_974,
    sha256: '6cbfac49542194ae2c8f1dee5fa2dc00d66bec9cbf3b59e3a4e5f16d14eb0d19',
    purpose: "Node's headers, to compile its native part",
  },
];

/** A compiler of C++, for machines without one. */
export const compilerWheel: RegistryFile = {
  registry: 'pip',
  name: 'ziglang',
  version: '0.15.2',
  bytes: 93_508_126,
  sha256: '806316453d1ede7174ed3fefb8e5348154629089c3bb5fe812dfd0e172fac130',
  purpose: 'a compiler of C++, since there is none here',
  wheel: { python: '3', abi: 'none', platform: 'manylinux_2_12_x86_64' },
};

/** What each engine is assembled from, by machine. */
export const recipes: Readonly<Record<InstallableEngine, Readonly<Partial<Record<Machine, Recipe>>>>> = {
  tensorflow: {
    'linux-x64': {
      files: [
        ...nodePackage,
        {
          registry: 'pip',
          name: 'tensorflow-cpu',
          version: '2.21.0',
          bytes: 274_000_871,
          sha256: 'dcc8afd32930e42d5296b6ee19078b773706830af4ea97fbe503b9f5e0f820cb',
          purpose: "TensorFlow's native library",
          wheel: linuxWheel,
        },
      ],
      diskBytes: 1_500_000_000,
    },
  },
  'tensorflow-gpu': {},
};
