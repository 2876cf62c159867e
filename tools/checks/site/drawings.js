/** Runs in the pages of the documentation site: draws what is written in Mermaid. */
const sources = [...document.querySelectorAll('pre > code.mermaid')];

async function draw() {
  const dark = getComputedStyle(document.body).colorScheme.includes('dark');
  globalThis.mermaid.initialize({ startOnLoad: false, theme: dark ? 'dark' : 'neutral' });
  for (const [index, source] of sources.entries()) {
    const { svg } = await globalThis.mermaid.render(`drawing-${index}`, source.textContent);
    const figure = document.createElement('figure');
    figure.innerHTML = svg;
    source.parentElement.replaceWith(figure);
  }
}

if (sources.length) {
  const script = document.createElement('script');
  script.src = `${document.documentElement.dataset.base}assets/mermaid.js`;
  script.addEventListener('load', () => void draw());
  document.head.append(script);
}
