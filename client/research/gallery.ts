/** @file Which pairs a gallery shows: a filter, in the page's address so that it can be sent to somebody. */
import type { Gallery, GalleryPair } from '../../contract/research.ts';

export const outcomes = ['a', 'b', 'tie', 'split', 'incomplete'] as const;

export interface Filter {
  /** Of which the outcome, the disagreement and the reward are asked. */
  criterion: string;
  pairing: string;
  outcome: string;
  category: string;
  challenge: string;
  /** `unanimous`, or `divided`: not all votes are the same. */
  agreement: string;
  /** Name of a reward that names another image than people's majority. */
  reward: string;
  /** Seconds; pairs whose median vote took longer. */
  slower: string;
  order: string;
}

export const orders = {
  position: 'as asked',
  slowest: 'slowest first',
  closest: 'most divided first',
  different: 'most different images first',
  alike: 'most alike images first',
} as const;

/** Everything is text; what is empty does not filter. */
export function filterIn(search: URLSearchParams, gallery: Gallery): Filter {
  const text = (name: string) => search.get(name) ?? '';
  return {
    criterion: text('criterion') || (gallery.pairs[0]?.criteria[0]?.criterion ?? ''),
    pairing: text('pairing'),
    outcome: text('outcome'),
    category: text('category'),
    challenge: text('challenge'),
    agreement: text('agreement'),
    reward: text('reward'),
    slower: text('slower'),
    order: text('order') || 'position',
  };
}

/** The address's part after `?`; without what does not filter. */
export function searchOf(filter: Filter): string {
  return new URLSearchParams(
    Object.entries(filter).filter(([name, value]) => value !== '' && !(name === 'order' && value === 'position')),
  ).toString();
}

export function shownPairs(gallery: Gallery, filter: Filter): GalleryPair[] {
  const pairs = gallery.pairs.filter((pair) => isShown(pair, filter));
  const spread = (pair: GalleryPair) => {
    const { a, b, tie } = answersOf(pair, filter);
    return a + b + tie === 0 ? 1 : Math.max(a, b, tie) / (a + b + tie);
  };
  if (filter.order === 'slowest')
    pairs.sort((x, y) => (y.medianResponseTimeMs ?? 0) - (x.medianResponseTimeMs ?? 0) || x.position - y.position);
  if (filter.order === 'closest') pairs.sort((x, y) => spread(x) - spread(y) || x.position - y.position);
  if (filter.order === 'different' || filter.order === 'alike') {
    const sign = filter.order === 'different' ? -1 : 1;
    // What is not known comes last.
    const known = ({ difference }: GalleryPair) => (difference === null ? Infinity : sign * difference);
    pairs.sort((x, y) => known(x) - known(y) || x.position - y.position);
  }
  return pairs;
}

function answersOf({ criteria }: GalleryPair, { criterion }: Filter): GalleryPair['criteria'][number] {
  return criteria.find((each) => each.criterion === criterion) ?? criteria[0]!;
}

function isShown(pair: GalleryPair, filter: Filter): boolean {
  const answers = answersOf(pair, filter);
  const { a, b, tie, decision } = answers;
  const votes = a + b + tie;
  const isUnanimous = votes > 0 && Math.max(a, b, tie) === votes;
  return (
    (filter.pairing === '' || String(pair.pairing) === filter.pairing) &&
    (filter.outcome === '' || decision === filter.outcome) &&
    (filter.category === '' || pair.category === filter.category) &&
    (filter.challenge === '' || pair.challenge === filter.challenge) &&
    (filter.agreement === '' || (votes > 0 && isUnanimous === (filter.agreement === 'unanimous'))) &&
    (filter.reward === '' || contradicts(pair, filter.reward, decision)) &&
    (filter.slower === '' || (pair.medianResponseTimeMs ?? 0) > 1000 * Number(filter.slower))
  );
}

/** Whether a reward names the image that the majority does not. */
function contradicts({ scores }: GalleryPair, reward: string, decision: string): boolean {
  const score = scores.find((each) => each.reward === reward);
  if (score === undefined || (decision !== 'a' && decision !== 'b') || score.a === score.b) return false;
  return score.a > score.b !== (decision === 'a');
}
