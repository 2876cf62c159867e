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

/** TensorFlow's wheels are made for versions of Python; the native library of all is the same. */
const tensorFlowWheel = { implementation: 'cp', abi: 'cp312', platform: 'manylinux_2_27_x86_64' } as const;

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
  wheel: { implementation: 'py', abi: 'none', platform: 'manylinux_2_12_x86_64' },
};

/** CUDA's libraries as pip chooses them for `tensorflow[and-cuda]==2.21.0`. */
const cudaWheels = [
  [
    'nvidia-cublas-cu12',
    '12.9.3.13',
    581_217_458,
    'd7d51055f161b317c7105ddaae90e71eda059026074ffef93cf7cde2886bfe72',
    'manylinux_2_27_x86_64',
    'matrix products',
  ],
  [
    'nvidia-cuda-cupti-cu12',
    '12.8.90',
    10_248_621,
    'ea0cb07ebda26bb9b29ba82cda34849e73c166c18162d3913575b0c9db9a6182',
    'manylinux_2_17_x86_64',
    'profiling',
  ],
  [
    'nvidia-cuda-nvcc-cu12',
    '12.9.86',
    40_546_229,
    '5d6a0d32fdc7ea39917c20065614ae93add6f577d840233237ff08e9a38f58f0',
    'manylinux_2_12_x86_64',
    'its assembler',
  ],
  [
    'nvidia-cuda-nvrtc-cu12',
    '12.9.86',
    89_568_129,
    '210cf05005a447e29214e9ce50851e83fc5f4358df8b453155d5e1918094dcb4',
    'manylinux_2_12_x86_64',
    'its compiler',
  ],
  [
    'nvidia-cuda-runtime-cu12',
    '12.9.79',
    3_493_179,
    '25bba2dfb01d48a9b59ca474a1ac43c6ebf7011f1b0b8cc44f54eb6ac48a96c3',
    'manylinux_2_17_x86_64',
    'its runtime',
  ],
  [
    'nvidia-cudnn-cu12',
    '9.28.0.42',
    716_538_495,
    '9ff58b7f36dacd0a93e89f8f2957b52466889217963701daa15e577317cfa375',
    'manylinux_2_27_x86_64',
    'convolutions',
  ],
  [
    'nvidia-cufft-cu12',
    '11.4.1.4',
    200_877_592,
    'c67884f2a7d276b4b80eb56a79322a95df592ae5e765cf1243693365ccab4e28',
    'manylinux_2_17_x86_64',
    'Fourier transforms',
  ],
  [
    'nvidia-curand-cu12',
    '10.3.10.19',
    68_295_626,
    '49b274db4780d421bd2ccd362e1415c13887c53c214f0d4b761752b8f9f6aa1e',
    'manylinux_2_27_x86_64',
    'random numbers',
  ],
  [
    'nvidia-cusolver-cu12',
    '11.7.5.82',
    338_117_415,
    '15da72d1340d29b5b3cf3fd100e3cd53421dde36002eda6ed93811af63c40d88',
    'manylinux_2_27_x86_64',
    'linear algebra',
  ],
  [
    'nvidia-cusparse-cu12',
    '12.5.10.65',
    366_465_088,
    '73060ce019ac064a057267c585bf1fd5a353734151f87472ff02b2c5c9984e78',
    'manylinux_2_17_x86_64',
    'sparse matrices',
  ],
  [
    'nvidia-nccl-cu12',
    '2.32.3',
    351_526_311,
    'bb94b2348e4861d5e8aa00b36c3d12d9bdf9c6369b82cbb723de0b582280a21c',
    'manylinux_2_27_x86_64',
    'several GPUs',
  ],
  [
    'nvidia-nvjitlink-cu12',
    '12.9.86',
    39_748_338,
    'e3f1171dbdc83c5932a45f0f4c99180a70de9bd2718c1ab77d14104f6d7147f9',
    'manylinux_2_12_x86_64',
    'its linker',
  ],
] as const;

const cuda = cudaWheels.map(([name, version, bytes, sha256, platform, purpose]): RegistryFile => ({
  registry: 'pip',
  name,
  version,
  bytes,
  sha256,
  purpose: `CUDA: ${purpose}`,
  wheel: { implementation: 'py', abi: 'none', platform },
}));

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
          wheel: tensorFlowWheel,
        },
      ],
      diskBytes: 1_500_000_000,
    },
  },
  'tensorflow-gpu': {
    'linux-x64': {
      files: [
        ...nodePackage,
        {
          registry: 'pip',
          name: 'tensorflow',
          version: '2.21.0',
          bytes: 572_611_111,
          sha256: 'b3b95643c4e70eb925839938fb35cbe142f317ec84af6844ee61513713bb13c0',
          purpose: "TensorFlow's native library for NVIDIA GPUs",
          wheel: tensorFlowWheel,
        },
        ...cuda,
      ],
      diskBytes: 9_500_000_000,
    },
  },
};
