import { testOptions } from '@vitvq/test-utils';
import { expect, it } from 'vitest';
import {
  codebookSection,
  codeColors,
  comparisonGallery,
  comparisonGrid,
  configSection,
  confusionTable,
  evaluationSection,
  layerSweepChart,
  likelihoodSection,
  lineChart,
  lineReportChart,
  probeSection,
  rankChart,
  reconstructionsSection,
  samplesSection,
  svgToPng,
  tokenizerReport,
  tokenMap,
  tokenMapsSection,
  trainingSection,
  writeReport,
} from '../src/index.js';

const svg = '<svg xmlns="http://www.w3.org/2000/svg" width="1" height="1"/>';
const probe = { blocks: [], best: undefined, samples: { train: 0, validation: 0, test: 0 }, warnings: [] };

testOptions({
  codebookSection: { create: (options) => codebookSection(options), option: 'images' },
  codeColors: { create: (options) => codeColors(options), option: 'codebookSize' },
  comparisonGallery: { create: (options) => comparisonGallery([], options), option: 'caption', isOptional: true },
  comparisonGrid: { create: (options) => comparisonGrid([], options), option: 'columns', isOptional: true },
  configSection: { create: (options) => configSection({}, options), option: 'engine', isOptional: true },
  confusionTable: { create: (options) => confusionTable({ confusion: [] }, options), option: 'classes' },
  evaluationSection: { create: (options) => evaluationSection(options), option: 'dataset' },
  layerSweepChart: { create: (options) => layerSweepChart('x.png', [], options), option: 'xLabel', isOptional: true },
  likelihoodSection: { create: (options) => likelihoodSection(options), option: 'measurements' },
  lineChart: { create: (options) => lineChart(options), option: 'series' },
  lineReportChart: { create: (options) => lineReportChart('x.png', options), option: 'hideTitle' },
  probeSection: { create: (options) => probeSection(probe, options), option: 'classes' },
  rankChart: { create: (options) => rankChart(options), option: 'counts' },
  reconstructionsSection: { create: (options) => reconstructionsSection(options), option: 'originals' },
  samplesSection: { create: (options) => samplesSection(options), option: 'samples' },
  svgToPng: { create: (options) => svgToPng(svg, options), option: 'scale', isOptional: true },
  tokenizerReport: { create: (options) => tokenizerReport(options), option: 'codebookReports' },
  tokenMap: { create: (options) => tokenMap([], options), option: 'codebookSize' },
  tokenMapsSection: { create: (options) => tokenMapsSection(options), option: 'codeDepth' },
  trainingSection: { create: (options) => trainingSection(options), option: 'training' },
  writeReport: { create: (options) => writeReport('nowhere', options), option: 'sections' },
});

it('charts refuse scales and colours that there are not', async () => {
  const chart = { title: 'x', xLabel: 'x', yLabel: 'y', series: [{ name: 'x', points: [[0, 1]] as const }] };
  await expect(lineChart({ ...chart, scale: 'logarithmic' as never })).rejects.toThrow(
    'scale to be one of linear, log',
  );
  await expect(lineChart({ ...chart, palette: 'drak' as never })).rejects.toThrow(
    'lineChart: expected palette to be one of light, dark, page, got "drak"',
  );
});
