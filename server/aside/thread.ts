/** @file The thread's end: answers calls one after the other. Nothing here may import the engine. */
import { parentPort, workerData } from 'node:worker_threads';
import { checkpoint, connect, quickCheck, type Database } from '../../db/open.ts';
import type { StudyFromScreen } from '../../contract/prescreen.ts';
import { ServiceError } from '../errors.ts';
import { figureFile, type FigureEnding } from '../report/figure-files.ts';
import { prescreenResult } from '../prescreens/prescreens.ts';
import { reportFile } from '../report/html.ts';
import { packageVersion } from '../../evaluator/engine/files/package-root.ts';
import { loadRenderer } from '../report/renderer.ts';
import { peopleOf, takeOver } from '../prolific/submissions.ts';
import { checkStudy, material, promptsFrom, promptsOf, rendersFrom, studyFromFile } from '../study/editor.ts';
import { contrastsOf, galleryOf, votesOnPair } from '../study/gallery.ts';
import { renewOdds } from '../study/active.ts';
import { forgetExpired } from '../study/retention.ts';
import { closeDecided } from '../study/sequential.ts';
import { previewMaterial } from '../study/preview.ts';
import { missingImages } from '../study/missing-images.ts';
import { studyFromScreen } from '../study/best-two.ts';
import { studyLive } from '../study/live.ts';
import { studyQuality } from '../study/quality.ts';
import { studyReport } from '../study/study-report.ts';
import type { Call, Reply } from './aside.ts';

/** All that the server asks for, by name. */
export const calls = {
  report: (db: Database, { name }: { name: string }) => studyReport(db, name),
  live: (db: Database, { name }: { name: string }) => studyLive(db, name),
  sharedReport: (db: Database, { name }: { name: string }) => reportFile(db, name, { version: packageVersion() }),
  quality: (db: Database, { name, isQuick }: { name: string; isQuick: boolean }) => studyQuality(db, name, { isQuick }),
  closeDecided: (db: Database) => closeDecided(db),
  renewOdds: (db: Database) => renewOdds(db),
  forgetExpired: (db: Database) => forgetExpired(db),
  votesOnPair: (db: Database, { name, position }: { name: string; position: number }) =>
    votesOnPair(db, name, position),
  gallery: (db: Database, { name, first }: { name: string; first?: number | undefined }) => galleryOf(db, name, first),
  contrasts: (db: Database, { name }: { name: string }) => contrastsOf(db, name),
  figure: async (db: Database, { name, figure, ending }: { name: string; figure: string; ending: FigureEnding }) =>
    figureFile(await studyReport(db, name), figure, ending),
  prescreenFigure: async (db: Database, { id, figure, ending }: { id: string; figure: string; ending: FigureEnding }) =>
    figureFile(await prescreenResult(db, id), figure, ending),
  prescreenChart: async (db: Database, { id }: { id: string }) =>
    (await loadRenderer()).allFiguresSvg(await prescreenResult(db, id)),
  studyFromScreen: (db: Database, { id, design, actor }: { id: string; design: StudyFromScreen; actor: string }) =>
    studyFromScreen(db, id, design, actor),
  takeOver,
  peopleOf,
  material: (db: Database) => material(db),
  promptsOf,
  checkStudy,
  previewMaterial,
  promptsFrom,
  rendersFrom,
  studyFromFile: (db: Database, { file, actor }: { file: unknown; actor: string }) => studyFromFile(db, file, actor),
  checkpoint: (db: Database, { restart }: { restart: boolean }) => checkpoint(db, restart),
  missingImages: (db: Database, { dataFolder }: { dataFolder: string }) => missingImages(db, dataFolder),
  quickCheck: (db: Database) => quickCheck(db),
};

if (parentPort !== null) {
  const port = parentPort;
  const db = connect((workerData as { location: string }).location);
  let queue = Promise.resolve();
  port.on('message', ({ id, method, argument, asJson }: Call) => {
    queue = queue.then(async () => {
      try {
        const result: unknown = await calls[method](db, argument as never);
        if (asJson) {
          const bytes = new TextEncoder().encode(JSON.stringify(result));
          port.postMessage({ id, result: bytes } satisfies Reply, [bytes.buffer as ArrayBuffer]);
        } else port.postMessage({ id, result } satisfies Reply);
      } catch (error) {
        port.postMessage({ id, error: plain(error) } satisfies Reply);
      }
    });
  });
}

function plain(error: unknown): Extract<Reply, { error: object }>['error'] {
  const { name, message } = error instanceof Error ? error : new Error(String(error));
  const code = error instanceof ServiceError ? error.code : (error as { code?: unknown } | null)?.code;
  return { name, message, ...(typeof code === 'string' ? { code } : {}) };
}
