/**
 * Repository whose checkpoints hold a tokenizer: thuanz123/enhancing-transformers,
 * CompVis/taming-transformers or FoundationVision/LlamaGen.
 */
export type ReferenceKind = 'enhancing-transformers' | 'taming-transformers' | 'llama-gen';
