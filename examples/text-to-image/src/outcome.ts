import { formatPercent, type HostImages } from '@vitvq/core';
import type { Engine } from '@vitvq/engine';
import { METRICS_FILE } from '@vitvq/example-shared';
import { imagesFile, shellCommand, type StageResult } from '@vitvq/run';
import {
  commandsSection,
  configSection,
  likelihoodSection,
  samplesSection,
  type ReportContent,
  type ReportSection,
} from '@vitvq/report';
import { logCurve, readTrainingLog } from '@vitvq/training';
import { caption } from './captions.js';
import { summarize, type CheckResult } from './check-stage.js';
import type { CodesResult } from './codes-stage.js';
import { gptPlan, picturesPerPrompt, SAMPLING, SHOWN_PROMPTS } from './config.js';
import type { GPTResult } from './gpt-stage.js';
import { Painter, type Order } from './painter.js';
import type { StageContext } from './stage-context.js';
import type { TokenizerResult } from './tokenizer-stage.js';

/** What the stages came to, and what is shown. */
export interface Outcome extends Shown {
  readonly tokenizer: StageResult<TokenizerResult>;
  readonly codes: StageResult<CodesResult>;
  readonly gpt: StageResult<GPTResult>;
  /** Absent for captions of one's own. */
  readonly check: StageResult<CheckResult> | undefined;
}

interface Shown {
  /** Of the prompts that always are drawn. */
  readonly usual: Drawn;
  /** Of the command line's; undefined without any. */
  readonly wanted: Drawn | undefined;
}

interface Drawn {
  readonly prompts: readonly string[];
  /** Prompt after prompt, each from the same seeds. */
  readonly pictures: HostImages;
}

/** What is written beside the stages, and what a run of other images may have left. */
export const OUTCOME_FILES = [
  ...['report.html', METRICS_FILE, imagesFile, 'pictures.png', 'prompts.png', 'gpt-loss.png'],
  ...['check', 'check.json'],
];

const nats = (value: number): string => value.toFixed(3);

/** Draws the usual prompts, and those of the command line. */
export async function drawShown(context: StageContext, prompts: readonly string[]): Promise<Shown> {
  const { settings, signal, data } = context;
  const painter = await Painter.open(context);
  const draw = async (texts: readonly string[]): Promise<Drawn> => {
    const orders = texts.flatMap((text) => seedsOf(context).map((seed): Order => ({ text, seed })));
    return { prompts: texts, pictures: await painter.draw(orders, signal) };
  };
  try {
    const all = isOwn(data) ? [...new Set(data.test.captions)] : SHOWN_PROMPTS.map((parts) => caption(parts));
    return {
      usual: await draw(all.slice(0, settings.smoke ? 2 : SHOWN_PROMPTS.length)),
      wanted: prompts.length > 0 ? await draw(prompts) : undefined,
    };
  } finally {
    painter.dispose();
  }
}

function isOwn({ directory }: StageContext['data']): boolean {
  return directory !== undefined;
}

function seedsOf({ settings }: StageContext): number[] {
  const count = picturesPerPrompt(settings);
  return Array.from({ length: count }, (_, number) => settings.seed * count + number);
}

/** Returns the numbers of `metrics.json`. */
export function metricsOf(
  { settings }: StageContext,
  { tokenizer, codes, gpt, check }: Outcome,
  { name, threads }: Engine,
): object {
  const { natsPerToken, ...others } = gpt.result;
  const checked = check && summarize(check.result);
  return {
    validationNatsPerToken: natsPerToken,
    ...others,
    ...(checked && { askedFraction: checked.asked, notAskedFraction: checked.notAsked, check: check.result }),
    tokenizer: tokenizer.result,
    images: codes.result,
    seconds: {
      tokenizer: tokenizer.seconds,
      codes: codes.seconds,
      gpt: gpt.seconds,
      ...(check && { check: check.seconds }),
    },
    engine: name,
    threads,
    settings,
  };
}

