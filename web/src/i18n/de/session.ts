import type { session as english } from '../en/session.ts';

export const session: Readonly<Record<keyof typeof english, string>> = {
  'session.logOn': 'Anmelden',
  'session.logOnTo': 'Anmelden bei {host}',
  'session.user': 'Benutzername',
  'session.password': 'Kennwort',
  'session.code': 'Einmalcode',
  'session.codeHelp': 'Die sechs Ziffern, die Ihre Authentifizierungs-App jetzt anzeigt.',
  'session.anyCodeHelp':
    'Die sechs Ziffern, die Ihre Authentifizierungs-App jetzt anzeigt, oder einer Ihrer Wiederherstellungscodes.',
  'session.showPassword': 'Kennwort anzeigen oder verbergen',

  'setup.title': 'Postern einrichten',
  'setup.text':
    'Legen Sie den ersten Administrator an. Der Einrichtungslink gilt einmal; danach meldet man sich mit diesem Namen und Kennwort an.',
  'setup.action': 'Administrator anlegen',
  'setup.noToken': 'Dies ist kein vollständiger Einrichtungslink',
  'setup.noTokenText':
    'Öffnen Sie den Link, den die Konsole beim ersten Start des Gateways ausgegeben hat, oder melden Sie sich an, wenn es schon einen Administrator gibt.',

  'password.new': 'Neues Kennwort',
  'password.again': 'Neues Kennwort wiederholen',
  'password.rule':
    'Mindestens {count} Zeichen. Ein paar Wörter ohne Zusammenhang merkt man sich leicht, und sie sind schwer zu erraten.',
  'password.short': 'Es braucht mindestens {count} Zeichen.',
  'password.differs': 'Die beiden stimmen nicht überein.',
};
