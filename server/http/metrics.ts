/** @file Prometheus metrics; no study, model or person is named. */
import { collectDefaultMetrics, Counter, Gauge, Histogram, Registry } from 'prom-client';

export class Metrics {
  readonly #registry = new Registry();
  readonly votes = new Counter({
    name: 'visavis_votes_total',
    help: 'Votes acknowledged, by whether they count',
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
  readonly contentType = this.#registry.contentType;

  constructor() {
    collectDefaultMetrics({ register: this.#registry });
  }

  text(): Promise<string> {
    return this.#registry.metrics();
  }

  /** Stops what the default metrics keep running. */
  close(): void {
    this.#registry.clear();
  }
}
