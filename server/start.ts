/** @file Puts the server together and takes it down again. It never loads ONNX Runtime. */
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { pino } from 'pino';
import { Server } from 'socket.io';
import { locationOf, type Database } from '../db/open.ts';
import { onCommit } from '../db/transactions.ts';
import { ImageStore } from '../evaluator/engine/images/store.ts';
import { Aside } from './aside/aside.ts';
import { checkpointAside } from './aside/checkpoints.ts';
import { watchPlans } from './aside/plans.ts';
import { createApp } from './app.ts';
import { addressOf, type ServerConfig } from './config.ts';
import { Health, watchHealth } from './health.ts';
import { Metrics } from './http/metrics.ts';
import { Limits } from './http/limits.ts';
import { Origins } from './http/origins.ts';
import { ParticipantKeys } from './http/participant.ts';
import { Sessions } from './http/session.ts';
import { Sealer } from './access/sealed.ts';
import { Recruiting } from './prolific/recruiting.ts';
import { watchRecruitments } from './prolific/watch.ts';
import { startLauncher } from './prescreens/launcher.ts';
import { isPrescreenWaiting } from './prescreens/prescreens.ts';
import { AnnotatorEvents, largestMessage } from './socket/annotator-events.ts';
import { Previews } from './socket/previews.ts';
import { serveAnnotators, type AnnotateNamespace } from './socket/annotate.ts';
import { serveResearchers, type ResearchNamespace } from './socket/research.ts';

export interface RunningServer {
  /** http://host:port, with the port that was really taken. */
  url: string;
  /** A fresh one-time link for a researcher. */
  researcherLink(): Promise<string>;
  close(): Promise<void>;
}

/** How long a shutdown waits for answers under way before it cuts the connections. */
const shutdownMs = 10_000;

/** @throws Error with code EADDRINUSE when the port is taken */
export async function startServer(db: Database, config: ServerConfig): Promise<RunningServer> {
  const stderr = pino.destination(2);
  // Whoever read our log may be gone; votes are still taken.
  stderr.on('error', () => undefined);
  const log = pino({ level: config.logLevel }, stderr);
  const sessions = await Sessions.open(db);
  const metrics = new Metrics();
  const stopListening = onCommit(db, ({ jobs, commitMs }) => {
    metrics.groupSize.observe(jobs);
    metrics.commitSeconds.observe(commitMs / 1000);
  });
  const launcher = config.startsWorkers
    ? startLauncher(config.dataFolder, () => isPrescreenWaiting(db), log)
    : undefined;
  const origins = new Origins(config.trustedProxies, config.publicUrl);
  const aside = new Aside(locationOf(db));
  const imports = new Aside(locationOf(db));
  const giveBackCheckpoints = await checkpointAside(db, aside, log);
  const health = new Health(metrics, log);
  const images = new ImageStore(config.dataFolder);
  const limits = new Limits(db, origins, config.newAnnotatorsPerHour);
  const previews = await Previews.open(db);
  const annotators = new AnnotatorEvents({
    db,
    leases: config.leases,
    metrics,
    limits,
    keys: await ParticipantKeys.open(db),
    health,
    images,
    previews,
    log,
  });
  const recruiting = new Recruiting({
    db,
    sealer: new Sealer(config.keyFile, config.key),
    config: config.prolific,
    publicUrl: config.publicUrl,
    log,
    aside,
  });
  // Without a public address nobody is sent here.
  const recruitments = config.publicUrl === undefined ? undefined : watchRecruitments(recruiting, log);
  const app = createApp({
    annotators,
    previews,
    db,
    aside,
    imports,
    images,
    sessions,
    metrics,
    health,
    log,
    origins,
    limits,
    publicUrl: config.publicUrl,
    openid: config.openid,
    recruiting,
    onProlific: () => recruitments?.wake(),
    prescreens: {
      dataFolder: config.dataFolder,
      inbox: config.inbox,
      limits: config.upload,
      onSubmitted: () => launcher?.wake(),
    },
  });
  const http = createServer(app);
  const io = new Server(http, {
    maxHttpBufferSize: largestMessage,
    serveClient: false,
    // Only pages of this server may open a socket; scripts send no Origin.
    allowRequest: (request, decide) => decide(null, origins.isOwnPage(request)),
  });
  const releaseLeavers = serveAnnotators(io.of('/annotate') as AnnotateNamespace, annotators, { db, metrics, log });
  const stopResearch = serveResearchers(io.of('/research') as ResearchNamespace, { db, sessions, log });

  try {
    await new Promise<void>((resolve, reject) => {
      http.once('error', reject);
      http.listen(config.port, config.host, resolve);
    });
  } catch (error) {
    launcher?.close();
    recruitments?.close();
    stopResearch();
    await io.close();
    stopListening();
    metrics.close();
    await giveBackCheckpoints();
    await aside.close();
    await imports.close();
    throw error;
  }
  const stopPlans = watchPlans(aside, log);
  const stopWatching = config.checksFiles
    ? await watchHealth({ db, aside, health, log }, config.dataFolder)
    : undefined;
  const { port } = http.address() as AddressInfo;
  const url = addressOf({ ...config, port });
  return {
    url,
    researcherLink: async () => url + (await sessions.createLink()),
    async close() {
      launcher?.close();
      recruitments?.close();
      stopPlans();
      stopWatching?.();
      stopResearch();
      const cut = setTimeout(() => http.closeAllConnections(), shutdownMs);
      await io.close();
      await releaseLeavers();
      clearTimeout(cut);
      stopListening();
      metrics.close();
      previews.close();
      await giveBackCheckpoints();
      await aside.close();
      await imports.close();
    },
  };
}
