import { ConfigError } from '@vitvq/core';
import { replaceForbidden } from './markup.js';
import { View, parse, type Config, type Spec } from 'vega';

/** `light` and `dark` for pictures of their own; `page` takes the colours of the report around it, light or dark. */
export type ChartPalette = 'light' | 'dark' | 'page';

export interface ChartColors {
  readonly text: string;
  readonly faintText: string;
  readonly line: string;
  readonly background: string | null;
  readonly series: readonly string[];
}

/** Six colours that people with the common colour-vision deficiencies tell apart (after Okabe and Ito, 2008). */
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

/** Title and size of a chart. */
export interface ChartFrame {
  readonly title: string;
  readonly yLabel: string;
  readonly width?: number | undefined;
  readonly height?: number | undefined;
  readonly palette?: ChartPalette | undefined;
  /** Leave the title to the page around it. @default false */
  readonly hideTitle?: boolean | undefined;
}

/**
 * Draws a Vega specification as SVG, without a browser. The vertical axis is named above the chart, where it is read upright.
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
  const colors = palettes[palette];
  const heading = hideTitle
    ? {
        text: yLabel,
        fontSize: 12,
        fontWeight: 400 as const,
        color: colors.faintText,
        offset: 8,
        frame: 'bounds' as const,
      }
    : { text: title, subtitle: yLabel };
  const spec: Spec = {
    $schema: 'https://vega.github.io/schema/vega/v6.json',
    width,
    height,
    padding: palette === 'page' ? 0 : 16,
    autosize: { type: 'fit', contains: 'padding' },
    background: colors.background ?? 'transparent',
    title: heading,
    ...specify(colors),
  };
  const view = new View(parse(spec, chartConfig(colors)), { renderer: 'none' });
  try {
    return replaceForbidden(await view.toSVG());
  } finally {
    view.finalize();
  }
}
