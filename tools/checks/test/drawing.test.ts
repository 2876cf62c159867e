import { describe, expect, it } from 'vitest';
import { drawImports, withDrawing } from '../src/internal/drawing.js';

describe('drawImports', () => {
  it('draws an arrow to what is imported, but for what another arrow leads to', () => {
    const drawing = drawImports({ core: [], layers: ['core'], tokenizer: ['core', 'layers'] });
    expect(drawing).toContain('  layers --> core');
    expect(drawing).toContain('  tokenizer --> layers');
    expect(drawing).not.toContain('layers & core');
  });

  it('takes the folder for Node as part of its package', () => {
    const table = { core: [], checkpoint: ['core'], tokenizer: ['core'], 'tokenizer/node': ['core', 'checkpoint'] };
    expect(drawImports(table)).toContain('  tokenizer --> checkpoint');
  });

  it('leaves out what only tests use', () => {
    expect(drawImports({ core: [], 'test-utils': ['core'] }, ['test-utils'])).not.toContain('test-utils');
  });
});

describe('withDrawing', () => {
  const page = 'a\n<!-- drawing:start (npm run architecture) -->\nold\n<!-- drawing:end -->\nb\n';

  it('replaces what stands between the markers, and nothing when it stands there', () => {
    const once = withDrawing(page, 'flowchart TB');
    expect(once).toContain('```mermaid\nflowchart TB\n```');
    expect(once).not.toContain('old');
    expect(withDrawing(once, 'flowchart TB')).toBe(once);
  });

  it('refuses a page without markers', () => {
    expect(() => withDrawing('a', 'b')).toThrow('Add them');
  });
});
