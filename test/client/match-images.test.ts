/** @file Which image belongs to which prompt: by number, by name, in order; and what is refused before anything is sent. */
import { expect, it } from 'vitest';
import { matchImages } from '../../client/research/match-images.ts';

const prompts = [
  'A red cube.',
  'a blue sphere, on a table',
  'Ein Fuchs im Schnee',
  'a very long prompt that programs cut off',
];
const positions = (names: string[]) =>
  matchImages(names, prompts).images.map(({ file, position }) => [names[file], position]);

it('numbers are the prompts’ positions, whatever their order and ending', () => {
  const names = ['00002.png', '0.jpg', '00001.WEBP', 'notes.txt', '.DS_Store'];
  const matched = matchImages(names, prompts);
  expect([matched.by, matched.problems, matched.others]).toEqual(['number', [], ['notes.txt']]);
  expect(positions(names)).toEqual([
    ['0.jpg', 0],
    ['00001.WEBP', 1],
    ['00002.png', 2],
  ]);
});

it('names are the prompts’ words, cut off or not', () => {
  const names = [
    'a-very-long-prompt-that-programs.png',
    'ein_fuchs_im_schnee.png',
    'A red cube.png',
    'A blue sphere on a table.jpg',
  ];
  expect(matchImages(names, prompts)).toMatchObject({ by: 'name', problems: [] });
  expect(positions(names)).toEqual([
    ['A red cube.png', 0],
    ['A blue sphere on a table.jpg', 1],
    ['ein_fuchs_im_schnee.png', 2],
    ['a-very-long-prompt-that-programs.png', 3],
  ]);
});

it('other names are taken in their order, numbers in them as numbers', () => {
  const names = ['img10.png', 'img2.png', 'img1.png', 'img9.png'];
  expect(matchImages(names, prompts)).toMatchObject({ by: 'order', problems: [] });
  expect(positions(names)).toEqual([
    ['img1.png', 0],
    ['img2.png', 1],
    ['img9.png', 2],
    ['img10.png', 3],
  ]);
});

it.each([
  [['7.png', '0.png'], ['7.png is for no prompt; the set has 4, counted from 0.']],
  [['0.png', '00000.jpg'], ['00000.jpg and 0.png are for the same prompt.']],
  [
    ['a red cube.png', 'ein fuchs im schnee.png', 'nobody knows.png'],
    ['nobody knows.png is named by no prompt of the set.'],
  ],
  [['a red cube.png', 'A RED CUBE.png'], ['A RED CUBE.png and a red cube.png are for the same prompt.']],
  [
    ['x.png', 'y.png', 'z.png'],
    ['These are 3 images for 4 prompts; in order they must be as many. Names can be 00000.png … or the prompts.'],
  ],
  [['readme.md'], ['There is no PNG, JPEG or WebP among these.']],
])('%j is refused', (names, problems) => {
  expect(matchImages(names, prompts).problems).toEqual(problems);
});

it('a prompt that stands twice is no name', () => {
  expect(matchImages(['a.png', 'b.png'], ['a', 'a', 'b'])).toMatchObject({ by: 'order' });
});

it('of many problems the first are told', () => {
  const names = Array.from({ length: 50 }, (_, i) => `${100 + i}.png`);
  const { problems } = matchImages(names, prompts);
  expect([problems.length, problems.at(-1)]).toEqual([21, '… and 30 more.']);
});
