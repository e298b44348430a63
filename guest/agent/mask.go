package agent

import "regexp"

// Engines write statements into their logs as they came, passwords and all. What may be one is covered with stars of the
// same length, so that offsets into the log stay true; too much is covered rather than too little.

const (
	// word is a text in quotes, of any engine; one that does not end reaches to the end of what is looked at.
	word = `(?:'(?:[^'\\]|\\.|'')*(?:'|\\?\z)|"(?:[^"\\]|\\.|"")*(?:"|\\?\z)|\$\w*\$(?:[^$]|\$[^$])*(?:\$|\z))`
	// more are further words of the same clause: IDENTIFIED WITH 'plugin' AS 'hash'.
	more = `(?:[\s,()]*\b(?:by|as|using|or|for|to|via|with)\b[^'"$;]{0,80}` + word + `)*`
)

// secrets find what is covered: all of the match, but for its first group.
var secrets = []*regexp.Regexp{
	regexp.MustCompile(`(?is)(\bset\s+password\s+for\b[^=;]*=\s*(?:password\s*\(\s*)?)` + word),
	// SQL: IDENTIFIED BY, SET PASSWORD, PASSWORD(...), MASTER_PASSWORD =, ALTER ROLE ... PASSWORD.
	regexp.MustCompile(`(?is)(\b\w*(?:identified\s+(?:by|via|with)|password)\b[^'"$;]{0,80}?)` + word + more),
	// Verifiers: of MariaDB and MySQL, of PostgreSQL, of Redis.
	regexp.MustCompile(`()\*[0-9A-Fa-f]{40}`),
	regexp.MustCompile(`()\$A\$\d{3}\$[^\s'"]*`),
	regexp.MustCompile(`()(?:SCRAM-SHA-256\$[^\s'"]*|\bmd5[0-9a-f]{32}\b)`),
	regexp.MustCompile(`()#[0-9a-f]{64}`),
	// Connection strings.
	regexp.MustCompile(`(?i)(\b(?:password|passwd|requirepass|masterauth)"?\s*[=:]?\s*"?)[^\s'",;]+`),
	regexp.MustCompile(`(\w://[^\s:/@]*:)[^\s@]+@`),
	// Redis: AUTH [user] password, ACL SETUSER ... >password, in the words of a command or in quotes.
	regexp.MustCompile(`(?i)(\bauth"?)(?:[ \t]+(?:"(?:[^"\\]|\\.)*"?|[^\s"]+)){1,2}`),
	regexp.MustCompile(`([\s"'])[<>][^\s"']+`),
}

// mask covers what may be a secret in the text, in place.
func mask(text []byte) {
	for _, secret := range secrets {
		for _, at := range secret.FindAllSubmatchIndex(text, -1) {
			for i := at[3]; i < at[1]; i++ {
				if text[i] != '\n' {
					text[i] = '*'
				}
			}
		}
	}
}
