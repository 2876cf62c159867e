import { join } from 'node:path';
import { DataError, randomKey } from '@vitvq/core';
import { testImageSource } from '@vitvq/test-utils';
import { describe, expect, it } from 'vitest';
import { createBatches, openDataSource, type DataSource, type DataSourceConfig } from '../src/index.js';
import { folderOf, plain } from './images.js';

const png = await plain(8, 8, '#ff0000').png().toBuffer();
const jpeg = await plain(8, 8, '#ff0000').jpeg().toBuffer();
const quiet = { onSkip: (): void => undefined };
const namesOf = (source: DataSource): string[] =>
  Array.from({ length: source.length }, (_, index) => source.nameOf!(index));
const open = (config: DataSourceConfig): Promise<DataSource> => openDataSource(config, quiet);

describe('imagenet', () => {
  const [tench, shark, cock] = ['n01440764', 'n01484850', 'n01514668'];
  const classList = `${tench} tench, Tinca tinca\n${shark} great white shark, white shark\n${cock} cock\n`;

  it('takes labels and names from the class list, whatever folders are there', async () => {
    const path = await folderOf({
      'LOC_synset_mapping.txt': classList,
      [`train/${cock}/a.JPEG`]: jpeg,
      [`train/${tench}/b.JPEG`]: jpeg,
      [`train/n99999999/c.JPEG`]: jpeg,
      [`val/${shark}/d.JPEG`]: jpeg,
    });
    const train = await open({ kind: 'imagenet', path });
    expect(train.classNames).toEqual([`${tench} tench`, `${shark} great white shark`, `${cock} cock`]);
    expect(namesOf(train)).toEqual([`${tench}/b.JPEG`, `${cock}/a.JPEG`]);
    expect([...train.labels]).toEqual([0, 2]);
    expect(train.skipped).toEqual([
      { name: 'n99999999', reason: 'the class is not in the list of classes, so its 1 image cannot be used' },
    ]);
    const validation = await open({ kind: 'imagenet', path, split: 'validation' });
    expect([...validation.labels]).toEqual([1]);
    expect(validation.classNames).toEqual(train.classNames);
  });

  it('labels validation images that lie side by side from a list', async () => {
    const images = { 'v_1.JPEG': jpeg, 'v_2.JPEG': jpeg, 'v_3.JPEG': jpeg };
    const solution = `ImageId,PredictionString\nv_2,${shark} 3 4 100 200 \nv_1,${cock} 1 1 5 5 ${cock} 2 2 6 6\n`;
    const path = await folderOf({
      'LOC_synset_mapping.txt': classList,
      'LOC_val_solution.csv': solution,
      ...Object.fromEntries(Object.entries(images).map(([name, bytes]) => [`val/${name}`, bytes])),
    });
    const source = await open({ kind: 'imagenet', path, split: 'validation' });
    expect([...source.labels]).toEqual([2, 1]);
    expect(source.skipped).toEqual([{ name: 'v_3.JPEG', reason: 'it has no label' }]);
    const flat = await folderOf({
      ...images,
      'list.txt': classList,
      'val.txt': 'v_1.JPEG 0\nv_2.JPEG 2\nv_3.JPEG 1\n',
    });
    const files = { classList: join(flat, 'list.txt'), labels: join(flat, 'val.txt') };
    const numbered = await open({ kind: 'imagenet', path: flat, split: 'validation', ...files });
    expect([...numbered.labels]).toEqual([0, 2, 1]);
    const wrong = { ...files, labels: files.classList };
    await expect(open({ kind: 'imagenet', path: flat, split: 'validation', ...wrong })).rejects.toThrow(
      'expected lines such as ILSVRC2012_val_00000001,n01751748, got none',
    );
  });

  it('takes the class folders of the training images where there is no list', async () => {
    const path = await folderOf({
      [`train/${tench}/a.JPEG`]: jpeg,
      [`train/${cock}/b.JPEG`]: jpeg,
      [`val/${cock}/c.JPEG`]: jpeg,
    });
    const validation = await open({ kind: 'imagenet', path, split: 'validation' });
    expect(validation.classNames).toEqual([tench, cock]);
    expect([...validation.labels]).toEqual([1]);
    await expect(
      open({ kind: 'imagenet', path: await folderOf({ 'val/x.txt': '' }), split: 'validation' }),
    ).rejects.toThrow('expected class folders');
    const none = await folderOf({ 'val/x/c.JPEG': jpeg });
    await expect(open({ kind: 'imagenet', path: none, split: 'validation' })).rejects.toThrow(
      'expected class folders such as train/n01440764, or a class list, got neither',
    );
    await expect(
      open({ kind: 'imagenet', path, classList: join(await folderOf({ 'l.txt': 'tench' }), 'l.txt') }),
    ).rejects.toThrow('expected lines such as n01440764 tench, Tinca tinca, got "tench"');
  });
});

