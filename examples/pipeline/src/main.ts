/**
 * The whole of ViT-VQGAN (arXiv:2110.04627) at small scale, from CIFAR-10 or your own pictures to
 * generated images and a linear probe: tokenizer, codes, transformer, a grid of images of every
 * class, what each block of the models knows of classes, and a report. Everything that is learned,
 * and how, stands in configs/pipeline.yaml; this program gives its most used fields options of
 * their own. Each stage leaves its result, and the trainings checkpoints: a run that was stopped or
 * killed goes on where it was.
 *
 *   npm run pipeline            about 20 minutes on two cores; see README.md for what to expect
 *   npm run rq-pipeline         the same with an RQTransformer on residual codes (arXiv:2203.01941)
 *   npm run pipeline -- --help
 */
import '@tensorflow/tfjs';
import { runProgram, terminalView } from '@vitvq/example-shared';
import { abortOnCtrlC, trainRun } from '@vitvq/run';
import { parseArguments, programName } from './options.js';
import { configOf } from './config.js';

const name = programName();

await runProgram(name, async () => {
  const { out, fresh, ...request } = parseArguments(process.argv.slice(2), name);
  const command = `npm run ${request.model === 'gpt' ? 'pipeline' : 'rq-pipeline'} --`;
  await trainRun(await configOf(request), {
    out,
    fresh,
    view: terminalView,
    signal: abortOnCtrlC(out),
    commands: [
      { purpose: 'Another seed', command: `${command} --seed 1 --out ${out}-1` },
      { purpose: 'Longer, on more images', command: `${command} --minutes 60 --out ${out}-60` },
      { purpose: 'Your own pictures', command: `${command} --data path/to/pictures --out runs/mine` },
      { purpose: 'More images', command: `npm run vitvq -- sample ${out} --count 64 --out ${out}-images` },
    ],
  });
});
