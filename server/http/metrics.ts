/** @file Prometheus metrics; no study, model or person is named. */
import { collectDefaultMetrics, Counter, Gauge, Histogram, Registry } from 'prom-client';

const loopTickMs = 10;

export class Metrics {
  readonly #registry = new Registry();
  readonly votes = new Counter({
    name: 'visavis_votes_total',
    help: 'Votes acknowledged, by whether they count (true) or are surplus (false)',
    labelNames: ['counted'],
    registers: [this.#registry],
  });
  readonly annotators = new Gauge({
    name: 'visavis_annotators_connected',
    help: 'Annotators connected now',
    registers: [this.#registry],
  });
  readonly eventSeconds = new Histogram({
    name: 'visavis_event_seconds',
    help: 'Time from a socket event to its acknowledgement',
    labelNames: ['event'],
    buckets: [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1],
    registers: [this.#registry],
  });
  readonly commitSeconds = new Histogram({
    name: 'visavis_commit_seconds',
    help: 'Time that a commit of votes and leases took to reach the disk',
    buckets: [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1],
    registers: [this.#registry],
  });
  readonly groupSize = new Histogram({
    name: 'visavis_commit_jobs',
    help: 'Votes and leases that shared a commit',
    buckets: [1, 2, 4, 8, 16, 32, 64, 128],
    registers: [this.#registry],
  });
  readonly expiredLeases = new Counter({
    name: 'visavis_leases_expired_total',
    help: 'Seats taken back because their lease ran out',
    registers: [this.#registry],
  });
  readonly refusals = new Counter({
    name: 'visavis_refusals_total',
    help: 'Events and requests that were refused, by the code of the refusal',
    labelNames: ['code'],
    registers: [this.#registry],
  });
  readonly databaseTrouble = new Counter({
    name: 'visavis_database_trouble_total',
    help: 'Failures of the database, by kind: away, busy, full, read-only, damaged',
    labelNames: ['kind'],
    registers: [this.#registry],
  });
  readonly problems = new Gauge({
    name: 'visavis_problem',
    help: '1 while the server has this problem with its files; its sentence is in /readyz',
    labelNames: ['problem'],
    registers: [this.#registry],
  });
  readonly missingImages = new Counter({
    name: 'visavis_images_missing_total',
    help: 'Requests for an image whose file is gone',
    registers: [this.#registry],
  });
  /** A turn of the event loop that took longer than it should have, as a timer of 10 ms sees it. */
  readonly loopDelay = new Histogram({
    name: 'visavis_event_loop_delay_seconds',
    help: 'By how much a timer of 10 ms came late',
    buckets: [0.001, 0.0025, 0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 1],
    registers: [this.#registry],
  });
  readonly #loopTimer: NodeJS.Timeout;
  readonly contentType = this.#registry.contentType;

  constructor() {
    collectDefaultMetrics({ register: this.#registry });
    let last = performance.now();
    this.#loopTimer = setInterval(() => {
      const now = performance.now();
      this.loopDelay.observe(Math.max(0, now - last - loopTickMs) / 1000);
      last = now;
    }, loopTickMs);
    this.#loopTimer.unref();
  }

  text(): Promise<string> {
    return this.#registry.metrics();
  }

  /** Stops what the default metrics keep running. */
  close(): void {
    clearInterval(this.#loopTimer);
    this.#registry.clear();
  }
}
