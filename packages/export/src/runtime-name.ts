/**
 * Runtime that files are checked with: `node` is onnxruntime-node, `web` the WebAssembly of
 * onnxruntime-web, which runs in Node here.
 */
export type RuntimeName = 'node' | 'web';
