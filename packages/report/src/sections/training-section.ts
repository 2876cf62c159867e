import { checkOptions, type OptionTable } from '@vitvq/core';
import { engineRows, trainingRows } from '../internal/training-rows.js';
import { canDraw, type LineChartOptions } from '../line-chart.js';
import { lineReportChart } from '../line-report-chart.js';
import type { ReportBlock, ReportSection } from '../report-content.js';
import type { EngineFacts, TrainingFacts } from '../report-facts.js';

/** A curve of a training. */
export interface TrainingChart extends LineChartOptions {
  /** See `ImageBlock.file`. @default `training-1.png`, and so on by place */
  readonly file?: string;
}

/** Options of {@link trainingSection}. */
export interface TrainingSectionOptions {
  /**
   * Curves over the steps, such as those of `tokenizerCharts`; curves without a point are left out.
   */
  readonly charts: readonly TrainingChart[];
  readonly training: TrainingFacts;
  readonly engine?: EngineFacts;
  /** More rows of the table, such as a measurement and its value; they come first. */
  readonly rows?: readonly (readonly string[])[];
  /** Text above the table. */
  readonly caption?: string;
  /** @default 'Training' */
  readonly title?: string;
}

const trainingSectionOptionNames: OptionTable<TrainingSectionOptions> = {
  charts: 'required',
  training: 'required',
  engine: 'optional',
  rows: 'optional',
  caption: 'optional',
  title: 'optional',
};

/** Shows the curves of a training, its speed and its engine. */
export function trainingSection(options: TrainingSectionOptions): ReportSection {
  checkOptions(options, trainingSectionOptionNames, 'trainingSection');
  const { charts, training, engine, rows = [], caption, title = 'Training' } = options;
  const blocks: ReportBlock[] = [];
  // A run that was stopped after its first steps may have nothing to draw yet.
  const drawn = charts.filter(canDraw);
  if (drawn.length > 0) {
    blocks.push({
      kind: 'charts',
      charts: drawn.map(({ file = '', ...chart }, index) =>
        lineReportChart(file || `training-${index + 1}.png`, chart),
      ),
    });
  }
  blocks.push({
    kind: 'table',
    rows: [...rows, ...(engine ? engineRows(engine) : []), ...trainingRows(training)],
    ...(caption !== undefined && { caption }),
  });
  return { title, blocks };
}
