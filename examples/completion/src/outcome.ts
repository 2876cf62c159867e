import { formatPercent, toRgbImages, type HostImages, type RgbImage } from '@vitvq/core';
import type { LoadedImages } from '@vitvq/data';
import type { Engine } from '@vitvq/engine';
import { lineReportChart, type GalleryBlock, type ReportContent, type ReportSection } from '@vitvq/report';
import { COMPLETIONS, SAMPLING, type Settings } from './config.js';
import { halvesOf } from './halves.js';
import type { Knowledge, Likeness } from './measure.js';

export interface Outcome {
  /** Whose models. */
  readonly run: string;
  /** Images in the report, the first ones. */
  readonly shown: number;
  readonly originals: LoadedImages & { readonly source: string };
  readonly reconstructions: HostImages;
  /**
   * The first completion of every image, then the second one of those that are shown, and so on.
   */
  readonly withClass: HostImages;
  readonly withoutClass: HostImages;
  readonly knowledge: { readonly withClass: Knowledge; readonly withoutClass: Knowledge };
  readonly likeness: {
    readonly reconstruction: Likeness;
    readonly withClass: Likeness;
    readonly withoutClass: Likeness;
    /** Completions of another image of the class. */
    readonly otherImage: Likeness;
  };
}

/** Returns the numbers of `metrics.json`. */
export function metricsOf(
  { run, originals, knowledge, likeness }: Outcome,
  settings: Settings,
  { name, threads }: Engine,
): object {
  const { withClass, withoutClass } = knowledge;
  return {
    lowerNatsPerToken: withClass.own,
    lowerNatsPerTokenUnderAnother: withClass.other,
    gainStandardError: withClass.standardError,
    ownUpperHalfPreferred: withClass.preferred,
    lowerRows: withClass.rows,
    withoutClass: {
      lowerNatsPerToken: withoutClass.own,
      lowerNatsPerTokenUnderAnother: withoutClass.other,
      gainStandardError: withoutClass.standardError,
      ownUpperHalfPreferred: withoutClass.preferred,
    },
    lowerHalves: likeness,
    images: originals.shape[0],
    run,
    engine: name,
    threads,
    settings,
  };
}

const nats = (value: number): string => value.toFixed(3);

/** Returns the report. */
export function reportOf(outcome: Outcome, settings: Settings): ReportContent {
  const { run, originals, knowledge, likeness } = outcome;
  const { withClass } = knowledge;
  return {
    title: 'Completing the lower half',
    lead:
      `The models of ${run} have never seen these images of ${originals.source}. They are given the codes of the upper half ` +
      'and draw the rest, with the class and without it. No completion is chosen.',
    summary: [
      {
        label: 'Lower half',
        value: nats(withClass.own),
        unit: 'nats/token',
        note: `${nats(withClass.other)} under another upper half of the class`,
      },
      { label: 'Own upper half preferred', value: formatPercent(withClass.preferred), note: 'one half by chance' },
      {
        label: 'Completions',
        value: likeness.withClass.psnr.toFixed(2),
        unit: 'dB',
        note: `${likeness.otherImage.psnr.toFixed(2)} dB for those of another image of the class`,
      },
    ],
    sections: [completionsSection(outcome), knowledgeSection(outcome), likenessSection(outcome)],
    footer: `Seed ${settings.seed}; guidance ${SAMPLING.guidanceScale} towards the class; the ${SAMPLING.topK} most likely codes.`,
  };
}