describe('inaturalist', () => {
  const category = (id: number, name: string, genus: string): object => ({ id, name, genus, supercategory: 'Birds' });
  const annotations = {
    images: [
      { id: 10, file_name: 'train/b/1.jpg' },
      { id: 11, file_name: 'train/a/2.jpg' },
      { id: 12, file_name: 'train/a/3.jpg' },
      { id: 13, file_name: 'train/a/lost.jpg' },
    ],
    annotations: [
      { image_id: 10, category_id: 1 },
      { image_id: 11, category_id: 0 },
      { image_id: 13, category_id: 0 },
    ],
    categories: [
      category(0, 'Parus major', 'Parus'),
      category(1, 'Aquila chrysaetos', 'Aquila'),
      category(2, 'x', 'Zz'),
    ],
  };

  it('takes classes at a rank from the annotations', async () => {
    const path = await folderOf({
      'train/b/1.jpg': jpeg,
      'train/a/2.jpg': jpeg,
      'train/a/3.jpg': jpeg,
      'train.json': JSON.stringify(annotations),
    });
    const config = { kind: 'inaturalist', path, annotations: join(path, 'train.json') } as const;
    const species = await open(config);
    expect(species.classNames).toEqual(['Parus major', 'Aquila chrysaetos', 'x']);
    expect([...species.labels]).toEqual([1, 0]);
    expect(species.skipped).toEqual([
      { name: 'train/a/lost.jpg', reason: 'it is not there' },
      { name: 'train/a/3.jpg', reason: 'it has no label' },
    ]);
    const genus = await open({ ...config, level: 'genus' });
    expect(genus.classNames).toEqual(['Aquila', 'Parus', 'Zz']);
    expect([...genus.labels]).toEqual([0, 1]);
    expect((await open({ ...config, level: 'supercategory' })).classNames).toEqual(['Birds']);
    await expect(open({ ...config, level: 'phylum' })).rejects.toThrow(
      'expected categories with phylum, got none of 3',
    );
    await expect(open({ ...config, strict: true })).rejects.toBeInstanceOf(DataError);
  });

  it('takes them from the names of the folders of 2021', async () => {
    const worm = '00000_Animalia_Annelida_Clitellata_Haplotaxida_Lumbricidae_Lumbricus_terrestris';
    const tit = '03000_Animalia_Chordata_Aves_Passeriformes_Paridae_Parus_major';
    const path = await folderOf({ [`${worm}/1.jpg`]: jpeg, [`${tit}/2.jpg`]: jpeg, [`${tit}/3.jpg`]: jpeg });
    const phylum = await open({ kind: 'inaturalist', path, level: 'phylum' });
    expect(phylum.classNames).toEqual(['Annelida', 'Chordata']);
    expect([...phylum.labels]).toEqual([0, 1, 1]);
    const species = await open({ kind: 'inaturalist', path });
    expect(species.classNames).toEqual(['Lumbricus terrestris', 'Parus major']);
    await expect(open({ kind: 'inaturalist', path: await folderOf({ 'birds/1.jpg': jpeg }) })).rejects.toThrow(
      'expected folders named by their taxonomy',
    );
  });
});

