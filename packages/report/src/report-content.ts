import type { RgbImage } from '@vitvq/core';
import type { LineChartOptions } from './line-chart.js';
import type { RankChartOptions } from './rank-chart.js';

/** The content of a report. All text is plain text. */
export interface ReportContent {
  readonly title: string;
  /** One or two sentences below the title. */
  readonly lead?: string;
  /** The few most important numbers. */
  readonly summary?: readonly SummaryCard[];
  readonly sections: readonly ReportSection[];
  /** Small print at the end. */
  readonly footer?: string;
}

/** A number at the top of a report. */
export interface SummaryCard {
  readonly label: string;
  readonly value: string;
  readonly unit?: string;
  /** What the number refers to or is compared with. */
  readonly note?: string;
}

/** A part of a report with a heading. */
export interface ReportSection {
  readonly title: string;
  readonly blocks: readonly ReportBlock[];
}

/** A part of a section. */
export type ReportBlock = TextBlock | ImageBlock | GalleryBlock | ChartsBlock | TableBlock | CommandsBlock;

/** A paragraph. */
export interface TextBlock {
  readonly kind: 'text';
  readonly text: string;
}

/** One image. */
export interface ImageBlock {
  readonly kind: 'image';
  readonly image: RgbImage;
  /** Alternative text for readers who cannot see the image. */
  readonly alt: string;
  readonly caption?: string;
  /**
   * Name of a PNG file that is also written beside the report: lower-case letters, digits and
   * hyphens, ending in `.png`.
   */
  readonly file?: string;
}

/**
 * Small images in groups, such as an original beside its reconstruction. The groups flow with the
 * width of the page.
 */
export interface GalleryBlock {
  readonly kind: 'gallery';
  /** What the images of each group are, in their order. */
  readonly labels: readonly string[];
  readonly items: readonly GalleryItem[];
  readonly caption?: string;
  /** See `ImageBlock.file`; the file shows all groups. */
  readonly file?: string;
  /** Number of groups in a row of that file. @default 4, or 3 with more than two labels */
  readonly columns?: number;
}

/** A group of a gallery. */
export interface GalleryItem {
  /** One image for each label. */
  readonly images: readonly RgbImage[];
  readonly caption?: string;
}

/** Charts, side by side where there is room. */
export interface ChartsBlock {
  readonly kind: 'charts';
  readonly charts: readonly ReportChart[];
}

/** A chart with its texts. */
export interface ReportChart {
  readonly chart: ({ readonly type: 'line' } & LineChartOptions) | ({ readonly type: 'rank' } & RankChartOptions);
  /** Alternative text for readers who cannot see the chart. */
  readonly alt: string;
  readonly caption?: string;
  /** See `ImageBlock.file`. */
  readonly file?: string;
}

/** A table. */
export interface TableBlock {
  readonly kind: 'table';
  readonly caption?: string;
  /**
   * Names of the columns. Without them, the table lists facts: the first cell of a row names the
   * second.
   */
  readonly columns?: readonly string[];
  readonly rows: readonly (readonly string[])[];
}

/** Commands that the reader can copy. */
export interface CommandsBlock {
  readonly kind: 'commands';
  readonly commands: readonly { readonly purpose: string; readonly command: string }[];
}
