/** The page: loads the models that lie beside it, then wires its parts. */
import { byId } from './dom.js';
import { GeneratorForm } from './generator-form.js';
import type { PageContent } from './page-content.js';
import { PictureSource } from './picture-source.js';
import { openModels } from './session.js';
import { Workbench } from './workbench.js';

const loading = byId('loading', HTMLElement);

async function main(): Promise<void> {
  const response = await fetch('page.json');
  const { about, codeColors, pictures } = (await response.json()) as PageContent;
  const { tokenizer, transformer } = await openModels('models', (fraction) => {
    loading.textContent = `Loading the models … ${Math.round(100 * fraction)} %`;
  });
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
  if (transformer) new GeneratorForm(transformer, workbench, () => source.release());
  byId('generator', HTMLElement).hidden = !transformer;
  byId('no-generator', HTMLElement).hidden = !!transformer;
  loading.hidden = true;
  document.querySelector('main')!.hidden = false;
  if (pictures.length > 0) await source.openBundled(0);
  // Not everywhere: pages that do not come from this machine or over https have none, and then need
  // their server.
  if ('serviceWorker' in navigator) await navigator.serviceWorker.register('service-worker.js');
}

main().catch((error: unknown) => {
  loading.setAttribute('role', 'alert');
  loading.textContent = `The page cannot begin: ${error instanceof Error ? error.message : String(error)}`;
});