describe('coco', () => {
  const square = (left: number, top: number, side: number): number[] => [
    ...[left, top, left + side, top],
    ...[left + side, top + side, left, top + side],
  ];
  const instances = {
    images: [
      { id: 1, file_name: 'a.jpg', height: 8, width: 8 },
      { id: 2, file_name: 'b.jpg', height: 8, width: 8 },
      { id: 3, file_name: 'lost.jpg', height: 8, width: 8 },
    ],
    annotations: [
      { image_id: 1, category_id: 44, area: 4, segmentation: [square(1, 1, 2)] },
      { image_id: 1, category_id: 18, area: 36, segmentation: [square(0, 0, 6)] },
      { image_id: 2, category_id: 44, area: 3, iscrowd: 1, segmentation: { size: [8, 8], counts: [8, 3, 53] } },
      { image_id: 2, category_id: 18, area: 1, segmentation: { size: [8, 8], counts: 'g01c00E12' } },
    ],
    categories: [
      { id: 18, name: 'dog' },
      { id: 44, name: 'bottle' },
    ],
  };
  const captions = {
    images: instances.images,
    annotations: [
      { image_id: 2, caption: 'a bottle\n' },
      { image_id: 1, caption: 'a dog with\na bottle' },
      { image_id: 1, caption: 'a dog' },
    ],
  };
  const folder = (): Promise<string> =>
    folderOf({
      'images/a.jpg': jpeg,
      'images/b.jpg': jpeg,
      'instances.json': JSON.stringify(instances),
      'captions.json': JSON.stringify(captions),
      'maps/a.png': png,
    });
  const config = (path: string): Extract<DataSourceConfig, { kind: 'coco' }> => ({
    kind: 'coco',
    images: join(path, 'images'),
    annotations: join(path, 'instances.json'),
  });

  testImageSource({
    name: 'drawn masks of coco',
    create: async () => (await open({ ...config(await folder()), masks: 'draw' })).conditions!,
    createBatches,
  });

  it('reads captions, and the class of the largest object on request', async () => {
    const path = await folder();
    const source = await open({ ...config(path), captions: join(path, 'captions.json'), label: 'largest' });
    expect(source.captions).toEqual([['a dog with a bottle', 'a dog'], 'a bottle']);
    expect(source.classNames).toEqual(['dog', 'bottle']);
    expect([...source.labels]).toEqual([0, 1]);
    expect(source.skipped).toEqual([{ name: 'lost.jpg', reason: 'it is not there' }]);
    expect((await open(config(path))).classNames).toEqual([]);
  });

  it('draws the shapes of objects as condition images', async () => {
    const source = await open({ ...config(await folder()), masks: 'draw' });
    const { conditions } = source;
    expect(conditions!.length).toBe(2);
    const batch = await createBatches(source, {
      batchSize: 2,
      imageSize: 8,
      workers: 0,
      conditionSource: conditions!,
      flip: true,
      key: randomKey(1),
    }).next();
    expect(batch.conditionImages!.shape).toEqual([2, 8, 8, 1]);
    const rows = async (index: number): Promise<string[]> => {
      const image = await conditions!.read(index);
      const { pixels } = image as { pixels: Uint8Array };
      return Array.from({ length: 8 }, (_, row) => pixels.subarray(row * 8, row * 8 + 8).join(''));
    };
    // The bottle is smaller, so it lies on the dog.
    expect(await rows(0)).toEqual([
      ...['11111100', '12211100', '12211100', '11111100'],
      ...['11111100', '11111100', '00000000', '00000000'],
    ]);
    // Runs go down the columns, as a list and as pycocotools packs them.
    expect(await rows(1)).toEqual([
      ...['02000000', '02000000', '02000000', '00000100'],
      ...['00000010', '00000010', '00000000', '00100000'],
    ]);
  });

  it('pairs images with maps of a folder', async () => {
    const path = await folder();
    const source = await open({ ...config(path), masks: { folder: join(path, 'maps') } });
    expect(namesOf(source)).toEqual(['a.jpg']);
    expect(source.conditions!.decoding.resampling).toBe('nearest');
    expect(await source.conditions!.read(0)).toEqual({ file: join(path, 'maps', 'a.png') });
    expect(source.skipped).toContainEqual({
      name: 'b.jpg',
      reason: 'its mask b.png cannot be used: it is not there',
    });
  });

  it('names the images of damaged shapes, and says where a file is not of the form', async () => {
    const broken = structuredClone(instances);
    broken.annotations[0]!.segmentation = 'x' as never;
    const path = await folderOf({
      'images/a.jpg': jpeg,
      'images/b.jpg': jpeg,
      'instances.json': JSON.stringify(broken),
      'list.json': '[]',
      'half.json': '{',
      'images.json': JSON.stringify({ images: [{ id: 1 }], annotations: [] }),
    });
    const source = await open({ ...config(path), masks: 'draw' });
    const skipped: string[] = [];
    const options = { batchSize: 2, imageSize: 8, workers: 0, lastBatch: 'partial' } as const;
    const onSkip = ({ reason }: { reason: string }): unknown => skipped.push(reason);
    await createBatches(source, { ...options, conditionSource: source.conditions!, onSkip }).next();
    expect(skipped).toEqual([expect.stringContaining('the shape of one of its objects is damaged')]);
    for (const [file, message] of [
      ['list.json', 'in the form of COCO, got the whole: '],
      ['half.json', 'expected JSON, got '],
      ['images.json', 'in the form of COCO, got images.0.file_name: '],
    ]) {
      await expect(open({ ...config(path), annotations: join(path, file!) })).rejects.toThrow(message);
    }
  });
});

