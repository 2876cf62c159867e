import { InferenceSession, listSupportedBackends } from 'onnxruntime-node';
import { encodeModel, runtimeHeader } from './proto.js';
import type { OnnxProvider } from './protocol.js';

/**
 * Starts an execution provider with a tiny session, which tells whether it works here.
 * @throws with the reason why it does not
 */
export async function startProvider(provider: OnnxProvider): Promise<void> {
  if (!listSupportedBackends().some(({ name }) => name === provider)) {
    throw new Error(`the binary of onnxruntime-node for this system has no execution provider "${provider}"`);
  }
  const scalar = { shape: [], dtype: 'float32' } as const;
  const model = encodeModel(
    {
      nodes: [{ opType: 'Exp', domain: '', inputs: ['x'], outputs: ['y'], attributes: {} }],
      initializers: [],
      inputs: [{ name: 'x', ...scalar }],
      outputs: [{ name: 'y', ...scalar }],
    },
    runtimeHeader,
  );
  const session = await InferenceSession.create(model, {
    executionProviders: [provider],
    logSeverityLevel: 4,
    extra: { session: { disable_cpu_ep_fallback: '1' } },
  });
  await session.release();
}
