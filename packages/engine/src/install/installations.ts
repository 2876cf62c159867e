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

/** CUDA's libraries as pip chooses them for `jax[cuda13]`, of the plug-in's version. */
const cuda13Wheels = [
  [
    'nvidia-cublas',
    '13.10.0.20',
    444_289_903,
    'dcc6d63884c53d07e267ce7e6feac17b2538cebaafec5db865736c3e28e4dc84',
    'manylinux_2_5_x86_64',
    'matrix products',
  ],
  [
    'nvidia-cuda-cupti',
    '13.5.25',
    12_592_974,
    '9dcca41c12a734192b14e7128ae116bc9ce1b9da686e2ebf48ae7a4415f76650',
    'manylinux_2_25_x86_64',
    'profiling',
  ],
  [
    'nvidia-cuda-nvcc',
    '13.5.37',
    47_028_279,
    'f5c4f7ead5d964fb4af42bbf1e6d3ec3c1e6e9d83b53749f691d387e7fcaa3a7',
    'manylinux_2_17_x86_64',
    'its assembler',
  ],
  [
    'nvidia-cuda-nvrtc',
    '13.5.37',
    58_185_930,
    '86b4d68058807988b7d9af5b44917a0601e9c337f35ccd657bfb3c759ff8d8bc',
    'manylinux_2_12_x86_64',
    'its compiler',
  ],
  [
    'nvidia-cuda-runtime',
    '13.5.37',
    2_504_024,
    'df2b79a8852f10d1fef8c848489c49eebb5754051bf870202a862831412b179d',
    'manylinux_2_17_x86_64',
    'its runtime',
  ],
  [
    'nvidia-cudnn-cu13',
    '9.28.1.4',
    516_817_937,
    'a54f205b1db1f2895d99f398754db1369816f0569dd459731f925635cf7b65ec',
    'manylinux_2_27_x86_64',
    'convolutions',
  ],
  [
    'nvidia-cufft',
    '12.5.0.14',
    165_072_555,
    'b8be26837a5abad2b5b74f3e92dd29f622a42934b355be0961a48712cbba23ad',
    'manylinux_2_17_x86_64',
    'Fourier transforms',
  ],
  [
    'nvidia-cusolver',
    '12.4.1.2',
    260_003_940,
    'b3b8e02fd2f2df869369af075dc3a179d43f6f7b85e94632a7dce556697be044',
    'manylinux_2_27_x86_64',
    'linear algebra',
  ],
  [
    'nvidia-cusparse',
    '12.9.4.2',
    230_422_857,
    '072667e58c851a318738f5527a12eb225cbf058803f2ea451c722d8cf8edddec',
    'manylinux_2_17_x86_64',
    'sparse matrices',
  ],
  [
    'nvidia-nccl-cu13',
    '2.32.3',
    305_100_071,
    '1459723080ac889d73a26edfa3e04383a7928ab31ac8f0ec43b3ea9548b04ff3',
    'manylinux_2_27_x86_64',
    'several GPUs',
  ],
  [
    'nvidia-nvjitlink',
    '13.5.37',
    46_642_491,
    '280d7cb9649704145f074b8dbde500de04ce02d0872e066e20a83c17bcaa93eb',
    'manylinux_2_12_x86_64',
    'its linker',
  ],
  [
    'nvidia-nvshmem-cu13',
    '3.8.0',
    182_092_449,
    '81a4d1f666543e6d34df6d2ff940c7da1435e34e186aab6f3c2b48861b64ef38',
    'manylinux_2_17_x86_64',
    'memory of several GPUs',
  ],
  [
    'nvidia-nvvm',
    '13.5.37',
    75_141_406,
    'c41bfa362e407405163f103c2229f0765f8cc2ed7d148b754dc77f228bf7e070',
    'manylinux_2_12_x86_64',
    'its code generator',
  ],
] as const;

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

const cudaFiles = (wheels: typeof cudaWheels | typeof cuda13Wheels): readonly RegistryFile[] =>
  wheels.map(([name, version, bytes, sha256, platform, purpose]) => ({
    registry: 'pip',
    name,
    version,
    bytes,
    sha256,
    purpose: `CUDA: ${purpose}`,
    wheel: { implementation: 'py', abi: 'none', platform },
  }));

/** XLA's plug-in for the CPU, where there is no NVIDIA GPU: for trying out what runs on one. */
export const cpuPlugin: Recipe = {
  files: [
    {
      registry: 'pip',
      name: 'fastatomstruct-xla-cpu',
      version: '2026.6.23',
      bytes: 63_200_622,
      sha256: '88b1c430b341b4bea40a37420311c9c75db6e22b46d2ff95b6986577bee6afe9',
      purpose: "XLA's PJRT plug-in for the CPU, since no NVIDIA driver runs here",
      wheel: { implementation: 'py', abi: 'none', platform: 'manylinux_2_27_x86_64' },
    },
  ],
  diskBytes: 450_000_000,
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
        ...cudaFiles(cudaWheels),
      ],
      diskBytes: 9_500_000_000,
    },
  },
  pjrt: {
    'linux-x64': {
      files: [
        {
          registry: 'pip',
          name: 'jax-cuda13-pjrt',
          version: '0.12.0.1',
          bytes: 134_922_808,
          sha256: '5899bb6177eda86ea532afb9a26794f2bdd04966f6a01f9028266b16c2b6cf90',
          purpose: "XLA's PJRT plug-in for NVIDIA GPUs",
          wheel: { implementation: 'py', abi: 'none', platform: 'manylinux_2_27_x86_64' },
        },
        ...cudaFiles(cuda13Wheels),
      ],
      diskBytes: 9_000_000_000,
    },
  },
};
