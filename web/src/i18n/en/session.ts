/** Logging on, first set-up, passwords. */
export const session = {
  'session.logOn': 'Log In',
  'session.logOnTo': 'Log in to {host}',
  'session.user': 'Username',
  'session.password': 'Password',
  'session.code': 'One-time code',
  'session.codeHelp': 'The six digits that your authenticator app shows now.',
  'session.anyCodeHelp': 'The six digits that your authenticator app shows now, or one of your recovery codes.',
  'session.showPassword': 'Show or hide the password',

  'setup.title': 'Set up Postern',
  'setup.text':
    'Create the first administrator. The set-up link works once; afterwards one logs in with this name and password.',
  'setup.action': 'Create the administrator',
  'setup.noToken': 'This is not a complete set-up link',
  'setup.noTokenText':
    'Open the link that the console printed when the gateway was started for the first time, or log in if there is an administrator already.',

  'password.new': 'New password',
  'password.again': 'New password again',
  'password.rule': 'At least {count} characters. A few unrelated words are easy to remember and hard to guess.',
  'password.short': 'It needs at least {count} characters.',
  'password.differs': 'The two are not the same.',
} as const;
