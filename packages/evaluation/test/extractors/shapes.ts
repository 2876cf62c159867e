type Shapes = Record<string, readonly number[]>;

/** Sizes of the towers in the golden cases. */
const [width, mlpWidth, depth] = [128, 256, 2];

function norm(name: string): Shapes {
  return { [`${name}.weight`]: [width], [`${name}.bias`]: [width] };
}

function linear(name: string, from: number, to: number): Shapes {
  return { [`${name}.weight`]: [to, from], [`${name}.bias`]: [to] };
}

function blocks(name: string, block: (name: string) => Shapes): Shapes {
  return Object.assign({}, ...Array.from({ length: depth }, (_, index) => block(`${name}.${index}`))) as Shapes;
}

function openaiBlock(name: string): Shapes {
  return {
    ...norm(`${name}.ln_1`),
    [`${name}.attn.in_proj_weight`]: [3 * width, width],
    [`${name}.attn.in_proj_bias`]: [3 * width],
    ...linear(`${name}.attn.out_proj`, width, width),
    ...norm(`${name}.ln_2`),
    ...linear(`${name}.mlp.c_fc`, width, mlpWidth),
    ...linear(`${name}.mlp.c_proj`, mlpWidth, width),
  };
}

function transformersBlock(name: string): Shapes {
  return {
    ...norm(`${name}.layer_norm1`),
    ...Object.assign(
      {},
      ...['q', 'k', 'v', 'out'].map((part) => linear(`${name}.self_attn.${part}_proj`, width, width)),
    ),
    ...norm(`${name}.layer_norm2`),
    ...linear(`${name}.mlp.fc1`, width, mlpWidth),
    ...linear(`${name}.mlp.fc2`, mlpWidth, width),
  } as Shapes;
}

/** Tensors of the CLIP of the golden cases by the names of OpenAI and open_clip. */
export const openaiClip: Readonly<Shapes> = {
  positional_embedding: [9, width],
  text_projection: [width, 32],
  logit_scale: [],
  'visual.class_embedding': [width],
  'visual.positional_embedding': [17, width],
  'visual.proj': [width, 32],
  'visual.conv1.weight': [width, 3, 8, 8],
  ...norm('visual.ln_pre'),
  ...blocks('visual.transformer.resblocks', openaiBlock),
  ...norm('visual.ln_post'),
  ...blocks('transformer.resblocks', openaiBlock),
  'token_embedding.weight': [64, width],
  ...norm('ln_final'),
};

/** The same by the names of transformers. */
export const transformersClip: Readonly<Shapes> = {
  logit_scale: [],
  'text_model.embeddings.position_ids': [1, 9],
  'text_model.embeddings.position_embedding.weight': [9, width],
  'text_model.embeddings.token_embedding.weight': [64, width],
  ...blocks('text_model.encoder.layers', transformersBlock),
  ...norm('text_model.final_layer_norm'),
  'text_projection.weight': [32, width],
  'vision_model.embeddings.class_embedding': [width],
  'vision_model.embeddings.patch_embedding.weight': [width, 3, 8, 8],
  'vision_model.embeddings.position_embedding.weight': [17, width],
  ...norm('vision_model.pre_layrnorm'),
  ...blocks('vision_model.encoder.layers', transformersBlock),
  ...norm('vision_model.post_layernorm'),
  'visual_projection.weight': [32, width],
};

/** Tensors of a DINOv2 of the golden cases by the names of transformers. */
export function transformersDinov2({ isGated = false, registers = 0, places = 16 } = {}): Shapes {
  const gated = 176; // Two thirds of the width, as a multiple of 8.
  return {
    'embeddings.cls_token': [1, 1, width],
    'embeddings.mask_token': [1, width],
    ...(registers > 0 ? { 'embeddings.register_tokens': [1, registers, width] } : {}),
    'embeddings.patch_embeddings.projection.weight': [width, 3, 56, 56],
    'embeddings.patch_embeddings.projection.bias': [width],
    'embeddings.position_embeddings': [1, places + 1, width],
    ...blocks('encoder.layer', (name) => ({
      ...norm(`${name}.norm1`),
      ...(Object.assign(
        {},
        ...['query', 'key', 'value'].map((part) => linear(`${name}.attention.attention.${part}`, width, width)),
      ) as Shapes),
      ...linear(`${name}.attention.output.dense`, width, width),
      [`${name}.layer_scale1.lambda1`]: [width],
      [`${name}.layer_scale2.lambda1`]: [width],
      ...norm(`${name}.norm2`),
      ...(isGated
        ? { ...linear(`${name}.mlp.weights_in`, width, 2 * gated), ...linear(`${name}.mlp.weights_out`, gated, width) }
        : { ...linear(`${name}.mlp.fc1`, width, mlpWidth), ...linear(`${name}.mlp.fc2`, mlpWidth, width) }),
    })),
    ...norm('layernorm'),
  };
}

/** Returns the name of DINOv2's authors for a name of transformers. */
export function authorsName(name: string): string {
  return name
    .replace(/^encoder\.layer\.(\d+)\./, 'blocks.$1.')
    .replace('attention.attention.query', 'attn.qkv')
    .replace('attention.output.dense', 'attn.proj')
    .replace(/layer_scale(\d)\.lambda1/, 'ls$1.gamma')
    .replace('weights_in', 'w12')
    .replace('weights_out', 'w3')
    .replace(/^embeddings\.patch_embeddings\.projection/, 'patch_embed.proj')
    .replace(/^embeddings\.position_embeddings/, 'pos_embed')
    .replace(/^embeddings\./, '')
    .replace(/^layernorm/, 'norm');
}
