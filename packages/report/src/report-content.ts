import type { LineChartOptions } from './line-chart.js';
import type { RankChartOptions } from './rank-chart.js';
import type { RgbImage } from './rgb-image.js';

/** What a report says; all text is plain text. */
export interface ReportContent {
  readonly title: string;
  /** One or two sentences below the title. */
  readonly lead?: string;
  /** The few numbers that matter most. */
  readonly summary?: readonly SummaryCard[];
  readonly sections: readonly ReportSection[];
  /** Small print at the end. */
  readonly footer?: string;
}

export interface SummaryCard {
  readonly label: string;
  readonly value: string;
  readonly unit?: string;
  /** What the number refers to. */
  readonly note?: string;
}

export interface ReportSection {
  readonly title: string;
  readonly blocks: readonly ReportBlock[];
}

export type ReportBlock = TextBlock | ImageBlock | GalleryBlock | ChartsBlock | TableBlock | CommandsBlock;

export interface TextBlock {
  readonly kind: 'text';
  readonly text: string;
}

export interface ImageBlock {
  readonly kind: 'image';
  readonly image: RgbImage;
  /** What is to be seen, for those who cannot see it. */
  readonly alt: string;
  readonly caption?: string;
  /** Also written beside the report: lower-case letters, digits and hyphens, ending in `.png`. */
  readonly file?: string;
}

/** Small pictures in groups that belong together, such as an original and its reconstruction; flows with the page's width. */
export interface GalleryBlock {
  readonly kind: 'gallery';
  /** What the pictures of each group are, in their order. */
  readonly labels: readonly string[];
  readonly items: readonly GalleryItem[];
  readonly caption?: string;
  /** See `ImageBlock.file`; all groups in one picture. */
  readonly file?: string;
  /** Groups in a row of that picture. @default 4, or 3 with more than two labels */
  readonly columns?: number;
}

export interface GalleryItem {
  /** As many as there are labels. */
  readonly images: readonly RgbImage[];
  readonly caption?: string;
}

/** Charts beside each other where there is room. */
export interface ChartsBlock {
  readonly kind: 'charts';
  readonly charts: readonly ReportChart[];
}

export interface ReportChart {
  readonly chart: ({ readonly type: 'line' } & LineChartOptions) | ({ readonly type: 'rank' } & RankChartOptions);
  /** What the chart shows, for those who cannot see it. */
  readonly alt: string;
  readonly caption?: string;
  /** See `ImageBlock.file`. */
  readonly file?: string;
}

export interface TableBlock {
  readonly kind: 'table';
  readonly caption?: string;
  /** Names of the columns; without them the first cell of each row is its heading. */
  readonly columns?: readonly string[];
  readonly rows: readonly (readonly string[])[];
}

/** Commands to copy. */
export interface CommandsBlock {
  readonly kind: 'commands';
  readonly commands: readonly { readonly purpose: string; readonly command: string }[];
}
