import type { LineChartOptions, Series } from '@vitvq/report';
import { RESETTABLE, STARTED, TREATMENT_TEXTS, VARIANTS, type Variant } from './config.js';
import { METRICS, type Metric } from './metrics.js';
import type { Study } from './study.js';

/** Charts of one subject, one a metric. */
export interface ChartGroup {
  readonly title: string;
  readonly charts: readonly (LineChartOptions & { readonly file: string })[];
}

/** Returns the charts of a study: the kinds as they are, then each with its treatments. */
export function chartGroups(study: Study): ChartGroup[] {
  const asIs = VARIANTS.filter(({ treatment }) => treatment === 'as is');
  const hasCodes = ({ kind }: Variant): boolean => kind.treatments.length > 1;
  const kindTitle = ({ kind }: Variant): string => kind.title;
  return [
    group(study, 'Learned codes as they are', 'learned', asIs.filter(hasCodes), kindTitle),
    group(
      study,
      'Fixed codes',
      'fixed',
      asIs.filter((variant) => !hasCodes(variant)),
      kindTitle,
    ),
    ...RESETTABLE.map((kind) =>
      group(
        study,
        kind.title,
        kind.name,
        VARIANTS.filter((variant) => variant.kind === kind),
        ({ treatment }) => TREATMENT_TEXTS[treatment],
      ),
    ),
    group(
      study,
      STARTED.map(({ title }) => title).join(' and '),
      'started',
      VARIANTS.filter(({ kind }) => STARTED.includes(kind)),
      ({ kind, treatment }) => (treatment === 'as is' ? kind.title : `${kind.title}, ${treatment}`),
    ),
  ];
}

function group(
  study: Study,
  title: string,
  name: string,
  variants: readonly Variant[],
  nameOf: (variant: Variant) => string,
): ChartGroup {
  const charts = (Object.keys(METRICS) as Metric[]).map((metric) => ({
    title: `${title}: ${METRICS[metric].title}`,
    file: `${name}-${METRICS[metric].file}.png`,
    xLabel: 'steps',
    width: 560,
    height: 320,
    yLabel: METRICS[metric].axis,
    series: variants.map((variant) => series(study, variant, metric, nameOf(variant))),
  }));
  return { title, charts };
}

function series(study: Study, variant: Variant, metric: Metric, name: string): Series {
  const [least, most] = METRICS[metric].range;
  const points = study
    .curve(variant, metric)
    .map(({ step, mean, low, high }) => [step, mean, Math.max(low, least), Math.min(high, most)] as const);
  return { name, points };
}
