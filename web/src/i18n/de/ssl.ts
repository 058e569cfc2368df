import type { ssl as english } from '../en/ssl.ts';

export const ssl: Readonly<Record<keyof typeof english, string>> = {
  'ssl.title': 'SSL-Konfiguration',
  'ssl.description': 'TLS-Versionen und Chiffren der Weboberfläche, der eingehenden und der ausgehenden E-Mails.',
  'ssl.editDescription':
    'Mit „Übertragen“ werden Ihre Einstellungen zu ausstehenden Änderungen; sie gelten, sobald die Änderungen bestätigt sind.',
  'ssl.edit': 'Einstellungen bearbeiten',
  'ssl.submitted': 'Die Einstellungen stehen aus. „Änderungen bestätigen“ setzt sie in Kraft.',
  'ssl.service.gui': 'GUI HTTPS',
  'ssl.service.inbound': 'Eingehendes SMTP',
  'ssl.service.outbound': 'Ausgehendes SMTP',
  'ssl.otherClients': 'Andere TLS-Client-Services',
  'ssl.otherClientsHelp':
    'Verbindungen außer E-Mail, die das Gateway selbst aufbaut, etwa zu Protokollsammlern. Sie verwenden immer TLS v1.2 und TLS v1.3.',
  'ssl.allow': 'Auch {version} zulassen',
  'ssl.bridge': 'TLS v1.1 ist die Brücke zwischen TLS v1.0 und TLS v1.2 und daher aktiv, solange TLS v1.0 es ist.',
  'ssl.method': 'Methoden',
  'ssl.versions': 'TLS-Versionen für {service}',
  'ssl.on': 'aktiviert',
  'ssl.off': 'deaktiviert',
  'ssl.pending': 'Ausstehend',
  'ssl.inForce': 'Derzeit in Kraft: {value}',
  'ssl.grey.last': '{version} ist die einzige ausgewählte Version; mindestens eine muss bleiben.',
  'ssl.grey.inside': '{version} ist die Brücke zwischen {others}: Ohne sie sind diese nicht zusammen möglich.',
  'ssl.grey.apart': 'Für {version} zuerst {others} auswählen: Die Versionen müssen eine lückenlose Folge sein.',
  'ssl.deprecated':
    'Hinweis: {versions} {count|ist|sind} veraltet (RFC 8996) und daher standardmäßig deaktiviert. Die Option ist weiterhin verfügbar, wenn der Besitzer sie aktiviert; Gegenstellen, die mehr können, sind davon nicht betroffen.',
  'ssl.fixedQuestion': 'Die Chiffren von TLS v1.3 ({service})',
  'ssl.fixedTitle': 'Chiffren von TLS v1.3',
  'ssl.fixedText':
    'Diese drei sind mit TLS v1.3 immer aktiv, in dieser Reihenfolge. Sie können nicht geändert oder ausgeschlossen werden.',
  'ssl.ciphers': 'Zu verwendende SSL-Chiffre(n)',
  'ssl.ciphersHelp':
    'Für TLS v1.0, v1.1 und v1.2, in der Schreibweise von OpenSSL. Die Chiffren von TLS v1.3 sind fest.',
  'ssl.ciphersUnused': 'Nicht in Gebrauch, solange TLS v1.3 die einzige Version ist: Deren Chiffren sind fest.',
  'ssl.effective': 'Steht für',
  'ssl.suites': '{count|# Verschlüsselungssuite|# Verschlüsselungssuiten}',
  'ssl.unknown': '{count|Ein Wort, das nicht verwendbar ist|# Wörter, die nicht verwendbar sind}',
  'ssl.suite': 'Verschlüsselungssuite',
  'ssl.suiteFrom': 'Seit',
  'ssl.suiteExchange': 'Schlüsselaustausch',
  'ssl.suiteAuthentication': 'Authentifizierung',
  'ssl.suiteEncryption': 'Verschlüsselung',
  'ssl.suiteMac': 'MAC',
};
