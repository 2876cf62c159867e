export { codeColors, type CodeColorsOptions } from './code-colors.js';
export { comparisonGallery, type ComparisonColumn, type ComparisonGalleryOptions } from './comparison-gallery.js';
export { confusionTable, type ConfusionTableOptions } from './confusion-table.js';
export { imageGrid, type ImageGridOptions } from './image-grid.js';
export { layerSweepChart, type LayerSweepChartOptions, type ProbedBlock } from './layer-sweep-chart.js';
export { lineChart, type LineChartOptions, type Series } from './line-chart.js';
export { lineReportChart } from './line-report-chart.js';
export { rankChart, type RankChartOptions } from './rank-chart.js';
export {
  type ChartsBlock,
  type CommandsBlock,
  type GalleryBlock,
  type GalleryItem,
  type ImageBlock,
  type ReportBlock,
  type ReportChart,
  type ReportContent,
  type ReportSection,
  type SummaryCard,
  type TableBlock,
  type TextBlock,
} from './report-content.js';
export { encodePng, svgToPng, toRgbImages, writePng, type RgbImage } from './rgb-image.js';
export { stage1Charts, type TrainingRecord } from './stage1-charts.js';
export {
  configurationRows,
  stage1Report,
  type CodebookReportFacts,
  type Stage1EvaluationFacts,
  type Stage1ReportFacts,
} from './stage1-report.js';
export { tokenMap, type TokenMapOptions } from './token-map.js';
export { writeReport } from './write-report.js';
export { type ChartPalette } from './internal/chart.js';
