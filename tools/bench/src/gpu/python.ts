import { execFile } from 'node:child_process';
import { promisify } from 'node:util';

/** What a Python installation has, without loading the large packages. */
export interface PythonFacts {
  /** Folder of the installation, where pip puts packages. */
  readonly prefix: string;
  /** Versions of packages by their names. */
  readonly versions: Readonly<Record<string, string>>;
  /** Folder of CUDA's tools among the packages; empty for none. */
  readonly cuda: string;
}

const program = `
import importlib.metadata as metadata, json, os, sys
wanted = ("jax", "torch", "pjrt", "xla", "nvidia-cudnn", "nvidia-cublas")
found = {(d.metadata["Name"] or "").lower(): d.version for d in metadata.distributions()}
cuda = ""
for folder in sys.path:
    for name in ("nvidia/cu13", "nvidia/cuda_nvcc"):
        path = os.path.join(folder, name)
        if not cuda and os.path.exists(os.path.join(path, "bin", "ptxas")):
            cuda = path
versions = {name: version for name, version in sorted(found.items()) if any(word in name for word in wanted)}
print(json.dumps(dict(prefix=sys.prefix, versions=versions, cuda=cuda)))
`;

/** Asks a Python for its packages. @throws {Error} when it does not run */
export async function pythonFacts(python: string): Promise<PythonFacts> {
  const { stdout } = await promisify(execFile)(python, ['-c', program]);
  return JSON.parse(stdout) as PythonFacts;
}
