import type { ExportedImage } from '@vitvq/export';
import { byId, create } from './dom.js';
import { readPixels } from './image.js';
import type { PagePicture } from './page-content.js';

export interface PictureSourceOptions {
  readonly pictures: readonly PagePicture[];
  readonly image: ExportedImage;
  readonly onPicture: (pixels: Float32Array, name: string) => Promise<void>;
  /** Told why a picture does not come. */
  readonly onError: (text: string) => void;
}

/** Every way in which a picture comes: buttons, a file that is chosen, dropped or pasted. */
export class PictureSource {
  readonly #options: PictureSourceOptions;
  readonly #buttons: readonly HTMLButtonElement[];

  constructor(options: PictureSourceOptions) {
    this.#options = options;
    const host = byId('pictures', HTMLElement);
    host.hidden = options.pictures.length === 0;
    this.#buttons = options.pictures.map(({ file, name }, index) => {
      const button = create('button', { type: 'button', 'aria-pressed': 'false' });
      button.append(create('img', { src: file, alt: name }));
      button.addEventListener('click', () => void this.openBundled(index));
      host.append(button);
      return button;
    });
    this.#listen();
  }

  /** One of the pictures that came with the page. */
  async openBundled(index: number): Promise<void> {
    const { file, name } = this.#options.pictures[index]!;
    let blob: Blob;
    try {
      const response = await fetch(file);
      blob = await response.blob();
    } catch {
      this.#options.onError(`${name} cannot be fetched: the page's server is gone.`);
      return;
    }
    await this.#open(blob, name, index);
  }

  /** None of the pictures is the one that is shown. */
  release(): void {
    this.#press(undefined);
  }

  #listen(): void {
    const input = byId('file', HTMLInputElement);
    const openFirst = (files: FileList | null | undefined): void => {
      const file = files?.[0];
      if (file) void this.#open(file, file.name);
    };
    input.addEventListener('change', () => {
      openFirst(input.files);
      input.value = ''; // The same file may be chosen again.
    });
    document.addEventListener('paste', (event) => openFirst(event.clipboardData?.files));
    const { classList } = document.body;
    document.addEventListener('dragover', (event) => {
      event.preventDefault(); // Else the browser would open the file itself.
      classList.add('dropping');
    });
    document.addEventListener('dragleave', (event) => {
      if (!event.relatedTarget) classList.remove('dropping');
    });
    document.addEventListener('drop', (event) => {
      event.preventDefault();
      classList.remove('dropping');
      openFirst(event.dataTransfer?.files);
    });
  }

  async #open(file: Blob, name: string, button?: number): Promise<void> {
    let pixels: Float32Array;
    try {
      pixels = await readPixels(file, this.#options.image);
    } catch {
      this.#options.onError(`${name} is no picture that this browser can read.`);
      return;
    }
    this.#press(button);
    await this.#options.onPicture(pixels, name);
  }

  #press(index: number | undefined): void {
    for (const [position, button] of this.#buttons.entries())
      button.setAttribute('aria-pressed', String(position === index));
  }
}
