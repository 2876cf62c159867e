import type { OptionTable } from '@vitvq/core';

/**
 * Colours of a chart: `light` and `dark` for pictures that stand alone; `page` takes the colours of
 * the report around the chart, light or dark.
 */
export type ChartPalette = 'light' | 'dark' | 'page';

/** Title, size and colours of a chart. */
export interface ChartFrame {
  readonly title: string;
  /** Name of the vertical axis. */
  readonly yLabel: string;
  /** Width in units of the drawing, within [100, 10000]. @default 480 */
  readonly width?: number | undefined;
  /** Height in units of the drawing, within [100, 10000]. @default 280 */
  readonly height?: number | undefined;
  /** @default 'light' */
  readonly palette?: ChartPalette | undefined;
  /** Leaves the title to the page around the chart. @default false */
  readonly hideTitle?: boolean | undefined;
}

/** Names of the options of a frame, to which each chart adds its own. */
export const chartFrameOptionNames: OptionTable<ChartFrame> = {
  title: 'required',
  yLabel: 'required',
  width: 'optional',
  height: 'optional',
  palette: 'optional',
  hideTitle: 'optional',
};
