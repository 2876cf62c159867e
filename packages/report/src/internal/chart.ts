import { assertOneOf, ConfigError } from '@vitvq/core';
import { View, parse, type Config, type Spec } from 'vega';
import type { ChartFrame, ChartPalette } from '../chart-frame.js';
import { replaceForbidden } from './markup.js';

/** Colours of a chart, as SVG writes them. */
export interface ChartColors {
  readonly text: string;
  readonly faintText: string;
  readonly line: string;
  readonly background: string | null;
  readonly series: readonly string[];
}

/**
 * Six colours that people with the common colour-vision deficiencies can tell apart (after Okabe
 * and Ito, 2008).
 */
const light: ChartColors = {
  text: '#1c1d1f',
  faintText: '#5d6066',
  line: '#e2e3e6',
  background: '#ffffff',
  series: ['#2f5fd0', '#c2410c', '#0b7a5c', '#a21c6f', '#8a6a00', '#4b5563'],
};
const dark: ChartColors = {
  text: '#eceef1',
  faintText: '#a3a7ae',
  line: '#34373d',
  background: '#17181b',
  series: ['#8fb1ff', '#ff9d66', '#5fd3ac', '#f08cc8', '#e6c35c', '#b5bcc7'],
};

/** Colours by palette. */
export const palettes: Readonly<Record<ChartPalette, ChartColors>> = {
  light,
  dark,
  page: {
    text: 'var(--text)',
    faintText: 'var(--faint)',
    line: 'var(--line)',
    background: null,
    series: light.series.map((_, index) => `var(--series-${index + 1})`),
  },
};

/** Fonts of all texts in a chart. */
export const chartFont = 'system-ui, -apple-system, "Segoe UI", "Liberation Sans", "DejaVu Sans", sans-serif';

function chartConfig({ text, faintText, line }: ChartColors): Config {
  const label = { labelFont: chartFont, labelFontSize: 12, labelColor: faintText };
  const title = { titleFont: chartFont, titleFontSize: 12, titleFontWeight: 400 as const, titleColor: faintText };
  return {
    axis: { ...label, ...title, gridColor: line, domainColor: line, tickColor: line, labelPadding: 6, titlePadding: 8 },
    legend: { ...label, labelFontSize: 12.5, labelColor: text, symbolStrokeWidth: 2.5, symbolSize: 180 },
    title: {
      anchor: 'start',
      frame: 'bounds',
      font: chartFont,
      fontSize: 15,
      fontWeight: 600,
      color: text,
      subtitleFont: chartFont,
      subtitleFontSize: 12,
      subtitleColor: faintText,
      subtitlePadding: 4,
      offset: 12,
    },
  };
}

/**
 * Draws a Vega specification as SVG, without a browser. The vertical axis is named above the chart,
 * where its name is read upright.
 * @throws {ConfigError} for a size out of range
 */
export async function drawChart(
  { title, yLabel, width = 480, height = 280, palette = 'light', hideTitle = false }: ChartFrame,
  where: string,
  specify: (colors: ChartColors) => Spec,
): Promise<string> {
  for (const [name, value] of Object.entries({ width, height })) {
    if (!(value >= 100 && value <= 10_000)) {
      throw new ConfigError({ where, expected: `${name} within [100, 10000]`, got: String(value) });
    }
  }
  assertOneOf(palette, Object.keys(palettes), 'palette', where);
  const colors = palettes[palette];
  const spec: Spec = {
    $schema: 'https://vega.github.io/schema/vega/v6.json',
    width,
    height,
    padding: palette === 'page' ? 0 : 16,
    autosize: { type: 'fit', contains: 'padding' },
    background: colors.background ?? 'transparent',
    title: hideTitle ? axisName(yLabel, colors) : { text: title, subtitle: yLabel },
    ...specify(colors),
  };
  const view = new View(parse(spec, chartConfig(colors)), { renderer: 'none' });
  try {
    return replaceForbidden(await view.toSVG());
  } finally {
    view.finalize();
  }
}

/** Returns the name of the vertical axis, in place of a title. */
function axisName(text: string, { faintText }: ChartColors): Spec['title'] {
  return { text, fontSize: 12, fontWeight: 400, color: faintText, offset: 8, frame: 'bounds' };
}