function completionsSection({ shown, originals, reconstructions, withClass, withoutClass }: Outcome): ReportSection {
  const count = originals.shape[0];
  const of = (pictures: HostImages, image: number, number: number): RgbImage =>
    pictureOf(pictures, number === 0 ? image : count + (number - 1) * shown + image);
  const numbers = (length: number): number[] => Array.from({ length }, (_, number) => number);
  const gallery: GalleryBlock = {
    kind: 'gallery',
    labels: [
      'original',
      'its codes',
      'given',
      ...numbers(COMPLETIONS.withClass).map((number) => `class, ${number + 1}`),
      ...numbers(COMPLETIONS.withoutClass).map((number) => `no class, ${number + 1}`),
    ],
    items: Array.from({ length: shown }, (_, image) => ({
      images: [
        pictureOf(originals, image),
        pictureOf(reconstructions, image),
        upperHalf(pictureOf(reconstructions, image)),
        ...numbers(COMPLETIONS.withClass).map((number) => of(withClass, image, number)),
        ...numbers(COMPLETIONS.withoutClass).map((number) => of(withoutClass, image, number)),
      ],
      caption: originals.names[image]!,
    })),
    caption:
      'The original, what is left of it in its codes, the upper half that is given, and completions from different seeds: ' +
      'with the class, and without it.',
    file: 'completions.png',
    columns: 2,
  };
  return { title: 'Completions', blocks: [gallery] };
}

function knowledgeSection({ knowledge, originals }: Outcome): ReportSection {
  const { withClass, withoutClass } = knowledge;
  const row = (name: string, { own, other, standardError, preferred }: Knowledge): string[] => [
    name,
    nats(own),
    nats(other),
    `${nats(other - own)} ± ${nats(1.96 * standardError)}`,
    formatPercent(preferred),
  ];
  const rowsOf = (name: string, which: 'own' | 'other') => ({
    name,
    points: withClass.rows.map((values, index) => [index + 1, values[which]] as const),
  });
  return {
    title: 'What the upper half tells',
    blocks: [
      {
        kind: 'text',
        text:
          `How likely the transformer finds the true lower half of each of ${originals.shape[0]} images under its own upper half, ` +
          'and under that of another image of the same class. If it did not look up, both were the same.',
      },
      {
        kind: 'table',
        caption: 'Nats per token of the lower half; less is better. The gain with its 95 % interval over the images.',
        columns: ['', 'own upper half', 'another of the class', 'gain', 'own preferred'],
        rows: [row('with the class', withClass), row('without the class', withoutClass)],
      },
      {
        kind: 'charts',
        charts: [
          lineReportChart('upper-half.png', {
            title: 'How far down the upper half reaches',
            xLabel: 'row of the lower half',
            yLabel: 'nats per token',
            series: [rowsOf('own upper half', 'own'), rowsOf("another's", 'other')],
          }),
        ],
      },
    ],
  };
}

function likenessSection({ likeness }: Outcome): ReportSection {
  const row = (name: string, { psnr, colorDistance, seam }: Likeness): string[] => [
    name,
    `${psnr.toFixed(2)} dB`,
    colorDistance.toFixed(3),
    seam.toFixed(3),
  ];
  return {
    title: 'How near completions come',
    blocks: [
      {
        kind: 'table',
        caption:
          'Lower halves compared with the true ones: PSNR, distance of the mean colours, and the step from the last row of the ' +
          'upper half to the first of the lower one. A completion may be good and another one, so that these numbers say ' +
          'something beside the last row only: the completions of another image of the class, below this image’s upper half.',
        columns: ['lower half', 'PSNR', 'colour distance', 'step at the seam'],
        rows: [
          row('reconstruction', likeness.reconstruction),
          row('completion, with the class', likeness.withClass),
          row('completion, without the class', likeness.withoutClass),
          row('completion of another image', likeness.otherImage),
        ],
      },
    ],
  };
}

function pictureOf({ data, shape: [, ...size] }: HostImages, image: number): RgbImage {
  const values = size.reduce((product, length) => product * length, 1);
  return toRgbImages({ data: data.subarray(image * values, (image + 1) * values), shape: [1, ...size] })[0]!;
}

/** The lower half in grey. */
function upperHalf({ width, height, data }: RgbImage): RgbImage {
  const { upper } = halvesOf(height, 3 * width);
  return { width, height, data: data.map((value, index) => (index < upper ? value : 128)) };
}
