/** @file Español. */
import type { Texts } from './en.ts';

const many = (count: number, one: string, more: string) => `${count} ${count === 1 ? one : more}`;

export const es: Texts = {
  dir: 'ltr',
  questions: {
    appeal: '¿Qué imagen es visualmente más atractiva?',
    general: '¿Qué imagen prefiere, dada la descripción?',
    alignment: '¿Qué imagen se ajusta mejor a la descripción?',
  },

  draftPreview: 'Vista previa: nada de esto cuenta',
  allQuestions: 'Sus preguntas sobre este par',
  left: 'Izquierda',
  right: 'Derecha',
  top: 'Arriba',
  bottom: 'Abajo',
  tie: 'Empate',
  bothBad: 'Ambas malas',
  undo: 'Deshacer',
  undoHint: 'Retirar las últimas respuestas (Z)',
  report: 'Avisar',
  reportHint: 'Avisar de un problema con este par',
  help: 'Ayuda',
  helpHint: 'Ayuda (?)',
  promptHidden: 'La descripción está oculta: juzgue solo las imágenes.',
  prompt: 'Descripción',
  progress: 'Pares juzgados',
  imageOf: (side, pair) => `Imagen del par ${pair}: ${side.toLowerCase()}`,
  questionOf: (asked, total) => `${asked} de ${total}`,
  timeLeft: (minutes) => `unos ${minutes} min`,
  flipped: 'Intercambiadas: cada imagen está en el lugar de la otra.',
  locked: 'La ampliación se mantiene de un par a otro.',
  unlocked: 'Cada par empieza de nuevo entero.',

  difference: 'Diferencia',
  pointAt: '¿En qué lugar de la imagen lo decidió? Señálelo.',
  pointSkip: 'Omitir',
  differing: 'La diferencia entre ambas imágenes: lo negro es igual.',

  saving: 'Guardando…',
  loadingPair: 'Cargando el siguiente par…',
  offline: (unsent) =>
    unsent === 0
      ? 'No hay conexión con el servidor. Sus respuestas están guardadas.'
      : `No hay conexión con el servidor. ${many(unsent, 'respuesta queda', 'respuestas quedan')} en este navegador hasta que se puedan enviar.`,
  offlineUndo: 'No hay conexión. Podrá retirar respuestas cuando vuelva.',
  offlineReport: 'No hay conexión. Podrá avisar de un problema cuando vuelva.',
  noMoreUndo: 'No se puede retirar nada más.',
  allPixels: 'Ya se ve cada píxel de la imagen.',
  instructed: (side) => `Elija esta imagen, por favor: ${side}.`,
  nothingToUndo: 'No hay nada que retirar.',
  undone: (pair) => `El par ${pair} está abierto de nuevo, sin sus respuestas. Responda otra vez, por favor.`,
  gone: 'El par ya no estaba; no se ha avisado de nada.',
  skipped: 'Se ha saltado el par.',
  reported: 'Gracias: el equipo de investigación verá su aviso.',

  cannotShow: 'No se puede mostrar una imagen de este par',
  cannotShowMore:
    'Sus respuestas hasta aquí están guardadas. Puede continuar con otro par; el equipo de investigación verá que este falló.',
  tryAgain: 'Intentar de nuevo',
  skip: 'Saltar este par',
  reportProblem: 'Avisar de un problema',
  reportText: 'Este par se aparta y usted continúa con otro. Las respuestas que ya dio sobre él se conservan.',
  reasons: {
    blurry: 'Una imagen está borrosa o dañada',
    offensive: 'Una imagen es ofensiva o perturbadora',
    broken: 'Una imagen no aparece',
    text: 'Hay algo mal en el texto',
    skipped: 'Saltar este par',
  },
  cancel: 'Cancelar',
  close: 'Cerrar',

  howTo: 'Cómo responder',
  howToTouch:
    'Las dos imágenes se hicieron a partir de una misma descripción. Responda a cada pregunta tocando una imagen o su botón. Siga su propia primera impresión.',
  howToTouchMore:
    'Separe dos dedos sobre una imagen para verla de cerca y arrastre para moverla: ambas se mueven juntas. Mantenga un dedo sobre una imagen para ver la otra en su lugar.',
  howToKeys:
    'Las dos imágenes se hicieron a partir de una misma descripción. Responda a cada pregunta con una tecla de flecha, o pulsando un botón o la propia imagen. Siga su propia primera impresión.',
  howToKeysMore: 'Amplíe con la rueda y arrastre para mover: ambas imágenes se mueven juntas.',
  keys: {
    left: 'la imagen de la izquierda',
    right: 'la imagen de la derecha',
    tie: 'un empate',
    bothBad: 'ambas son malas',
    undo: 'retirar las últimas respuestas',
    zoom: 'ver de cerca, ambas imágenes igual (mientras ningún botón tenga el foco)',
    pixels: 'un píxel de la imagen como uno de la pantalla',
    lock: 'mantener la ampliación de un par a otro',
    difference: 'mientras se pulsa: lo que difiere entre ambas',
    flip: 'mientras se pulsa: cada imagen en el lugar de la otra',
    help: 'esta ayuda',
  },
  space: 'Espacio',

  loadingTitle: 'Cargando…',
  loading: 'Un momento, por favor.',
  noConnectionTitle: 'Sin conexión',
  noConnection: 'El servidor no responde. Esta página lo intenta de nuevo por sí sola; sus respuestas están a salvo.',
  oneMoment: 'Un momento',
  wrongTitle: 'Algo ha salido mal',
  reload: 'Vuelva a cargar esta página, por favor.',
  nobodyTitle: 'Este enlace no dice quién es usted',
  nobody: (part) =>
    `Sus respuestas no podrían distinguirse de las de otras personas: ${part}. Abra de nuevo el estudio desde la plataforma o avise al equipo de investigación.`,
  isEmpty: (name) => `la parte ${name} de este enlace está vacía`,
  isTemplate: (name, value) => `la parte ${name} de este enlace es «${value}», que la plataforma no ha rellenado`,
  isLong: (name) => `la parte ${name} de este enlace tiene más de 200 caracteres`,
  previewTitle: '¿Qué imagen?',
  preview:
    'Verá dos imágenes cada vez y dirá cuál prefiere, cuál es más atractiva y cuál se ajusta mejor a un texto. Esto es una vista previa: acepte la tarea para empezar. Nada de lo que haga aquí se cuenta.',
  looksAgain: 'Esta página mira de nuevo cada pocos segundos y continúa por sí sola.',
  takeOver: 'Era yo: continuar aquí',
  refusals: {
    'bad-token': ['Este enlace no funciona', 'Compruebe que ha copiado la dirección completa.'],
    'study-not-open': ['Aún no ha empezado', 'Este estudio todavía no ha empezado. Vuelva más tarde, por favor.'],
    'study-paused': ['En pausa', 'Este estudio está en pausa. Sus votos están guardados; vuelva más tarde, por favor.'],
    'study-closed': ['Este estudio ha terminado', 'Gracias por su interés.'],
    'key-required': [
      'Ya empezado en otro lugar',
      'Alguien ha empezado este estudio como este participante en otro navegador. ¿Era usted? Entonces puede continuar aquí.',
    ],
  },
  busy: 'Muchas personas empiezan en este momento. Su plaza quedará libre en menos de un minuto; esta página continúa por sí sola.',

  allJudgedTitle: 'Todos los pares están juzgados',
  allJudged:
    'Ha juzgado todos los pares que hay para usted, y todas sus respuestas están guardadas. Termine para llegar al final, o retire antes sus últimas respuestas.',
  finish: 'Terminar',
  finishedTitle: '¡Gracias!',
  finished: 'Ha juzgado todos los pares que hay para usted. Todos sus votos están guardados; puede cerrar esta página.',
  undoLast: 'Retirar mis últimas respuestas',
  fullTitle: 'Este estudio está completo',
  full: 'Otras personas han ocupado todas las plazas. No se ha perdido nada y no se ha guardado nada de usted. Si queda libre una plaza mientras esta página está abierta, continúa por sí sola.',

  welcomeTitle: 'Bienvenida',
  researcher: 'Quién pregunta',
  minutes: 'Cuánto dura',
  minutesOf: (minutes) => `unos ${minutes} minutos`,
  pay: 'Qué se paga',
  contact: 'Preguntas a',
  start: 'Empezar',
  consentTitle: 'Su consentimiento',
  stored:
    'Se guardan su identificador en la plataforma, sus respuestas con el tiempo que tomaron y lo que mostraba su pantalla: el tamaño de la ventana, el zoom y el idioma. Su dirección de red se guarda una hora como máximo, contra abusos.',
  kept: (days: number) =>
    days === 0
      ? 'Su identificador se sustituye por un seudónimo en cuanto termina el estudio.'
      : `Su identificador se sustituye por un seudónimo ${days === 1 ? 'un día' : `${days} días`} después de que termine el estudio.`,
  agree: 'Acepto',
  disagree: 'No acepto',
  deviceTitle: 'Hace falta una pantalla más grande',
  deviceText: 'Agrande esta ventana, gire su dispositivo o abra el enlace en otro. La página continúa por sí sola.',
  deviceNeeds: (width, height, depth) =>
    [
      width === undefined ? undefined : `${width} píxeles de ancho`,
      height === undefined ? undefined : `${height} píxeles de alto`,
      depth === undefined ? undefined : `${depth} bits de color`,
    ]
      .filter((part) => part !== undefined)
      .join(', '),
  needed: 'Necesario',
  yours: 'La suya',
  deviceGiveUp: 'No tengo una pantalla más grande',
  instructionsTitle: 'Lo que hará',
  example: 'Un ejemplo',
  exampleAnswer: (side) => `Aquí la respuesta es: ${side}.`,
  practise: 'Continuar con la práctica',
  goOn: 'Continuar',
  practiceOf: (asked, total) => `Práctica ${asked} de ${total}`,
  practiceRight: 'Es lo que esperábamos',
  practiceWrong: 'Esperábamos la otra imagen',
  practiceText: 'En la práctica decimos lo que esperábamos. En el estudio, guíese por su propia impresión.',
  breakTitle: '¿Una pausa breve?',
  breakText: (done) =>
    `Ha juzgado ${many(done, 'par', 'pares')}. Descanse la vista un momento si quiere; sus respuestas están guardadas.`,
  surveyTitle: 'Una o dos preguntas más',
  surveyText: 'Puede dejar cualquiera en blanco.',
  send: 'Enviar',
  ends: {
    finished: ['¡Gracias!', 'Ha terminado, y todas sus respuestas están guardadas.'],
    full: [
      'Este estudio está completo',
      'Otras personas han ocupado todas las plazas y no se ha guardado nada de usted. Si queda libre una plaza mientras esta página está abierta, continúa por sí sola.',
    ],
    'no-consent': ['No ha aceptado', 'No se ha guardado nada de usted salvo esta respuesta. Puede cerrar esta página.'],
    device: [
      'Esta pantalla es demasiado pequeña',
      'El estudio necesita una pantalla más grande. Puede cerrar esta página.',
    ],
    checks: [
      'El estudio termina aquí',
      'Algunos pares con respuesta conocida se respondieron de otro modo, y por eso el estudio termina aquí para usted. Gracias por su tiempo; el equipo de investigación revisa cada caso.',
    ],
    withdrawn: [
      'Ha dejado este estudio',
      'La plataforma que le envió indica que su participación se devolvió, caducó o no fue aceptada, así que aquí no queda nada por hacer. Lo que respondió se conserva. Si es un error, escriba al equipo de investigación a través de la plataforma.',
    ],
  },
  code: 'Su código de finalización',
  copy: 'Copiar',
  copied: 'Copiado',
  leave: 'Volver a la plataforma',
};