describe('cc3m', () => {
  it('pairs the published table with files named as in the addresses, or by the line', async () => {
    const table = [
      'a red square\thttp://example.com/pictures/one.jpg?size=3',
      'never downloaded\thttp://example.com/lost.jpg',
      'no tab',
      'two\thttp://example.com/two.png\r',
      '',
    ].join('\n');
    const path = await folderOf({ 'images/00/one.jpg': jpeg, 'images/two.png': png, 'train.tsv': table });
    const config = { kind: 'cc3m', images: join(path, 'images'), tsv: join(path, 'train.tsv') } as const;
    const source = await open(config);
    expect(namesOf(source)).toEqual(['00/one.jpg', 'two.png']);
    expect(source.captions).toEqual(['a red square', 'two']);
    expect(source.skipped).toEqual([
      { name: 'train.tsv, line 2', reason: 'http://example.com/lost.jpg is not among the images' },
      { name: 'train.tsv, line 3', reason: 'it is no caption and address, with a tab between them' },
    ]);
    await expect(open({ ...config, strict: true })).rejects.toThrow('train.tsv, line 2');
    await expect(open({ ...config, images: await folderOf({ 'x.txt': '' }) })).rejects.toThrow(
      'expected images in the folder, got none',
    );
    const numbered = await folderOf({ '00000/000000000.jpg': jpeg, '00000/000000003.jpg': jpeg });
    const byLine = await open({ ...config, images: numbered, name: 'line' });
    expect(namesOf(byLine)).toEqual(['00000/000000000.jpg', '00000/000000003.jpg']);
    expect(byLine.captions).toEqual(['a red square', 'two']);
  });

  it('reads lists with the path of the file first', async () => {
    const path = await folderOf({ 'train/1.jpg': jpeg, 'list.txt': 'train/1.jpg\ta red square\n' });
    const source = await open({ kind: 'cc3m', images: path, tsv: join(path, 'list.txt') });
    expect(namesOf(source)).toEqual(['train/1.jpg']);
    expect(source.captions).toEqual(['a red square']);
  });
});
