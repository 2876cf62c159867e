/** The package without which an engine cannot run; none for an engine that always works in Node. */
const packages = {
  onnx: 'onnxruntime-node',
  tensorflow: '@tensorflow/tfjs-node',
  'tensorflow-gpu': '@tensorflow/tfjs-node-gpu',
} as const;

/**
 * Returns whether an engine is installed, for tests that are skipped without it. In CI, a missing
 * engine is an error, so that a broken installation cannot make the tests pass.
 * @throws {Error} in CI (the variable `CI` is set), when the engine is missing
 * @example
 * describe.skipIf(!(await hasEngine('onnx')))('compiled', () => { ... });
 */
export async function hasEngine(name: keyof typeof packages): Promise<boolean> {
  try {
    await import(packages[name]);
    return true;
  } catch (cause) {
    if (!process.env['CI']) return false;
    throw new Error(
      `hasEngine: expected the engine "${name}" to be installed in CI, got no ${packages[name]}. Install it.`,
      { cause },
    );
  }
}
