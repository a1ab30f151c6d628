/** @file Deutsch. */
import type { Texts } from './en.ts';

const many = (count: number, one: string, more: string) => `${count} ${count === 1 ? one : more}`;

export const de: Texts = {
  dir: 'ltr',
  questions: {
    appeal: 'Welches Bild ist optisch ansprechender?',
    general: 'Welches Bild ziehen Sie bei dieser Vorgabe vor?',
    alignment: 'Welches Bild passt besser zur Textbeschreibung?',
  },

  draftPreview: 'Vorschau: nichts hier zählt',
  allQuestions: 'Ihre Fragen zu diesem Paar',
  left: 'Links',
  right: 'Rechts',
  top: 'Oben',
  bottom: 'Unten',
  tie: 'Gleich gut',
  bothBad: 'Beide schlecht',
  undo: 'Zurück',
  undoHint: 'Die letzten Antworten zurücknehmen (Z)',
  report: 'Melden',
  reportHint: 'Ein Problem mit diesem Paar melden',
  help: 'Hilfe',
  helpHint: 'Hilfe (?)',
  promptHidden: 'Die Vorgabe ist verborgen: Beurteilen Sie allein die Bilder.',
  prompt: 'Vorgabe',
  progress: 'Beurteilte Paare',
  imageOf: (side, pair) => `Bild ${side.toLowerCase()} von Paar ${pair}`,
  questionOf: (asked, total) => `${asked} von ${total}`,
  timeLeft: (minutes) => `etwa ${minutes} Min.`,
  flipped: 'Vertauscht: Jedes Bild steht am Platz des anderen.',
  locked: 'Die Vergrößerung bleibt von Paar zu Paar.',
  unlocked: 'Jedes Paar beginnt wieder im Ganzen.',

  difference: 'Unterschied',
  pointAt: 'An welcher Stelle im Bild haben Sie das entschieden? Zeigen Sie darauf.',
  pointSkip: 'Überspringen',
  differing: 'Der Unterschied beider Bilder: Was schwarz ist, ist gleich.',

  saving: 'Wird gespeichert …',
  loadingPair: 'Das nächste Paar wird geladen …',
  offline: (unsent) =>
    unsent === 0
      ? 'Keine Verbindung zum Server. Ihre Antworten sind gespeichert.'
      : `Keine Verbindung zum Server. ${many(unsent, 'Antwort bleibt', 'Antworten bleiben')} in diesem Browser, bis sie gesendet werden können.`,
  offlineUndo: 'Keine Verbindung. Antworten lassen sich zurücknehmen, sobald sie wieder besteht.',
  offlineReport: 'Keine Verbindung. Ein Problem lässt sich melden, sobald sie wieder besteht.',
  noMoreUndo: 'Mehr lässt sich nicht zurücknehmen.',
  allPixels: 'Jeder Pixel des Bildes ist schon zu sehen.',
  instructed: (side) => `Bitte wählen Sie dieses Bild: ${side}.`,
  nothingToUndo: 'Es gibt nichts zurückzunehmen.',
  undone: (pair) => `Paar ${pair} ist wieder offen, ohne seine Antworten. Bitte antworten Sie noch einmal.`,
  gone: 'Das Paar war schon fort; es wurde nichts gemeldet.',
  skipped: 'Das Paar wurde übersprungen.',
  reported: 'Danke: Die Forschenden werden Ihre Meldung sehen.',

  cannotShow: 'Ein Bild dieses Paars lässt sich nicht anzeigen',
  cannotShowMore:
    'Ihre Antworten bis hier sind gespeichert. Sie können mit einem anderen Paar weitermachen; die Forschenden sehen, dass dieses nicht ging.',
  tryAgain: 'Noch einmal versuchen',
  skip: 'Dieses Paar überspringen',
  reportProblem: 'Ein Problem melden',
  reportText:
    'Dieses Paar wird beiseitegelegt, und es folgt ein anderes. Antworten, die Sie dazu gegeben haben, bleiben.',
  reasons: {
    blurry: 'Ein Bild ist unscharf oder beschädigt',
    offensive: 'Ein Bild ist anstößig oder verstörend',
    broken: 'Ein Bild erscheint nicht',
    text: 'Mit dem Text stimmt etwas nicht',
    skipped: 'Dieses Paar überspringen',
  },
  cancel: 'Abbrechen',
  close: 'Schließen',

  howTo: 'So antworten Sie',
  howToTouch:
    'Zwei Bilder entstanden aus derselben Vorgabe. Beantworten Sie jede Frage, indem Sie ein Bild oder seine Taste berühren. Folgen Sie Ihrem eigenen ersten Eindruck.',
  howToTouchMore:
    'Spreizen Sie zwei Finger, um näher hinzusehen, und ziehen Sie zum Verschieben: Beide Bilder folgen. Halten Sie einen Finger auf ein Bild, um an seiner Stelle das andere zu sehen.',
  howToKeys:
    'Zwei Bilder entstanden aus derselben Vorgabe. Beantworten Sie jede Frage mit einer Pfeiltaste oder durch einen Klick auf eine Taste oder das Bild selbst. Folgen Sie Ihrem eigenen ersten Eindruck.',
  howToKeysMore: 'Vergrößern Sie mit dem Mausrad und ziehen Sie zum Verschieben: Beide Bilder folgen.',
  keys: {
    left: 'das linke Bild',
    right: 'das rechte Bild',
    tie: 'gleich gut',
    bothBad: 'beide sind schlecht',
    undo: 'die letzten Antworten zurücknehmen',
    zoom: 'näher hinsehen, beide Bilder gleich (solange keine Taste den Fokus hat)',
    pixels: 'ein Pixel des Bildes als eines des Bildschirms',
    lock: 'die Vergrößerung von Paar zu Paar behalten',
    difference: 'solange gehalten: was sich unterscheidet',
    flip: 'solange gehalten: jedes Bild am Platz des anderen',
    help: 'diese Hilfe',
  },
  space: 'Leertaste',

  loadingTitle: 'Wird geladen …',
  loading: 'Einen Augenblick, bitte.',
  noConnectionTitle: 'Keine Verbindung',
  noConnection: 'Der Server antwortet nicht. Diese Seite versucht es von selbst weiter; Ihre Antworten sind sicher.',
  oneMoment: 'Einen Augenblick',
  wrongTitle: 'Etwas ist schiefgegangen',
  reload: 'Bitte laden Sie diese Seite neu.',
  nobodyTitle: 'Dieser Link sagt nicht, wer Sie sind',
  nobody: (part) =>
    `Ihre Antworten ließen sich nicht von denen anderer unterscheiden: ${part}. Bitte öffnen Sie die Studie noch einmal von der Plattform aus, oder sagen Sie es den Forschenden.`,
  isEmpty: (name) => `der Teil ${name} dieses Links ist leer`,
  isTemplate: (name, value) =>
    `der Teil ${name} dieses Links lautet „${value}“; die Plattform hat ihn nicht ausgefüllt`,
  isLong: (name) => `der Teil ${name} dieses Links ist länger als 200 Zeichen`,
  previewTitle: 'Welches Bild?',
  preview:
    'Sie sehen jeweils zwei Bilder und sagen, welches Sie vorziehen, welches besser aussieht und welches besser zu einem Text passt. Dies ist eine Vorschau: Nehmen Sie die Aufgabe an, um zu beginnen. Nichts, was Sie hier tun, wird gezählt.',
  looksAgain: 'Diese Seite sieht alle paar Sekunden nach und macht von selbst weiter.',
  takeOver: 'Das war ich: hier weitermachen',
  refusals: {
    'bad-token': ['Dieser Link funktioniert nicht', 'Bitte prüfen Sie, ob Sie die ganze Adresse kopiert haben.'],
    'study-not-open': ['Noch nicht begonnen', 'Diese Studie hat noch nicht begonnen. Bitte kommen Sie später wieder.'],
    'study-paused': ['Unterbrochen', 'Diese Studie ist unterbrochen. Ihre Stimmen sind gespeichert.'],
    'study-closed': ['Diese Studie ist beendet', 'Danke für Ihr Interesse.'],
    'key-required': [
      'Schon anderswo begonnen',
      'Jemand hat diese Studie mit dieser Teilnehmerkennung in einem anderen Browser begonnen. Waren Sie das? Dann können Sie hier weitermachen.',
    ],
  },
  busy: 'Gerade beginnen viele auf einmal. Ihr Platz ist binnen einer Minute frei; diese Seite macht von selbst weiter.',

  allJudgedTitle: 'Jedes Paar ist beurteilt',
  allJudged:
    'Sie haben jedes Paar beurteilt, das es für Sie gibt, und alle Ihre Antworten sind gespeichert. Schließen Sie ab, um zum Ende zu kommen, oder nehmen Sie zuvor Ihre letzten Antworten zurück.',
  finish: 'Abschließen',
  finishedTitle: 'Vielen Dank!',
  finished:
    'Sie haben jedes Paar beurteilt, das es für Sie gibt. Alle Ihre Stimmen sind gespeichert; Sie können diese Seite schließen.',
  undoLast: 'Meine letzten Antworten zurücknehmen',
  fullTitle: 'Diese Studie ist voll',
  full: 'Andere haben alle Plätze eingenommen. Sie haben nichts versäumt, und von Ihnen wurde nichts gespeichert. Wird ein Platz frei, solange diese Seite offen ist, geht es von selbst weiter.',

  welcomeTitle: 'Willkommen',
  researcher: 'Wer fragt',
  minutes: 'Wie lange',
  minutesOf: (minutes) => `etwa ${minutes} Minuten`,
  pay: 'Was gezahlt wird',
  contact: 'Fragen an',
  start: 'Beginnen',
  consentTitle: 'Ihre Einwilligung',
  stored:
    'Gespeichert werden Ihre Kennung auf der Plattform, Ihre Antworten mit der Zeit, die sie brauchten, und was Ihr Bildschirm zeigte: Größe des Fensters, Vergrößerung und Sprache. Ihre Netzadresse wird höchstens eine Stunde behalten, gegen Missbrauch.',
  kept: (days: number) =>
    days === 0
      ? 'Ihre Kennung wird durch ein Pseudonym ersetzt, sobald die Studie beendet ist.'
      : `Ihre Kennung wird ${days === 1 ? 'einen Tag' : `${days} Tage`} nach dem Ende der Studie durch ein Pseudonym ersetzt.`,
  agree: 'Ich stimme zu',
  disagree: 'Ich stimme nicht zu',
  deviceTitle: 'Es braucht einen größeren Bildschirm',
  deviceText:
    'Bitte vergrößern Sie dieses Fenster, drehen Sie Ihr Gerät, oder öffnen Sie den Link auf einem anderen. Die Seite macht von selbst weiter.',
  deviceNeeds: (width, height, depth) =>
    [
      width === undefined ? undefined : `${width} Pixel breit`,
      height === undefined ? undefined : `${height} Pixel hoch`,
      depth === undefined ? undefined : `${depth} Bit Farbe`,
    ]
      .filter((part) => part !== undefined)
      .join(', '),
  needed: 'Nötig',
  yours: 'Ihrer',
  deviceGiveUp: 'Ich habe keinen größeren Bildschirm',
  instructionsTitle: 'Ihre Aufgabe',
  example: 'Ein Beispiel',
  exampleAnswer: (side) => `Hier ist die Antwort: ${side}.`,
  practise: 'Weiter zur Übung',
  goOn: 'Weiter',
  practiceOf: (asked, total) => `Übung ${asked} von ${total}`,
  practiceRight: 'Das haben wir erwartet',
  practiceWrong: 'Wir haben das andere Bild erwartet',
  practiceText:
    'In der Übung sagen wir, was wir erwartet haben. In der Studie selbst folgen Sie Ihrem eigenen Eindruck.',
  breakTitle: 'Eine kurze Pause?',
  breakText: (done) =>
    `Sie haben ${many(done, 'Paar', 'Paare')} beurteilt. Ruhen Sie Ihre Augen einen Augenblick aus, wenn Sie mögen; Ihre Antworten sind gespeichert.`,
  surveyTitle: 'Noch ein, zwei Fragen',
  surveyText: 'Jede davon dürfen Sie leer lassen.',
  send: 'Absenden',
  ends: {
    finished: ['Vielen Dank!', 'Sie sind fertig, und alle Ihre Antworten sind gespeichert.'],
    full: [
      'Diese Studie ist voll',
      'Andere haben alle Plätze eingenommen, und von Ihnen wurde nichts gespeichert. Wird ein Platz frei, solange diese Seite offen ist, geht es von selbst weiter.',
    ],
    'no-consent': [
      'Sie haben nicht zugestimmt',
      'Außer dieser Antwort wurde nichts von Ihnen gespeichert. Sie können diese Seite schließen.',
    ],
    device: [
      'Dieser Bildschirm ist zu klein',
      'Die Studie braucht einen größeren Bildschirm. Sie können diese Seite schließen.',
    ],
    checks: [
      'Die Studie endet hier',
      'Einige Paare mit bekannter Antwort wurden anders beantwortet; darum endet diese Studie hier für Sie. Danke für Ihre Zeit; die Forschenden sehen sich jeden Fall selbst an.',
    ],
    withdrawn: [
      'Sie haben diese Studie verlassen',
      'Die Plattform, die Sie geschickt hat, meldet: Ihre Teilnahme wurde zurückgegeben, ist abgelaufen oder wurde nicht angenommen. Hier bleibt nichts zu tun; was Sie geantwortet haben, ist gespeichert. Ist das ein Irrtum, schreiben Sie den Forschenden über die Plattform.',
    ],
  },
  code: 'Ihr Abschlusscode',
  copy: 'Kopieren',
  copied: 'Kopiert',
  leave: 'Zurück zur Plattform',
};
