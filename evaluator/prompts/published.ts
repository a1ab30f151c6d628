/** @file Published prompt sets: where each is, pinned by commit and SHA-256, in which form, under which licence, and what to cite. */

export type PromptForm =
  /** One of those that `prompts import` reads, by the file's ending. */
  | 'prompts'
  /** A JSON list of objects with a prompt. */
  | 'json-list'
  /** GenEval's JSONL: prompt, and its kind as tag. */
  | 'geneval'
  /** A prompt a line. */
  | 'lines';

export interface PublishedFile {
  path: string;
  sha256: string;
  form: PromptForm;
  /** Of all its prompts. */
  category?: string;
  /** Of so many prompts after one another each. */
  categories?: { names: readonly string[]; each: number };
}

export interface PublishedSet {
  /** owner/name on GitHub. */
  repository: string;
  commit: string;
  /** Every one pinned; for a folder of texts see `folder`. */
  files: readonly PublishedFile[];
  /** A folder of which each .txt is a prompt, from the repository's archive: nobody has recorded its hash. */
  folder?: string;
  prompts: number;
  licence: string;
  cite: string;
  /** What whoever takes it has to know. */
  note?: string;
}

const sdpo = { repository: 'AIDC-AI/Diffusion-SDPO', commit: '84fb241c1b89705a247da8b0d6047798ca49830d' };
const compbench = (name: string, sha256: string): PublishedFile => ({
  path: `examples/dataset/${name}_val.txt`,
  sha256,
  form: 'lines',
  category: name,
});

export const publishedSets: Readonly<Record<string, PublishedSet>> = {
  'parti-prompts': {
    repository: 'google-research/parti',
    commit: '5a657978134374ce28973948331b319adef164bd',
    files: [
      {
        path: 'PartiPrompts.tsv',
        sha256: 'fab29e41bb512a169b56acab4cf2a41dcb675e285df2efcde6640c7dd3c440eb',
        form: 'prompts',
      },
    ],
    prompts: 1632,
    licence: 'Apache-2.0',
    cite: 'Yu et al. (2022), arXiv:2206.10789',
  },
  hpsv2: {
    ...sdpo,
    files: [
      {
        path: 'prompts/hpsv2.json',
        sha256: '417a2ce00b3307780402c1d27528a0e41ed26651384687bbf3aa06c4c7e559fd',
        form: 'json-list',
        categories: { names: ['anime', 'concept-art', 'paintings', 'photo'], each: 800 },
      },
    ],
    prompts: 3200,
    licence: 'Apache-2.0',
    cite: 'Wu et al. (2023), arXiv:2306.09341',
    note: '28 of its prompts stand there twice; both count, as in the benchmark.',
  },
  'pick-a-pic-v2-test': {
    ...sdpo,
    files: [
      {
        path: 'prompts/papv2.json',
        sha256: '531f3ca923035b5f17dbcbc60a7d7dfa476219e59b0e99617bb3f0afabf5663b',
        form: 'json-list',
      },
    ],
    prompts: 487,
    licence: 'Apache-2.0',
    cite: 'Kirstain et al. (2023), arXiv:2305.01569',
  },
  geneval: {
    repository: 'djghosh13/geneval',
    commit: 'af4902f24d3ca90ebbb446dd9891a59e0f82725f',
    files: [
      {
        path: 'prompts/evaluation_metadata.jsonl',
        sha256: '5c48e0813e812e3c373fa5c8ed07a8f0a483be30272b4427b0559c8048e67c13',
        form: 'geneval',
      },
    ],
    prompts: 553,
    licence: 'MIT',
    cite: 'Ghosh, Hajishirzi & Schmidt (2023), arXiv:2310.11513',
  },
  't2i-compbench': {
    repository: 'Karine-Huang/T2I-CompBench',
    commit: '1b7094991a57f3c22abdd4f6e8ba6c1a15517073',
    files: [
      compbench('color', '1634259756dbc77d13093d907d414480080ec9790a8c97ad09efaea7b2534f2d'),
      compbench('shape', '37e1a276906c7ea9516cbd7ac8501be896006c0c17ca7344f260562834455bae'),
      compbench('texture', 'fbb5363515b4a28009e360afaaaf389d2dd2289e50dbb0c6ef4ea0c7fe4f3d4f'),
      compbench('spatial', '8707a1d7e42ce3002d95363cf55f74bd043c843ae27108f5125aaaa7840ca988'),
      compbench('non_spatial', '04c56cc9ac441dc9ea6c5157652058bd1635b5308526dd31bb29a1caab9a758d'),
      compbench('complex', '1b808018b8d9916db3d47d5aa2ef18377a3549a56901a474156f799824cdf3b4'),
      compbench('numeracy', 'dad8df141604b70ba7554bec724e3db0a80023680769b5c514854ea2d2527bbe'),
      compbench('3d_spatial', 'c9953597315f36a5fcb41291bb19bdc6ab5f64a0fa760d691b4854a73f5d1fe9'),
    ],
    prompts: 2400,
    licence: 'MIT',
    cite: 'Huang et al. (2023), arXiv:2307.06350',
  },
  'dpg-bench': {
    repository: 'TencentQQGYLab/ELLA',
    commit: 'main',
    files: [],
    folder: 'dpg_bench/prompts',
    prompts: 1065,
    licence: 'Apache-2.0',
    cite: 'Hu et al. (2024), arXiv:2403.05135',
    note: 'No hash of it is on record: what comes first is trusted, and its hash is printed.',
  },
  ocr: {
    repository: 'yifan123/flow_grpo',
    commit: 'ac4c86e8cae021841f1fde853d340e0db67690dd',
    files: [
      {
        path: 'dataset/ocr/test.txt',
        sha256: '4dd8caf3ab6ade73bd376c7d14c6ca49b6eacfb1bd321e22c40714ae4a98d4dc',
        form: 'lines',
      },
    ],
    prompts: 1018,
    licence: 'MIT',
    cite: 'Liu et al. (2025), arXiv:2505.05470',
  },
};