/** Returns the report of the run. */
export async function reportOf(context: StageContext, outcome: Outcome, engine: Engine): Promise<ReportContent> {
  const { folder, settings, data } = context;
  const { gpt, check, usual, wanted } = outcome;
  const checked = check && summarize(check.result);
  const stages = [outcome.tokenizer, outcome.codes, gpt, ...(check ? [check] : [])];
  const seconds = stages.reduce((sum, stage) => sum + stage.seconds, 0);
  const given = data.directory === undefined ? [] : ['--data', data.directory];
  const command = ['npm', 'run', 'text-to-image', '--', ...given];
  return {
    title: 'Images from text',
    lead:
      `A GPT has learned codes of ${data.train.captions.length} images of ${data.train.source.name}, each given ` +
      `${isOwn(data) ? 'its caption' : 'a caption that is true of it'}, in ${(seconds / 60).toFixed(1)} minutes. It draws what prompts ask for.`,
    summary: [
      {
        label: 'Validation loss',
        value: nats(gpt.result.natsPerToken),
        unit: 'nats/token',
        note: `${nats(gpt.result.otherCaptionNatsPerToken)} given another image's caption`,
      },
      ...(checked
        ? [
            {
              label: 'Carry what was asked for',
              value: formatPercent(checked.asked),
              note: `${formatPercent(checked.notAsked)} without being asked`,
            },
          ]
        : []),
    ],
    sections: [
      ...(wanted ? [drawnSection(context, 'Your prompts', wanted, 'prompts.png')] : []),
      drawnSection(context, isOwn(data) ? 'Captions of held-out images' : 'One thing at a time', usual, 'pictures.png'),
      ...(check ? [checkSection(check.result)] : []),
      captionsSection(context),
      await gptSection(context, gpt.result),
      configSection({ settings, gpt: gptPlan(settings), sampling: SAMPLING }, { engine }),
      commandsSection([
        {
          purpose: 'Draw something else with this run',
          command: shellCommand([
            ...[...command, '--out', folder.path],
            ...['--prompt', isOwn(data) ? usual.prompts[0]! : 'a bright mostly green photo of a horse'],
          ]),
        },
        {
          purpose: 'Train longer, on more images',
          command: shellCommand([...command, '--minutes', '60', '--out', `${folder.path}-60`]),
        },
      ]),
    ],
  };
}

function drawnSection(context: StageContext, title: string, { prompts, pictures }: Drawn, file: string): ReportSection {
  return samplesSection({
    title,
    samples: pictures,
    labels: seedsOf(context).map((seed) => `seed ${seed}`),
    rows: prompts,
    caption: `None is chosen. Guidance ${SAMPLING.guidanceScale}, the ${SAMPLING.topK} most likely codes.`,
    file,
    columns: 2,
  });
}

function checkSection({ picturesPerValue, rows }: CheckResult): ReportSection {
  return {
    title: 'Do pictures carry what they were asked for?',
    blocks: [
      {
        kind: 'text',
        text:
          `${picturesPerValue} pictures for each word, of all classes, measured by the function that made the captions. Chance is ` +
          'how often pictures have it of which nothing but the same class was asked, from the same seeds.',
      },
      {
        kind: 'table',
        columns: ['', 'asked for', 'not asked for', 'photographs'],
        rows: rows.map(({ attribute, value, asked, notAsked, photos }) => [
          attribute === 'side' ? `brighter ${value}` : value,
          formatPercent(asked),
          formatPercent(notAsked),
          formatPercent(photos),
        ]),
      },
    ],
  };
}

function captionsSection({ data }: StageContext): ReportSection {
  const { source, attributes, captions } = data.train;
  const first = captions.slice(0, 12);
  const table = attributes
    ? {
        caption: 'The first training images: a caption says what is true, and not all of it.',
        columns: ['class', 'measured', 'caption'],
        rows: first.map((text, image) => [
          source.classNames[source.labels[image]!]!,
          Object.values(attributes[image]!).join(', '),
          text,
        ]),
      }
    : {
        caption: 'The first training images. Of a file with several captions, one is taken.',
        columns: ['image', 'caption'],
        rows: first.map((text, image) => [source.nameOf?.(image) ?? String(image), text]),
      };
  return { title: 'Captions', blocks: [{ kind: 'table', ...table }] };
}

async function gptSection({ folder }: StageContext, gpt: GPTResult): Promise<ReportSection> {
  const log = await readTrainingLog(folder.of('gpt'));
  return likelihoodSection({
    title: 'GPT',
    curves: [
      { name: 'training', points: logCurve(log, 'step', 'loss') },
      { name: 'test images', points: logCurve(log, 'evaluate', 'natsPerToken') },
    ],
    measurements: [
      { name: 'Test images, given their captions', nats: gpt.natsPerToken },
      { name: 'Given the caption of another image', nats: gpt.otherCaptionNatsPerToken },
      { name: 'Given no caption', nats: gpt.noCaptionNatsPerToken },
    ],
    unigramNats: gpt.unigramNatsPerToken,
    training: { steps: gpt.steps, seconds: gpt.trainingSeconds, parameterCount: gpt.parameterCount },
    file: 'gpt-loss.png',
  });
}
