export { type ChartFrame, type ChartPalette } from './chart-frame.js';
export { codeColors, type CodeColorsOptions } from './code-colors.js';
export { comparisonGallery, type ComparisonColumn, type ComparisonGalleryOptions } from './comparison-gallery.js';
export { comparisonGrid, type ComparisonGridOptions } from './comparison-grid.js';
export { confusionTable, type ConfusionTableOptions } from './confusion-table.js';
export { encodePng } from './encode-png.js';
export { layerSweepChart, type LayerSweepChartOptions, type ProbedBlock } from './layer-sweep-chart.js';
export { canDraw, lineChart, type LineChartOptions, type Series } from './line-chart.js';
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
export {
  type CodebookUsageFacts,
  type EngineFacts,
  type EvaluationFacts,
  type ReconstructionFacts,
  type TrainingFacts,
} from './report-facts.js';
export {
  codebookSection,
  type CodebookReportFacts,
  type CodebookSectionOptions,
  type CountedCodebookUsage,
} from './sections/codebook-section.js';
export { commandsSection } from './sections/commands-section.js';
export { configRows, configSection, type ConfigSectionOptions } from './sections/config-section.js';
export { evaluationSection, type EvaluationSectionOptions } from './sections/evaluation-section.js';
export { likelihoodSection, type LikelihoodSectionOptions } from './sections/likelihood-section.js';
export {
  probeSection,
  type ProbedBlockFacts,
  type ProbeFacts,
  type ProbeSectionOptions,
} from './sections/probe-section.js';
export { reconstructionsSection, type ReconstructionsSectionOptions } from './sections/reconstructions-section.js';
export { samplesSection, type SamplesSectionOptions } from './sections/samples-section.js';
export { tokenMapsSection, type TokenMapsSectionOptions } from './sections/token-maps-section.js';
export { trainingSection, type TrainingChart, type TrainingSectionOptions } from './sections/training-section.js';
export { svgToPng, type SvgToPngOptions } from './svg-to-png.js';
export { tokenMap, type TokenMapOptions } from './token-map.js';
export { tokenizerCharts, type TrainingRecord } from './tokenizer-charts.js';
export { tokenizerReport, type TokenizerEvaluation, type TokenizerReportFacts } from './tokenizer-report.js';
export { writePng } from './write-png.js';
export { readPng } from './read-png.js';
export { renderReport, type RenderReportOptions } from './render-report.js';
export { writeReport } from './write-report.js';
