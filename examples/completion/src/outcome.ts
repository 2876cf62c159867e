import { formatPercent, toRgbImages, type HostImages, type RgbImage } from '@vitvq/core';
import type { Engine } from '@vitvq/engine';
import { lineReportChart, type GalleryBlock, type ReportContent, type ReportSection } from '@vitvq/report';
import { COMPLETIONS, SAMPLING, type Settings } from './config.js';
import { halvesOf } from './halves.js';
import type { TestImages } from './images.js';
import type { Knowledge, Likeness } from './measure.js';

export interface Outcome {
  /** Whose models. */
  readonly run: string;
  /** Images in the report, the first ones. */
  readonly shown: number;
  readonly originals: TestImages;
  readonly reconstructions: HostImages;
  /**
   * The first completion of every image, then the second one of those that are shown, and so on.
   * Undefined for images without a class that the model knows.
   */
  readonly withClass: HostImages | undefined;
  readonly withoutClass: HostImages;
  readonly knowledge: { readonly withClass: Knowledge | undefined; readonly withoutClass: Knowledge };
  readonly likeness: {
    readonly reconstruction: Likeness;
    readonly withClass: Likeness | undefined;
    readonly withoutClass: Likeness;
    /** Completions of another image, of the class where there are classes. */
    readonly otherImage: Likeness;
  };
}

/** Returns the numbers of `metrics.json`. */
export function metricsOf(
  { run, originals, knowledge, likeness }: Outcome,
  settings: Settings,
  { name, threads }: Engine,
): object {
  const { withoutClass } = knowledge;
  const known = knowledge.withClass ?? withoutClass;
  return {
    lowerNatsPerToken: known.own,
    lowerNatsPerTokenUnderAnother: known.other,
    gainStandardError: known.standardError,
    ownUpperHalfPreferred: known.preferred,
    lowerRows: known.rows,
    withoutClass: {
      lowerNatsPerToken: withoutClass.own,
      lowerNatsPerTokenUnderAnother: withoutClass.other,
      gainStandardError: withoutClass.standardError,
      ownUpperHalfPreferred: withoutClass.preferred,
    },
    lowerHalves: likeness,
    images: originals.shape[0],
    heldOut: originals.isHeldOut,
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
  const known = knowledge.withClass ?? knowledge.withoutClass;
  const completed = likeness.withClass ?? likeness.withoutClass;
  const ofClass = originals.classes ? ' of the class' : '';
  return {
    title: 'Completing the lower half',
    lead:
      `${originals.isHeldOut ? `The models of ${run} have never seen these images` : `Models of ${run} complete images`} of ` +
      `${originals.source}. They are given the codes of the upper half and draw the rest` +
      `${originals.classes ? ', with the class and without it' : ''}. No completion is chosen.`,
    summary: [
      {
        label: 'Lower half',
        value: nats(known.own),
        unit: 'nats/token',
        note: `${nats(known.other)} under another upper half${ofClass}`,
      },
      { label: 'Own upper half preferred', value: formatPercent(known.preferred), note: 'one half by chance' },
      {
        label: 'Completions',
        value: completed.psnr.toFixed(2),
        unit: 'dB',
        note: `${likeness.otherImage.psnr.toFixed(2)} dB for those of another image${ofClass}`,
      },
    ],
    sections: [completionsSection(outcome), knowledgeSection(outcome), likenessSection(outcome)],
    footer:
      `Seed ${settings.seed}; ${originals.classes ? `guidance ${SAMPLING.guidanceScale} towards the class; ` : ''}` +
      `the ${SAMPLING.topK} most likely codes.`,
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
      ...(withClass ? numbers(COMPLETIONS.withClass) : []).map((number) => `class, ${number + 1}`),
      ...numbers(COMPLETIONS.withoutClass).map((number) => `${withClass ? 'no class, ' : ''}${number + 1}`),
    ],
    items: Array.from({ length: shown }, (_, image) => ({
      images: [
        pictureOf(originals, image),
        pictureOf(reconstructions, image),
        upperHalf(pictureOf(reconstructions, image)),
        ...(withClass ? numbers(COMPLETIONS.withClass).map((number) => of(withClass, image, number)) : []),
        ...numbers(COMPLETIONS.withoutClass).map((number) => of(withoutClass, image, number)),
      ],
      caption: originals.names[image]!,
    })),
    caption:
      'The original, what is left of it in its codes, the upper half that is given, and completions from different seeds' +
      `${withClass ? ': with the class, and without it' : ''}.`,
    file: 'completions.png',
    columns: 2,
  };
  return { title: 'Completions', blocks: [gallery] };
}

function knowledgeSection({ knowledge, originals }: Outcome): ReportSection {
  const { withClass, withoutClass } = knowledge;
  const known = withClass ?? withoutClass;
  const row = (name: string, { own, other, standardError, preferred }: Knowledge): string[] => [
    name,
    nats(own),
    nats(other),
    `${nats(other - own)} ± ${nats(1.96 * standardError)}`,
    formatPercent(preferred),
  ];
  const rowsOf = (name: string, which: 'own' | 'other') => ({
    name,
    points: known.rows.map((values, index) => [index + 1, values[which]] as const),
  });
  return {
    title: 'What the upper half tells',
    blocks: [
      {
        kind: 'text',
        text:
          `How likely the transformer finds the true lower half of each of ${originals.shape[0]} images under its own upper half, ` +
          `and under that of another image${withClass ? ' of the same class' : ''}. If it did not look up, both were the same.`,
      },
      {
        kind: 'table',
        caption: 'Nats per token of the lower half; less is better. The gain with its 95 % interval over the images.',
        columns: ['', 'own upper half', withClass ? 'another of the class' : 'another image', 'gain', 'own preferred'],
        rows: [...(withClass ? [row('with the class', withClass)] : []), row('without the class', withoutClass)],
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
          `something beside the last row only: the completions of another image${likeness.withClass ? ' of the class' : ''}, ` +
          'below this image’s upper half.',
        columns: ['lower half', 'PSNR', 'colour distance', 'step at the seam'],
        rows: [
          row('reconstruction', likeness.reconstruction),
          ...(likeness.withClass ? [row('completion, with the class', likeness.withClass)] : []),
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
