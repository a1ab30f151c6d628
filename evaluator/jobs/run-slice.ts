/** @file One slice of any job, on this machine. */
import { partSchema, type Machine, type SliceRun } from './job.ts';
import { finishPrescreen, prescreenJobSchema, runPrescreenSlice } from './prescreen-job.ts';
import { renderJobSchema, runRenderSlice } from './render-job.ts';
import { runScoreSlice, scoreJobSchema } from './score-job.ts';
import { runTrainSlice, trainJobSchema } from './train-job.ts';

/** @returns what came out; undefined when the signal ended it */
export async function runSlice(
  machine: Machine,
  { kind, request, part }: { kind: 'render' | 'score' | 'prescreen' | 'train'; request: unknown; part: unknown },
  run: SliceRun,
): Promise<object | undefined> {
  switch (kind) {
    case 'render':
      return runRenderSlice(machine, renderJobSchema.parse(request), part, run);
    case 'score':
      return runScoreSlice(machine, scoreJobSchema.parse(request), part, run);
    case 'prescreen':
      return partSchema.safeParse(part).success
        ? runPrescreenSlice(machine, prescreenJobSchema.parse(request), part, run)
        : finishPrescreen(machine, prescreenJobSchema.parse(request), run.signal);
    case 'train':
      return runTrainSlice(machine, trainJobSchema.parse(request), run);
  }
}
