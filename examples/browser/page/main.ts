/** The page: loads the models that lie beside it, then wires its parts. */
import { BrushForm } from './brush-form.js';
import { byId } from './dom.js';
import { DrawingSettings } from './drawing-settings.js';
import { fillIn } from './fill-in.js';
import { generate } from './generate.js';
import { GeneratorForm, type Generator } from './generator-form.js';
import type { PageContent } from './page-content.js';
import { PictureSource } from './picture-source.js';
import { openModels, type Models } from './session.js';
import { Workbench } from './workbench.js';

const loading = byId('loading', HTMLElement);

async function main(): Promise<void> {
  const response = await fetch('page.json');
  const { about, brush, codeColors, drawing, pictures } = (await response.json()) as PageContent;
  const models = await openModels('models', brush, (fraction) => {
    loading.textContent = `Loading the models … ${Math.round(100 * fraction)} %`;
  });
  const { tokenizer, transformer, masked } = models;
  const { grid, image, vocabSize, codeDepth } = tokenizer.about;
  const codes = codeDepth === 1 ? `one of ${vocabSize} codes` : `${codeDepth} of ${vocabSize} codes`;
  byId('about', HTMLElement).textContent =
    `${image.width} × ${image.height} pixels are ${grid[1]} × ${grid[0]} tokens, each ${codes}. Models: ${about}.`;

  const workbench = new Workbench(tokenizer, codeColors);
  addEventListener('unhandledrejection', ({ reason }) => workbench.say(`That failed: ${String(reason)}`));
  const source = new PictureSource({
    pictures,
    image,
    onPicture: (pixels, name) => workbench.openPicture(pixels, name),
    onError: (text) => workbench.say(text),
  });
  const generator = generatorOf(models);
  if (generator) {
    const { condition } = transformer ?? masked!;
    const settings = new DrawingSettings({ condition, vocabSize, hasSteps: masked !== undefined, drawing });
    new GeneratorForm(generator, settings, workbench, () => source.release());
    if (masked) new BrushForm(masked, settings, workbench);
  }
  byId('generator', HTMLElement).hidden = !generator;
  byId('no-generator', HTMLElement).hidden = !!generator;
  for (const id of ['brush', 'brush-keys']) byId(id, HTMLElement).hidden = !masked;
  loading.hidden = true;
  document.querySelector('main')!.hidden = false;
  if (pictures.length > 0) await source.openBundled(0);
  // Not everywhere: pages that do not come from this machine or over https have none, and then need
  // their server.
  if ('serviceWorker' in navigator) await navigator.serviceWorker.register('service-worker.js');
}

/** Whole images: in raster order where there is a model for it, else by filling in an empty one. */
function generatorOf({ transformer, masked }: Models): Generator | undefined {
  if (transformer) return { about: transformer.about, draw: (options) => generate(transformer, options) };
  if (!masked) return undefined;
  const { grid } = masked.about;
  const nothing = new Int32Array(grid[0] * grid[1]).fill(-1);
  return { about: masked.about, draw: (options) => fillIn(masked, { ...options, tokens: nothing }) };
}

main().catch((error: unknown) => {
  loading.setAttribute('role', 'alert');
  loading.textContent = `The page cannot begin: ${error instanceof Error ? error.message : String(error)}`;
});
