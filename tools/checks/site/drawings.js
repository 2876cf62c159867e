/** Runs in the pages of the documentation site: draws what is written in Mermaid. */
const sources = [...document.querySelectorAll('pre > code.mermaid')];

/** The lines of a block of code, between which TypeDoc writes elements. */
function textOf(source) {
  const copy = source.cloneNode(true);
  for (const element of copy.querySelectorAll('br')) element.replaceWith('\n');
  return copy.textContent;
}

async function draw() {
  const dark = getComputedStyle(document.body).colorScheme.includes('dark');
  globalThis.mermaid.initialize({ startOnLoad: false, theme: dark ? 'dark' : 'neutral', flowchart: { useMaxWidth: false } });
  for (const [index, source] of sources.entries()) {
    const { svg } = await globalThis.mermaid.render(`drawing-${index}`, textOf(source));
    const figure = document.createElement('figure');
    figure.innerHTML = svg;
    figure.style.overflow = 'auto';
    source.parentElement.replaceWith(figure);
  }
}

if (sources.length) {
  const script = document.createElement('script');
  script.src = `${document.documentElement.dataset.base}assets/mermaid.js`;
  script.addEventListener('load', () => void draw());
  document.head.append(script);
}
