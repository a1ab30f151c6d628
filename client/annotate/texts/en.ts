/** @file English; its keys are every language's. */
import { criteria, criterionTexts } from '../../../contract/criteria.ts';

const many = (count: number, one: string, more: string) => `${count} ${count === 1 ? one : more}`;

export const en = {
  /** Which way the script runs. */
  dir: 'ltr' as 'ltr' | 'rtl',
  questions: Object.fromEntries(criteria.map((name) => [name, criterionTexts[name].question])) as Record<
    (typeof criteria)[number],
    string
  >,

  draftPreview: 'Preview: nothing here counts',
  allQuestions: 'Your questions on this pair',
  left: 'Left',
  right: 'Right',
  top: 'Top',
  bottom: 'Bottom',
  tie: 'Tie',
  bothBad: 'Both bad',
  undo: 'Undo',
  undoHint: 'Take back the last answers (Z)',
  report: 'Report',
  reportHint: 'Report a problem with this pair',
  help: 'Help',
  helpHint: 'Help (?)',
  promptHidden: 'The prompt is hidden: judge the images alone.',
  prompt: 'Prompt',
  progress: 'Pairs judged',
  imageOf: (side: string, pair: number) => `${side} image of pair ${pair}`,
  questionOf: (asked: number, total: number) => `${asked} of ${total}`,
  timeLeft: (minutes: number) => `about ${minutes} min`,
  flipped: 'Swapped: each image shows in the other’s place.',
  locked: 'The zoom stays from pair to pair.',
  unlocked: 'Every pair starts whole again.',

  difference: 'Difference',
  pointAt: 'Where in the image did you decide? Point at the place.',
  pointSkip: 'Skip this',
  differing: 'The difference of both images: what is black is the same.',

  saving: 'Saving…',
  loadingPair: 'Loading the next pair…',
  offline: (unsent: number) =>
    unsent === 0
      ? 'No connection to the server. Your answers are saved.'
      : `No connection to the server. ${many(unsent, 'answer is', 'answers are')} kept in this browser and sent when it returns.`,
  offlineUndo: 'There is no connection. Answers can be taken back when it has returned.',
  offlineReport: 'There is no connection. A problem can be reported when it has returned.',
  noMoreUndo: 'No more can be taken back.',
  allPixels: 'Every pixel of the image is shown already.',
  instructed: (side: string) => `Please choose this image: ${side}.`,
  nothingToUndo: 'There is nothing to take back.',
  undone: (pair: number) => `Pair ${pair} is open again, without its answers. Please answer again.`,
  gone: 'The pair had gone already; nothing was reported.',
  skipped: 'The pair was skipped.',
  reported: 'Thank you: the researchers will see your report.',

  cannotShow: 'An image of this pair cannot be shown',
  cannotShowMore:
    'Your answers so far are saved. You can go on with another pair; the researchers will see that this one failed.',
  tryAgain: 'Try again',
  skip: 'Skip this pair',
  reportProblem: 'Report a problem',
  reportText: 'This pair is set aside and you go on to another one. Answers that you gave on it stay.',
  reasons: {
    blurry: 'An image is blurred or damaged',
    offensive: 'An image is offensive or disturbing',
    broken: 'An image does not appear',
    text: 'Something is wrong with the text',
    skipped: 'Skip this pair',
  },
  cancel: 'Cancel',
  close: 'Close',

  howTo: 'How to answer',
  howToTouch:
    'Two images were made from one prompt. Answer each question by touching an image or its button. Go with your own first impression.',
  howToTouchMore:
    'Spread two fingers on an image to look closer, and drag to move: both images follow. Hold a finger on an image to see the other one in its place.',
  howToKeys:
    'Two images were made from one prompt. Answer each question by pressing an arrow key, or by clicking a button or the image itself. Go with your own first impression.',
  howToKeysMore: 'Zoom with the wheel, and drag to move: both images follow.',
  keys: {
    left: 'the left image',
    right: 'the right image',
    tie: 'a tie',
    bothBad: 'both are bad',
    undo: 'take back the last answers',
    zoom: 'look closer, both images alike (while no button has the focus)',
    pixels: 'one pixel of the image as one of the screen',
    lock: 'keep the zoom from pair to pair',
    difference: 'while it is held: what differs between both',
    flip: 'while it is held: each image in the other’s place',
    help: 'this help',
  },
  space: 'Space',

  loadingTitle: 'Loading…',
  loading: 'One moment, please.',
  noConnectionTitle: 'No connection',
  noConnection: 'The server does not answer. This page tries again by itself; your answers are safe.',
  oneMoment: 'One moment',
  wrongTitle: 'Something went wrong',
  reload: 'Please reload this page.',
  nobodyTitle: 'This link does not say who you are',
  nobody: (part: string) =>
    `Your answers could not be told from others’: ${part}. Please open the study from the platform again, or tell the researchers.`,
  isEmpty: (name: string) => `the part ${name} of this link is empty`,
  isTemplate: (name: string, value: string) =>
    `the part ${name} of this link is “${value}”, which the platform has not filled in`,
  isLong: (name: string) => `the part ${name} of this link is longer than 200 characters`,
  previewTitle: 'Which image?',
  preview:
    'You will see two images at a time and say which one you prefer, which one looks better, and which one fits a text better. This is a preview: accept the task to begin. Nothing that you do here is counted.',
  looksAgain: 'This page looks again every few seconds and goes on by itself.',
  takeOver: 'It was me: go on here',
  refusals: {
    'bad-token': ['This link does not work', 'Please check that you copied the whole address.'],
    'study-not-open': ['Not started yet', 'This study has not started yet. Please come back later.'],
    'study-paused': ['Paused', 'This study is paused. Your votes are saved; please come back later.'],
    'study-closed': ['This study has ended', 'Thank you for your interest.'],
    'key-required': [
      'Already begun elsewhere',
      'Somebody has begun this study as this participant in another browser. Was it you? Then you can go on here.',
    ],
  } as Record<string, [title: string, text: string]>,
  busy: 'Many people are beginning at this moment. Your place is free within a minute; this page goes on by itself.',

  allJudgedTitle: 'Every pair is judged',
  allJudged:
    'You have judged every pair there is for you, and all of your answers are saved. Finish to go on to the end, or take your last answers back first.',
  finish: 'Finish',
  finishedTitle: 'Thank you!',
  finished: 'You have judged every pair there is for you. All your votes are saved; you can close this page.',
  undoLast: 'Take back my last answers',
  fullTitle: 'This study is full',
  full: 'Other people have taken every place. You have not missed anything and nothing was recorded of you. Should a place become free while this page is open, it goes on by itself.',

  welcomeTitle: 'Welcome',
  researcher: 'Who asks',
  minutes: 'How long',
  minutesOf: (minutes: number) => `about ${minutes} minutes`,
  pay: 'What is paid',
  contact: 'Questions to',
  start: 'Start',
  consentTitle: 'Your consent',
  stored:
    'Stored are your id on the platform, your answers with the time that they took, and what your screen showed: the size of the window, zoom and language. Your network address is kept for an hour at most, against abuse.',
  kept: (days: number) =>
    days === 0
      ? 'Your id is replaced by a pseudonym as soon as the study has ended.'
      : `Your id is replaced by a pseudonym ${days === 1 ? 'one day' : `${days} days`} after the study has ended.`,
  agree: 'I agree',
  disagree: 'I do not agree',
  deviceTitle: 'A larger screen is needed',
  deviceText:
    'Please enlarge this window, turn your device, or open the link on another one. The page goes on by itself.',
  deviceNeeds: (width: number | undefined, height: number | undefined, depth: number | undefined) =>
    [
      width === undefined ? undefined : `${width} pixels wide`,
      height === undefined ? undefined : `${height} pixels high`,
      depth === undefined ? undefined : `${depth} bits of colour`,
    ]
      .filter((part) => part !== undefined)
      .join(', '),
  needed: 'Needed',
  yours: 'Yours',
  deviceGiveUp: 'I have no larger screen',
  instructionsTitle: 'What you do',
  example: 'An example',
  exampleAnswer: (side: string) => `Here the answer is: ${side}.`,
  practise: 'Go on to practice',
  goOn: 'Go on',
  practiceOf: (asked: number, total: number) => `Practice ${asked} of ${total}`,
  practiceRight: 'That is what we expected',
  practiceWrong: 'We expected the other image',
  practiceText: 'In practice we say what we expected. In the study itself go by your own impression.',
  breakTitle: 'A short break?',
  breakText: (done: number) =>
    `You have judged ${many(done, 'pair', 'pairs')}. Rest your eyes for a moment if you like; your answers are saved.`,
  surveyTitle: 'A last question or two',
  surveyText: 'You may leave any of them empty.',
  send: 'Send',
  ends: {
    finished: ['Thank you!', 'You are done, and all of your answers are saved.'],
    full: [
      'This study is full',
      'Other people have taken every place, and nothing was recorded of you. Should a place become free while this page is open, it goes on by itself.',
    ],
    'no-consent': ['You have not agreed', 'Nothing was recorded of you but this answer. You can close this page.'],
    device: ['This screen is too small', 'The study needs a larger screen than this one. You can close this page.'],
    checks: [
      'The study ends here',
      'Some pairs with a known answer were answered otherwise, so this study ends here for you. Thank you for your time; the researchers look at each case themselves.',
    ],
    withdrawn: [
      'You have left this study',
      'The platform that sent you says that your submission was returned, ran out of time or was not accepted, so there is nothing left to do here. What you had answered is kept. If that is a mistake, write to the researchers through the platform.',
    ],
  } as Record<'finished' | 'full' | 'no-consent' | 'device' | 'checks' | 'withdrawn', [title: string, text: string]>,
  code: 'Your completion code',
  copy: 'Copy',
  copied: 'Copied',
  leave: 'Return to the platform',
};

export type Texts = typeof en;
