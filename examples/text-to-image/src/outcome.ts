import { formatPercent, type HostImages } from '@vitvq/core';
import { METRICS_FILE, shellCommand, type StageResult } from '@vitvq/example-shared';
import type { Engine } from '@vitvq/engine';
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
  readonly check: StageResult<CheckResult>;
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

/** What is written beside the stages. */
export const OUTCOME_FILES = ['report.html', METRICS_FILE, 'pictures.png', 'prompts.png', 'gpt-loss.png'];

const nats = (value: number): string => value.toFixed(3);

/** Draws the usual prompts, and those of the command line. */
export async function drawShown(context: StageContext, prompts: readonly string[]): Promise<Shown> {
  const { settings, signal } = context;
  const painter = await Painter.open(context);
  const draw = async (texts: readonly string[]): Promise<Drawn> => {
    const orders = texts.flatMap((text) => seedsOf(context).map((seed): Order => ({ text, seed })));
    return { prompts: texts, pictures: await painter.draw(orders, signal) };
  };
  try {
    const usual = settings.smoke ? SHOWN_PROMPTS.slice(0, 2) : SHOWN_PROMPTS;
    return {
      usual: await draw(usual.map((parts) => caption(parts))),
      wanted: prompts.length > 0 ? await draw(prompts) : undefined,
    };
  } finally {
    painter.dispose();
  }
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
  const { asked, notAsked } = summarize(check.result);
  const { natsPerToken, ...others } = gpt.result;
  return {
    validationNatsPerToken: natsPerToken,
    ...others,
    askedFraction: asked,
    notAskedFraction: notAsked,
    check: check.result,
    tokenizer: tokenizer.result,
    images: codes.result,
    seconds: { tokenizer: tokenizer.seconds, codes: codes.seconds, gpt: gpt.seconds, check: check.seconds },
    engine: name,
    threads,
    settings,
  };
}

/** Returns the report of the run. */
export async function reportOf(context: StageContext, outcome: Outcome, engine: Engine): Promise<ReportContent> {
  const { folder, settings, data } = context;
  const { gpt, check, usual, wanted } = outcome;
  const { asked, notAsked } = summarize(check.result);
  const seconds = [outcome.tokenizer, outcome.codes, gpt, check].reduce((sum, stage) => sum + stage.seconds, 0);
  return {
    title: 'Images from text',
    lead:
      `A GPT has learned codes of ${data.train.captions.length} images of ${data.train.source.name}, each given a caption that ` +
      `is true of it, in ${(seconds / 60).toFixed(1)} minutes. It draws what prompts ask for.`,
    summary: [
      {
        label: 'Validation loss',
        value: nats(gpt.result.natsPerToken),
        unit: 'nats/token',
        note: `${nats(gpt.result.otherCaptionNatsPerToken)} given another image's caption`,
      },
      {
        label: 'Carry what was asked for',
        value: formatPercent(asked),
        note: `${formatPercent(notAsked)} without being asked`,
      },
    ],
    sections: [
      ...(wanted ? [drawnSection(context, 'Your prompts', wanted, 'prompts.png')] : []),
      drawnSection(context, 'One thing at a time', usual, 'pictures.png'),
      checkSection(check.result),
      captionsSection(context),
      await gptSection(context, gpt.result),
      configSection({ settings, gpt: gptPlan(settings), sampling: SAMPLING }, { engine }),
      commandsSection([
        {
          purpose: 'Draw something else with this run',
          command: shellCommand([
            ...['npm', 'run', 'text-to-image', '--', '--out', folder.path],
            ...['--prompt', 'a bright mostly green photo of a horse'],
          ]),
        },
        {
          purpose: 'Train longer, on more images',
          command: 'npm run text-to-image -- --minutes 60 --out runs/text-to-image-60',
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
  return {
    title: 'Captions',
    blocks: [
      {
        kind: 'table',
        caption: 'The first training images: a caption says what is true, and not all of it.',
        columns: ['class', 'measured', 'caption'],
        rows: data.train.captions
          .slice(0, 12)
          .map((text, image) => [
            data.train.source.classNames[data.train.source.labels[image]!]!,
            Object.values(data.train.attributes[image]!).join(', '),
            text,
          ]),
      },
    ],
  };
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
