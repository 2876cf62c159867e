import { Option, type Command } from 'commander';
import { findModels } from './find-models.js';

interface ExportOptions {
  readonly to: 'onnx';
  readonly out?: string;
  readonly weights: 'float32' | 'float16';
  readonly verify: boolean;
}

/** `vitvq export <run> --to onnx`: the models of a run as files for any ONNX runtime. */
export function addExportCommand(program: Command): void {
  program
    .command('export')
    .description('the tokenizer and the transformer of a run as standard ONNX files, checked against the originals')
    .argument('<run>', 'folder of a run (runs/quickstart, runs/pipeline) or of one model')
    .addOption(new Option('--to <format>', 'file format').choices(['onnx']).makeOptionMandatory())
    .option('--out <folder>', 'where to write (default: <run>/onnx)')
    .addOption(
      new Option('--weights <type>', 'how weights are stored; float16 halves the files')
        .choices(['float32', 'float16'])
        .default('float32'),
    )
    .option('--no-verify', 'do not run the files and the originals side by side')
    .action(exportRun);
}

async function exportRun(run: string, { out = `${run}/onnx`, weights, verify }: ExportOptions): Promise<void> {
  const { tokenizer: tokenizerFolder, transformer: transformerFolder } = await findModels(run);
  await import('@tensorflow/tfjs');
  const { useEngine } = await import('@vitvq/engine');
  const { describeCheck, exportTokenizer, exportTransformer } = await import('@vitvq/export');
  type Result = Awaited<ReturnType<typeof exportTokenizer>>;
  await useEngine();
  const options = { weights, verify: verify ? {} : (false as const) };
  const report = ({ report: checked }: Result): void => {
    for (const check of checked?.checks ?? []) process.stdout.write(`${describeCheck(check)}\n`);
  };
  if (tokenizerFolder !== undefined) {
    const { loadTokenizer } = await import('@vitvq/stage1');
    const tokenizer = await loadTokenizer(tokenizerFolder);
    report(await exportTokenizer(tokenizer, out, options));
    tokenizer.dispose();
  }
  if (transformerFolder !== undefined) {
    const { loadTransformer } = await import('@vitvq/stage2');
    const { model, conditioner } = await loadTransformer(transformerFolder);
    report(await exportTransformer(model, conditioner, out, options));
    model.dispose();
  }
  const parts = [tokenizerFolder && 'encoder.onnx, decoder.onnx', transformerFolder && 'start.onnx, step.onnx'];
  process.stdout.write(`Wrote ${parts.filter(Boolean).join(', ')} and vitvq.json to ${out}\n`);
}
