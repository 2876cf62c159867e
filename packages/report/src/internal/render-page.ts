import { ShapeError, type RgbImage } from '@vitvq/core';
import type { ChartPalette } from '../chart-frame.js';
import { encodePng } from '../encode-png.js';
import { lineChart } from '../line-chart.js';
import { rankChart } from '../rank-chart.js';
import type {
  ChartsBlock,
  CommandsBlock,
  GalleryBlock,
  ImageBlock,
  ReportBlock,
  ReportChart,
  ReportContent,
  TableBlock,
} from '../report-content.js';
import { html, Markup } from './markup.js';
import { style } from './style.js';

/**
 * Returns the whole page. It fetches and runs nothing: its content security policy forbids both.
 * @param refreshSeconds  time after which a browser asks for the page again; undefined: never
 */
export async function renderPage(
  { title, lead, summary = [], sections, footer }: ReportContent,
  refreshSeconds?: number,
): Promise<string> {
  const policy = "default-src 'none'; img-src data:; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'";
  const bodies: Markup[] = [];
  for (const [index, section] of sections.entries()) {
    const blocks: Markup[] = [];
    for (const block of section.blocks) blocks.push(await renderBlock(block));
    const id = `section-${index + 1}`;
    bodies.push(
      html`<section id="${id}" aria-labelledby="${id}-title">
        <h2 id="${id}-title">${section.title}</h2>
        <div class="blocks">${blocks}</div>
      </section>`,
    );
  }
  const links = sections.map((section, index) => html`<li><a href="#section-${index + 1}">${section.title}</a></li>`);
  const cards = summary.map(
    ({ label, value, unit, note }) =>
      html`<div class="card">
        <dt>${label}</dt>
        <dd class="value">${value}${unit && html`<span class="unit">${unit}</span>`}</dd>
        ${note && html`<dd class="note">${note}</dd>`}
      </div>`,
  );
  return html`<!doctype html>
    <html lang="en">
      <head>
        <meta charset="utf-8" />
        <meta http-equiv="Content-Security-Policy" content="${policy}" />
        ${refreshSeconds !== undefined && html`<meta http-equiv="refresh" content="${String(refreshSeconds)}" />`}
        <meta name="viewport" content="width=device-width, initial-scale=1" />
        <meta name="color-scheme" content="light dark" />
        <title>${title}</title>
        <style>
          ${new Markup(style)}
        </style>
      </head>
      <body>
        <div class="page">
          <header>
            <h1>${title}</h1>
            ${lead && html`<p class="lead">${lead}</p>`} ${cards.length > 0 && html`<dl class="cards">${cards}</dl>`}
            ${
              sections.length > 1 &&
              html`<nav aria-label="Sections">
                <ul>
                  ${links}
                </ul>
              </nav>`
            }
          </header>
          <main>${bodies}</main>
          ${footer && html`<footer>${footer}</footer>`}
        </div>
      </body>
    </html> `.text;
}

async function renderBlock(block: ReportBlock): Promise<Markup> {
  switch (block.kind) {
    case 'text':
      return html`<p class="block">${block.text}</p>`;
    case 'image':
      return renderImage(block);
    case 'gallery':
      return renderGallery(block);
    case 'charts':
      return renderCharts(block);
    case 'table':
      return renderTable(block);
    case 'commands':
      return renderCommands(block);
  }
}

function renderImage({ image, alt, caption }: ImageBlock): Markup {
  return html`<figure class="block picture">
    ${picture(image, alt)}${caption && html`<figcaption>${caption}</figcaption>`}
  </figure>`;
}

function renderGallery({ labels, items, caption }: GalleryBlock): Markup {
  const tiles: Markup[] = [];
  for (const item of items) {
    if (item.images.length !== labels.length) {
      throw new ShapeError({
        where: 'writeReport',
        expected: `${labels.length} images in each group of a gallery, as many as labels`,
        got: String(item.images.length),
      });
    }
    const images: Markup[] = [];
    for (const [index, image] of item.images.entries()) {
      images.push(picture(image, [labels[index]!, item.caption].filter(Boolean).join(': ')));
    }
    tiles.push(
      html`<li>
        <figure>
          <div class="strip">${images}</div>
          ${item.caption && html`<figcaption>${item.caption}</figcaption>`}
        </figure>
      </li>`,
    );
  }
  return html`<figure class="block" style="--count:${labels.length}">
    <ol class="legend" aria-label="Order of the pictures">
      ${labels.map((label) => html`<li>${label}</li>`)}
    </ol>
    <ul class="gallery">
      ${tiles}
    </ul>
    ${caption && html`<figcaption class="after">${caption}</figcaption>`}
  </figure>`;
}

function picture(image: RgbImage, alt: string): Markup {
  const data = Buffer.from(encodePng(image)).toString('base64');
  return html`<img src="data:image/png;base64,${data}" width="${image.width}" height="${image.height}" alt="${alt}" />`;
}

async function renderCharts({ charts }: ChartsBlock): Promise<Markup> {
  const figures: Markup[] = [];
  for (const chart of charts) {
    const svg = new Markup(await drawReportChart(chart, 'page'));
    figures.push(
      html`<figure class="chart">
        <h3>${chart.chart.title}</h3>
        <div role="img" aria-label="${chart.alt}">${svg}</div>
        ${chart.caption && html`<figcaption>${chart.caption}</figcaption>`}
      </figure>`,
    );
  }
  return html`<div class="block charts${figures.length === 1 && ' one'}">${figures}</div>`;
}

/** Draws a chart as SVG. In the page, the page shows the title of the chart as a heading. */
export async function drawReportChart({ chart }: ReportChart, palette: ChartPalette): Promise<string> {
  const frame = { palette, hideTitle: palette === 'page' };
  return chart.type === 'line' ? lineChart({ ...chart, ...frame }) : rankChart({ ...chart, ...frame });
}

function renderTable({ caption, columns, rows }: TableBlock): Markup {
  const width = columns?.length ?? rows[0]?.length ?? 0;
  const uneven = rows.find((row) => row.length !== width);
  if (uneven) {
    throw new ShapeError({
      where: 'writeReport',
      expected: `${width} cells in each row of a table`,
      got: String(uneven.length),
    });
  }
  const body = rows.map(
    (row) =>
      html`<tr>
        ${row.map((cell, index) => (index === 0 ? html`<th scope="row">${cell}</th>` : html`<td>${cell}</td>`))}
      </tr>`,
  );
  return html`<div class="block scroll" tabindex="0" role="group" aria-label="${caption ?? 'Table'}"><table${
    columns ? undefined : new Markup(' class="facts"')
  }>${
    caption &&
    html`<caption>
      ${caption}
    </caption>`
  }${
    columns &&
    html`<thead>
      <tr>
        ${columns.map((name) => html`<th scope="col">${name}</th>`)}
      </tr>
    </thead>`
  }<tbody>
${body}
</tbody></table></div>`;
}

function renderCommands({ commands }: CommandsBlock): Markup {
  const items = commands.map(
    ({ purpose, command }) =>
      html`<div>
        <dt>${purpose}</dt>
        <dd>
          <pre tabindex="0"><code>${command}</code></pre>
        </dd>
      </div>`,
  );
  return html`<dl class="block commands">${items}</dl>`;
}
